#include "common/api/inference_service.hpp"

#include "test/catch.hpp"

namespace {

api::InferenceServiceSpec spec_of(const std::string& spec) {
  const auto object =
      base::parse_json(R"({"kind":"InferenceService","metadata":{"name":"a"},"spec":)" + spec + "}", "test");
  REQUIRE(object);
  return api::decode_inference_service(*object).spec;
}

}  // namespace

TEST_CASE("the example of three models") {
  const auto spec = spec_of(R"({"runtime":"llamacpp-router","models":[{"name":"phi4-mini"},{"name":"qwen3-7b-coder"}],
                                "resources":{"requests":{"nvidia.com/gpu":1}}})");
  CHECK(spec.runtime == "llamacpp-router");
  REQUIRE(spec.models.size() == 2);
  CHECK(spec.models[1].name == "qwen3-7b-coder");
  CHECK(spec.resources.requests.at("nvidia.com/gpu") == "1");
  CHECK(spec.router.preload == std::vector<std::string>{"phi4-mini"});
  CHECK(spec.router.max_loaded_models == 1);
  CHECK(api::model_names(spec) == std::vector<std::string>{"phi4-mini", "qwen3-7b-coder"});
}

TEST_CASE("an empty preload stays empty") {
  CHECK(spec_of(R"({"models":[{"name":"a"}],"router":{"preload":[]}})").router.preload.empty());
}

TEST_CASE("settings of a model and of the service") {
  const auto spec = spec_of(R"({"contextSize":4096,"extraArgs":["--jinja"],"cacheTypeCustomK":"tbq3",
      "models":[{"name":"a","aliases":["b:c"],"gpuLayers":-1,"contextSize":8192,"flashAttention":false,"extraArgs":["-fa","on"]}]})");
  CHECK(spec.settings.context_size == 4096);
  CHECK(spec.settings.extra_args == std::vector<std::string>{"--jinja"});
  CHECK(spec.cache_type_custom_k == "tbq3");
  const auto& entry = spec.models.at(0);
  CHECK(entry.aliases == std::vector<std::string>{"b:c"});
  CHECK(entry.gpu_layers == -1);
  CHECK(entry.settings.context_size == 8192);
  CHECK(entry.settings.flash_attention == false);
  CHECK(entry.settings.extra_args.size() == 2);
}

TEST_CASE("Kubernetes types are kept as JSON text") {
  const auto spec = spec_of(R"({"env":[{"name":"A","value":"b"}],"affinity":{},"tolerations":"odd"})");
  CHECK(spec.env == R"([{"name":"A","value":"b"}])");
  CHECK(spec.affinity == "{}");
  CHECK(spec.tolerations.empty());
}

TEST_CASE("odd types everywhere read as the defaults") {
  const api::InferenceServiceSpec defaults;
  CHECK(spec_of("[]") == defaults);
  CHECK(spec_of(R"({"runtime":1,"models":"a","router":[],"resources":[],"replicas":"x","endpoint":5,"env":true})") ==
        defaults);
  CHECK(spec_of(R"({"models":[1,null,"a"]})").models.empty());
}

TEST_CASE("the suffix decides what a runtime serves") {
  CHECK(api::is_router_runtime("llamacpp-router"));
  CHECK(api::is_router_runtime("mlx-router"));
  CHECK_FALSE(api::is_router_runtime("llamacpp"));
  CHECK_FALSE(api::is_router_runtime("router"));
}
