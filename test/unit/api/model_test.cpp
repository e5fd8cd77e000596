#include "common/api/model.hpp"

#include "test/catch.hpp"

TEST_CASE("a Model is read") {
  const auto object = base::parse_json(
      R"({"metadata":{"name":"phi"},"spec":{"source":"hf://org/repo","files":["a.gguf"],"mmproj":"m.gguf","sha256":"AB",
          "refreshPolicy":"OnChange","sourceSecretRef":{"name":"s"},
          "hardware":{"accelerator":"cuda","gpu":{"count":2,"layers":-1,"vendor":"amd","resourceClaims":[{"name":"x"}]}}}})",
      "test");
  REQUIRE(object);
  const auto model = api::decode_model(*object);
  CHECK(model.metadata.name == "phi");
  CHECK(model.spec.source == "hf://org/repo");
  CHECK(model.spec.files == std::vector<std::string>{"a.gguf"});
  CHECK(model.spec.mmproj == "m.gguf");
  CHECK(model.spec.refresh_policy == "OnChange");
  CHECK(model.spec.source_secret == "s");
  REQUIRE(model.spec.hardware);
  CHECK(model.spec.hardware->accelerator == "cuda");
  REQUIRE(model.spec.hardware->gpu);
  CHECK(model.spec.hardware->gpu->count == 2);
  CHECK(model.spec.hardware->gpu->vendor == "amd");
  CHECK(model.spec.hardware->gpu->resource_claims == R"([{"name":"x"}])");
}

TEST_CASE("a Model of odd types reads as empty") {
  const auto object =
      base::parse_json(R"({"spec":{"source":1,"files":"a","hardware":[],"sourceSecretRef":"s"}})", "test");
  REQUIRE(object);
  CHECK(api::decode_model(*object).spec == api::ModelSpec{});
}
