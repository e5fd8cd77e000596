#include "common/rules/validate.hpp"

#include "common/api/llama_values.hpp"
#include "common/api/preset.hpp"
#include "common/rules/denial.hpp"
#include "common/rules/gpu.hpp"
#include "common/rules/rule.hpp"
#include "test/catch.hpp"

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  const auto object = base::parse_json(text, "test");
  REQUIRE(object);
  return rules::error_lines(rules::validate(*object));
}

std::string service(const std::string& spec) {
  return R"({"kind":"InferenceService","metadata":{"name":"edge"},"spec":)" + spec + "}";
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("the example of three models is right as it is") {
  CHECK(lines_of(service(R"({"runtime":"llamacpp-router","models":[{"name":"phi4-mini"},{"name":"qwen3-7b-coder"},
                             {"name":"gemma3-4b-summarizer"}],"resources":{"requests":{"nvidia.com/gpu":1}}})"))
            .empty());
}

TEST_CASE("all mistakes are named at once, by path") {
  const auto lines =
      lines_of(service(R"({"runtime":"llamacpp-router","replicas":"x","models":[{"name":"a"},{"name":"a"}],
      "router":{"preload":["nobody"]},"resources":{"requests":{"memory":"1Gb"}},"extraArgs":["--port","9"]})"));
  REQUIRE(lines.size() == 5);
  CHECK(lines[0] ==
        "spec.extraArgs[0]: Forbidden: \"--port\": this flag is the router's own; set spec.endpoint.port (Service) or "
        "spec.containerPort (container)");
  CHECK(lines[1] ==
        "spec.models[1].name: Duplicate value: \"a\": spec.models[0] has this name already; remove one of them");
  CHECK(lines[2] == "spec.replicas: Invalid value: \"x\": must be a whole number, is a string");
  CHECK_THAT(lines[3], ContainsSubstring("spec.resources.requests[memory]: Invalid value: \"1Gb\": is not a quantity"));
  CHECK_THAT(lines[4], ContainsSubstring("spec.router.preload[0]: Unsupported value: \"nobody\""));
}

TEST_CASE("an image of another build is trusted with flags that the table does not know, and warned of") {
  const std::string arguments =
      R"("extraArgs":["--newer-flag","1","--draft","4","--cache-type-k","q9","--Odd","--port","9","--newest","# x"])";
  const auto findings_of = [&](const std::string& image, const rules::Site& site = {}) {
    const auto object = base::parse_json(service(R"({"runtime":"llamacpp-router","models":[{"name":"a"}],)"
                                                 R"("resources":{"gpu":1},"image":")" +
                                                 image + "\"," + arguments + "}"),
                                         "test");
    REQUIRE(object);
    return rules::validate(*object, site);
  };
  const rules::Site elsewhere{.other_build = true};
  CHECK(findings_of("", elsewhere) == findings_of("mirror.example/llama:server-b12000"));
  CHECK(findings_of("mirror.example/llama:server-b11669", elsewhere) ==
        findings_of("mirror.example/llama:server-b11669"));
  const auto known = findings_of("mirror.example/llama:server-b11669");
  CHECK(rules::error_lines(known).size() == 6);
  CHECK(rules::make_warnings(known).empty());
  const auto other = findings_of("mirror.example/llama:server-b12000");
  const auto errors = rules::error_lines(other);
  REQUIRE(errors.size() == 3);
  CHECK_THAT(errors[0], ContainsSubstring("spec.extraArgs[6]: Unsupported value: \"--Odd\""));
  CHECK_THAT(errors[1], ContainsSubstring("spec.extraArgs[7]: Forbidden: \"--port\""));
  CHECK_THAT(errors[2], ContainsSubstring("spec.extraArgs[10]: Invalid value: \"# x\": cannot be a flag's value"));
  const auto warnings = rules::make_warnings(other);
  REQUIRE(warnings.size() == 4);
  CHECK(warnings[0] == "spec.extraArgs[0]: build 11669 knows no such flag; if the image is like it, no model starts");
  CHECK_THAT(warnings[1],
             ContainsSubstring("build 11669 has it no more; if the image is like it, the model does not load"));
  CHECK_THAT(warnings[2],
             ContainsSubstring("build 11669 takes no such value; if the image is like it, the model does not load"));
}

TEST_CASE("of a plain flag, which the rules about one flag pass over, none has a word to say") {
  const auto is_plain = [](const std::string& name, const std::string& value) {
    return rules::is_plain(api::parse_llama_flags({name, value}).front());
  };
  CHECK(is_plain("--temp", "0.7"));
  CHECK(is_plain("--threads", "-1"));
  CHECK(is_plain("--swa-full", ""));
  for (const char* name : {"--port", "--threads-http", "--ctx-size", "--mlock", "--newer-flag"})
    CHECK_FALSE(is_plain(name, "1"));
  for (const auto& flag : api::llama_flags()) {
    for (const char* value :
         {"0", "7", "-3", "0.7", "7.", ".5", "-", "", "999999999", "9999999999", "8k", "a # b", " 1"}) {
      const std::string name = "--" + std::string(flag.key);
      if (flag.arity == 0 || !is_plain(name, value)) continue;
      INFO(name << " " << value);
      CHECK_FALSE(api::value_refused(flag, value));
      CHECK(api::value_cut(flag, value).empty());
      CHECK_FALSE(api::preset_value_problem(value));
    }
  }
}

TEST_CASE("a projector is no model, also where files list nothing else") {
  const auto model = [](const std::string& files) {
    return R"({"kind":"Model","metadata":{"name":"m"},"spec":{"source":"hf://org/repo","mmproj":"p.gguf","files":)" +
           files + "}}";
  };
  const Lines wrong{
      "spec.mmproj: Invalid value: \"p.gguf\": a projector belongs to a set of files; list the model's file in "
      "spec.files"};
  CHECK(lines_of(model(R"(["p.gguf"])")) == wrong);
  CHECK(lines_of(model(R"(["p.gguf","p.gguf"])")) == wrong);
  CHECK(lines_of(model(R"(["p.gguf","a.gguf"])")).empty());
}

TEST_CASE("a wrong type silences what rests on it") {
  CHECK(lines_of(service(R"({"runtime":"llamacpp-router","models":"a","router":{"preload":["a"]}})")) ==
        Lines{"spec.models: Invalid value: \"a\": must be a list, is a string"});
  CHECK(lines_of(service(R"({"runtime":"llamacpp-router","models":[1]})")) ==
        Lines{"spec.models[0]: Invalid value: 1: must be an object, is a number"});
  CHECK(lines_of(service(R"({"runtime":"llamacpp-router","models":[{"name":"a"}],"router":[]})")) ==
        Lines{"spec.router: Invalid value: []: must be an object, is a list"});
  CHECK(lines_of(service(R"({"runtime":7})")) ==
        Lines{"spec.runtime: Invalid value: 7: must be a string, is a number; write it in quotes"});
}

TEST_CASE("a model's own cache type and attention win over the service's") {
  const auto warnings_of = [](const std::string& fields) {
    const auto object =
        base::parse_json(service(R"({"runtime":"llamacpp-router","resources":{"gpu":1},)" + fields + "}"), "test");
    REQUIRE(object);
    return rules::make_warnings(rules::validate(*object));
  };
  const auto begins = [](const Lines& lines, std::string_view with) {
    return lines.size() == 1 && lines[0].starts_with(with);
  };
  CHECK(begins(warnings_of(R"("models":[{"name":"a","cacheTypeV":"q4_0"}],"flashAttention":false)"),
               "spec.models[0].cacheTypeV: llama.cpp refuses this"));
  CHECK(begins(warnings_of(R"("models":[{"name":"a","flashAttention":false}],"cacheTypeV":"q4_0")"),
               "spec.cacheTypeV: llama.cpp refuses this with flashAttention: false of spec.models[0]"));
  CHECK(begins(warnings_of(R"("models":[{"name":"a"}],"cacheTypeCustomV":"q4_0","flashAttention":false)"),
               "spec.cacheTypeCustomV: llama.cpp refuses this"));
  for (const auto* good :
       {R"("models":[{"name":"a","flashAttention":true,"cacheTypeV":"q4_0"}],"flashAttention":false)",
        R"("models":[{"name":"a","flashAttention":false,"cacheTypeV":"f16"}],"cacheTypeV":"q4_0")",
        R"("models":[{"name":"a","flashAttention":null,"cacheTypeV":"q4_0"}])"}) {
    CHECK(warnings_of(good).empty());
  }
}

TEST_CASE("an amount that is negative or has a fraction is found however it is written") {
  const auto of_memory = [](const std::string& amount) {
    const auto object = base::parse_json(
        service(R"({"runtime":"llamacpp-router","models":[{"name":"a"}],"resources":{"gpu":1,"requests":{"memory":)" +
                amount + "}}}"),
        "test");
    REQUIRE(object);
    const auto findings = rules::validate(*object);
    return findings.empty() ? std::string() : std::string(findings.front().rule);
  };
  for (const auto* amount : {"-1", "\"-1Gi\"", "\"-1e3\""}) CHECK(of_memory(amount) == "quantity-negative");
  for (const auto* amount : {"\"512m\"", "\"0.5\"", "\"5e-1\"", "\"5E-1\"", "\"1n\""}) {
    CAPTURE(amount);
    CHECK(of_memory(amount) == "quantity-fraction");
  }
  for (const auto* amount : {"1", "\"1.5Gi\"", "\"1e3\"", "\"1E\"", "\"2000m\"", "\"10e-1\""}) {
    CAPTURE(amount);
    CHECK(of_memory(amount).empty());
  }
}

TEST_CASE("a request is compared with its limit whichever shape says each") {
  const auto where = [](const std::string& resources) {
    const auto object = base::parse_json(
        service(R"({"runtime":"llamacpp-router","models":[{"name":"a"}],"resources":{"gpu":1,)" + resources + "}}"),
        "test");
    REQUIRE(object);
    std::vector<std::string> out;
    for (const auto& finding : rules::validate(*object)) {
      if (finding.rule == "request-over-limit") out.push_back(finding.path);
    }
    return out;
  };
  CHECK(where(R"("memory":"8Gi","limits":{"memory":"4Gi"})") == Lines{"spec.resources.memory"});
  CHECK(where(R"("cpu":"2","limits":{"cpu":1})") == Lines{"spec.resources.cpu"});
  CHECK(where(R"("ephemeralStorage":"2G","limits":{"ephemeral-storage":"1G"})") ==
        Lines{"spec.resources.ephemeralStorage"});
  CHECK(where(R"("memory":"1Gi","hostMemory":"8Gi","limits":{"memory":"4Gi"})") == Lines{"spec.resources.hostMemory"});
  CHECK(where(R"("memory":"8Gi","hostMemory":"4Gi","limits":{"memory":"4Gi"})").empty());
  CHECK(where(R"("memory":"8Gi","requests":{"memory":"8Gi"},"limits":{"memory":"4Gi"})") ==
        Lines{"spec.resources.requests[memory]"});
  CHECK(where(R"("memory":"8Gi","limits":{"memory":null})").empty());
}

TEST_CASE("a partition is asked for under its own name, in whichever shape") {
  const auto lines = [](const std::string& requests) {
    return lines_of(service(R"({"runtime":"llamacpp-router","models":[{"name":"a"}],"resources":{"requests":)" +
                            requests + R"(,"gpuSharing":{"mode":"partitioned","profile":"1g.5gb"}}})"));
  };
  CHECK(lines(R"({"nvidia.com/gpu":1})") ==
        Lines{"spec.resources.requests[nvidia.com/gpu]: Invalid value: 1: spec.resources.gpuSharing.profile says "
              "nvidia.com/mig-1g.5gb; keep one of them"});
  CHECK(lines(R"({"nvidia.com/mig-1g.5gb":1,"nvidia.com/gpumem":8})").empty());
}

TEST_CASE("an image has a name that a container runtime can read") {
  const auto is_taken = [](const std::string& image) {
    return lines_of(service(R"({"runtime":"llamacpp-router","models":[{"name":"a"}],"resources":{"gpu":1},"image":)" +
                            base::quote_json(image) + "}"))
        .empty();
  };
  const std::string digest = "sha256:" + std::string(64, 'a');
  for (const std::string& image : {std::string("llama"), std::string("llama:b1"), std::string("a/b__c/d--e.f:V1_x-y.z"),
                                   "Registry.example:5000/a@" + digest, "localhost/a:b@" + digest,
                                   std::string("[fd00::1]:5000/a"), "a:" + std::string(128, 't')}) {
    CAPTURE(image);
    CHECK(is_taken(image));
  }
  for (const std::string& image : {std::string("https://registry.example/a"), std::string("registry.example/Llama"),
                                   std::string("Llama:b1"), std::string("a:b:c"), std::string("a:"), std::string("a b"),
                                   std::string(" a"), std::string("a/"), std::string("/a"), std::string("a@sha256:1"),
                                   std::string("a\nb"), std::string("a\0b", 3), "a:" + std::string(129, 't')}) {
    CAPTURE(image);
    CHECK_FALSE(is_taken(image));
  }
}

TEST_CASE("a value that YAML takes for another type is told how to be written") {
  const auto lines = [](const std::string& fields) {
    return lines_of(
        service(R"({"runtime":"llamacpp-router","models":[{"name":"a"}],"resources":{"gpu":1},)" + fields + "}"));
  };
  CHECK(lines(R"("podLabels":{"version":1.5})") ==
        Lines{"spec.podLabels[version]: Invalid value: 1.5: must be a string, is a number; write it in quotes"});
  CHECK(lines(R"("podLabels":{"on":true})") ==
        Lines{"spec.podLabels[on]: Invalid value: true: must be a string, is true or false; write it in quotes"});
  CHECK(
      lines(R"("contextSize":"4096")") ==
      Lines{"spec.contextSize: Invalid value: \"4096\": must be a whole number, is a string; write it without quotes"});
  CHECK(lines(R"("contextSize":"4k")") ==
        Lines{"spec.contextSize: Invalid value: \"4k\": must be a whole number, is a string"});
  CHECK(lines(R"("cacheTypeK":8)") == Lines{"spec.cacheTypeK: Invalid value: 8: must be a string, is a number"});
  CHECK(lines(R"("jinja":"true")") ==
        Lines{"spec.jinja: Invalid value: \"true\": must be true or false, is a string; write it without quotes"});
}

TEST_CASE("a container's own user and runAsNonRoot win over the Pod's") {
  const auto where = [](const std::string& pod, const std::string& container) {
    const auto object = base::parse_json(
        service(R"({"runtime":"llamacpp-router","models":[{"name":"a"}],"resources":{"gpu":1},"podSecurityContext":)" +
                pod + R"(,"securityContext":)" + container + "}"),
        "test");
    REQUIRE(object);
    std::vector<std::string> out;
    for (const auto& finding : rules::validate(*object)) {
      CHECK(finding.rule == "run-as-root");
      out.push_back(finding.path);
    }
    return out;
  };
  const std::string in_pod = "spec.podSecurityContext.runAsUser";
  CHECK(where(R"({"runAsUser":0})", "{}") == Lines{in_pod});
  CHECK(where("{}", R"({"runAsUser":0})") == Lines{"spec.securityContext.runAsUser"});
  CHECK(where(R"({"runAsUser":0})", R"({"runAsUser":7})") == Lines{in_pod});
  CHECK(where(R"({"runAsUser":0,"runAsNonRoot":false})", R"({"runAsNonRoot":true})") ==
        Lines{"spec.securityContext.runAsNonRoot"});
  CHECK(where(R"({"runAsUser":0,"runAsNonRoot":false})", "{}").empty());
  CHECK(where(R"({"runAsNonRoot":false})", R"({"runAsUser":0})").empty());
  CHECK(where("{}", R"({"runAsUser":0,"runAsNonRoot":false})").empty());
  CHECK(where(R"({"runAsUser":7,"runAsNonRoot":true})", R"({"runAsUser":8})").empty());
}

TEST_CASE("an annotation's key may have capitals in its domain, a label's may not") {
  const auto with = [](const std::string& metadata, const std::string& fields) {
    return lines_of(R"({"kind":"InferenceService","metadata":{"name":"edge")" + metadata +
                    R"(},"spec":{"runtime":"llamacpp-router","models":[{"name":"a"}])" + fields + "}}");
  };
  CHECK(with(R"(,"annotations":{"Example.COM/a":"x"})", "").empty());
  CHECK(with(R"(,"labels":{"Example.COM/a":"x"})", "").size() == 1);
  CHECK(with("", R"(,"podAnnotations":{"Example.COM/a":"x"})").empty());
  CHECK(with("", R"(,"podLabels":{"Example.COM/a":"x"})").size() == 1);
}

TEST_CASE("what counts a GPU's memory, cores or tiles counts no GPUs") {
  for (const char* gpu : {"nvidia.com/gpu", "nvidia.com/gpu.shared", "nvidia.com/mig-1g.5gb"})
    CHECK(rules::gpu_vendor(gpu) == "nvidia");
  for (const char* gpu : {"amd.com/gpu", "devic.es/dri-render", "devic.es/dri-render-a"})
    CHECK(rules::gpu_vendor(gpu) == "amd");
  for (const char* gpu : {"gpu.intel.com/i915", "gpu.intel.com/xe"}) CHECK(rules::gpu_vendor(gpu) == "intel");
  for (const char* other : {"nvidia.com/gpumem", "nvidia.com/gpucores", "nvidia.com/gpumem-percentage",
                            "gpu.intel.com/memory.max", "gpu.intel.com/tiles", "gpu.intel.com/i915_monitoring"})
    CHECK(rules::gpu_vendor(other).empty());
  CHECK(lines_of(service(R"({"runtime":"llamacpp-router","models":[{"name":"a"}],"resources":{"gpu":1,"limits":)"
                         R"({"nvidia.com/gpumem":8000,"nvidia.com/gpucores":50}}})"))
            .empty());
}

TEST_CASE("what is advised is there, and is taken") {
  const auto all_of = [](const std::string& fields) {
    const auto object = base::parse_json(
        service(R"({"runtime":"llamacpp-router","models":[{"name":"a","gpuLayers":7}],"resources":{"gpu":1},)" +
                fields + "}"),
        "test");
    REQUIRE(object);
    std::string out;
    for (const auto& finding : rules::validate(*object)) out += finding.text() + "\n";
    return out;
  };
  const auto of_env = [&](const std::string& name) {
    return all_of(R"("env":[{"name":")" + name + R"(","value":"1"}])");
  };
  CHECK_THAT(of_env("LLAMA_ARG_N_GPU_LAYERS"), ContainsSubstring("; set spec.models[].gpuLayers\n"));
  CHECK_THAT(of_env("LLAMA_ARG_CTX_SIZE"), ContainsSubstring("; set spec.contextSize\n"));
  CHECK_THAT(of_env("LLAMA_ARG_DRAFT_MAX"),
             ContainsSubstring("; use --spec-draft-n-max or --spec-ngram-mod-n-max in spec.extraArgs\n"));
  CHECK_THAT(all_of(R"("extraArgs":["--n-gpu-layers","3"])"),
             ContainsSubstring("; set spec.models[].gpuLayers to say"));
  const auto of_probe = [&](const std::string& port, const std::string& fields) {
    return all_of(R"("probeOverrides":{"liveness":{"httpGet":{"path":"/","port":)" + port + "}}}" + fields);
  };
  const std::string direct = R"(,"router":{"scheduling":{"policy":"Direct"}})";
  for (const auto& fields : {std::string(), direct}) CHECK(of_probe(R"("http")", fields).empty());
  CHECK(of_probe(R"("llama")", "").empty());
  CHECK_THAT(of_probe(R"("llama")", direct), ContainsSubstring("is no name of a port"));
  CHECK_THAT(of_probe(R"("agent")", R"(,"containerPort":9000)"), ContainsSubstring("9000 is llama-server's"));
}

TEST_CASE("a field that a router runtime ignores is warned of at any depth") {
  const auto object = base::parse_json(
      service(R"({"runtime":"llamacpp-router","models":[{"name":"a"}],"evictionProtection":true,)"
              R"("endpoint":{"gateway":{"gatewayRef":{"name":"x"}}},"maxPodLifetimeSeconds":7,"rolloutPolicy":{},)"
              R"("resources":{"gpu":1,"gpuMemory":"8Gi","gpuSharing":{"mode":"shared","memoryLimitGiB":8}}})"),
      "test");
  REQUIRE(object);
  Lines where;
  for (const auto& finding : rules::validate(*object)) {
    CHECK(finding.rule == "ignored-field");
    where.push_back(finding.path);
  }
  CHECK(where == Lines{"spec.endpoint.gateway", "spec.evictionProtection", "spec.maxPodLifetimeSeconds",
                       "spec.resources.gpuMemory", "spec.resources.gpuSharing.memoryLimitGiB", "spec.rolloutPolicy"});
}

TEST_CASE("a share of a GPU is a number or a range of layers") {
  const auto lines_for = [](const std::string& share) {
    return lines_of(R"({"kind":"Model","spec":{"source":"https://host/a.gguf","hardware":{"gpu":{"sharding":)"
                    R"({"layerSplit":[")" +
                    share + R"("]}}}}})");
  };
  for (const char* good : {"3", "0.5", "0-19", "20-39", "7-7"}) CHECK(lines_for(good).empty());
  for (const char* bad : {"abc", "", "20-39;x", "3,1", "-3", "9-7", "0-", "inf", "nan", "0--3", " 3"}) {
    CAPTURE(bad);
    CHECK(lines_for(bad).size() == 1);
  }
}

TEST_CASE("a volume has no name of a volume that its Pod has") {
  const auto lines = [](const std::string& name, const std::string& persistence) {
    return lines_of(
        service(R"({"runtime":"llamacpp-router","models":[{"name":"a"}],"resources":{"gpu":1},"modelCache":)"
                R"({"persistence":")" +
                persistence + R"("},"extraVolumes":[{"name":")" + name + R"(","emptyDir":{}}]})"));
  };
  CHECK(lines("model-cache", "Cached").size() == 1);
  CHECK(lines("ca", "Cached").empty());
  CHECK(lines("ca", "Ephemeral") ==
        Lines{"spec.extraVolumes[0].name: Invalid value: \"ca\": the Pod has a volume of that name already; choose "
              "another name"});
}

TEST_CASE("a mount leaves the Pod's folders alone however its path is written, and has a volume that is there") {
  const auto lines_for = [](const std::string& name, const std::string& place) {
    return lines_of(service(R"({"runtime":"llamacpp-router","models":[{"name":"a"}],"extraVolumes":[{"name":"d",)"
                            R"("emptyDir":{}}],"extraVolumeMounts":[{"name":")" +
                            name + R"(","mountPath":")" + place + R"("}]})"));
  };
  for (const char* place : {"/models", "//models", "/./models", "/models/.", "/etc//llmkube/x"}) {
    CAPTURE(place);
    REQUIRE(lines_for("d", place).size() == 1);
    CHECK_THAT(lines_for("d", place)[0], ContainsSubstring("where the Pod mounts a volume of its own"));
  }
  for (const char* place : {"/data", "/modelsx", "/data//models"}) CHECK(lines_for("d", place).empty());
  CHECK(lines_for("model-cache", "/data").empty());
  CHECK(lines_for("model-source-x", "/data").size() == 1);
}

TEST_CASE("a field that is null counts as absent, as for the API server") {
  CHECK(lines_of(service(R"({"runtime":"llamacpp-router","models":[{"name":"a","contextSize":null}],"nodeSelector":null,
                             "replicas":null,"router":null,"resources":{"requests":{"nvidia.com/gpu":null}}})"))
            .empty());
  CHECK(lines_of(service(R"({"runtime":"llamacpp-router","models":null})")).size() == 1);
  CHECK(lines_of(service(R"({"runtime":"llamacpp-router","models":[{"name":null}]})")) ==
        Lines{"spec.models[0].name: Required value: name is missing; add it"});
  CHECK(lines_of(service(R"({"runtime":"llamacpp-router","models":[null]})")).size() == 1);
}

TEST_CASE("numbers in paths sort as numbers") {
  std::string models;
  for (int i = 0; i < 12; ++i) models += std::string(i == 0 ? "" : ",") + R"({"name":"A)" + std::to_string(i) + "\"}";
  const auto lines = lines_of(service(R"({"runtime":"llamacpp-router","models":[)" + models + "]}"));
  REQUIRE(lines.size() == 12);
  CHECK_THAT(lines[2], ContainsSubstring("spec.models[2]"));
  CHECK_THAT(lines[10], ContainsSubstring("spec.models[10]"));
}

TEST_CASE("of LLMKube's other runtimes only the union is judged") {
  CHECK(lines_of(service(R"({"runtime":"vllm","modelRef":"a","extraArgs":["--port","9"],"replicas":99})")).empty());
  CHECK(lines_of(service(R"({"runtime":"vllm"})")).size() == 1);
  CHECK(lines_of(service(R"({"runtime":"vllm","modelRef":1})")).size() == 1);
}

TEST_CASE("65 models are too many, 64 are not") {
  const auto with = [](int count) {
    std::string models;
    for (int i = 0; i < count; ++i)
      models += std::string(i == 0 ? "" : ",") + R"({"name":"m)" + std::to_string(i) + "\"}";
    return lines_of(service(R"({"runtime":"llamacpp-router","models":[)" + models + "]}"));
  };
  CHECK(with(64).empty());
  CHECK(with(65) == Lines{"spec.models: Too many: [...]: must have at most 64 items, has 65; shorten it"});
}

TEST_CASE("a list that is too long hides no mistake in it") {
  std::string models;
  for (int i = 0; i < 65; ++i)
    models += std::string(i == 0 ? "" : ",") + R"({"name":"m)" + std::to_string(i) + R"(","extraArgs":["--port","9"]})";
  const auto lines = lines_of(service(R"({"runtime":"llamacpp-router","models":[)" + models + "]}"));
  REQUIRE(lines.size() == 66);
  CHECK_THAT(lines[0], ContainsSubstring("spec.models: Too many"));
  CHECK_THAT(lines[65], ContainsSubstring("spec.models[64].extraArgs[0]: Forbidden"));
}

TEST_CASE("a name that stands twice is found among a thousand others, and nothing where none does") {
  const auto lines_with = [](const std::string& last) {
    std::string models;
    for (int i = 0; i < 64; ++i) {
      models += std::string(i == 0 ? "" : ",") + R"({"name":"m)" + std::to_string(i) + R"(","aliases":[)";
      for (int alias = 0; alias < 15; ++alias) models += "\"a" + std::to_string(100 * i + alias) + "\",";
      models += i == 63 ? "\"" + last + "\"]}" : "\"z" + std::to_string(i) + "\"]}";
    }
    return lines_of(service(R"({"runtime":"llamacpp-router","models":[)" + models +
                            R"(],"resources":{"requests":{"nvidia.com/gpu":1}}})"));
  };
  CHECK(lines_with("new").empty());
  REQUIRE(lines_with("a2903").size() == 1);
  CHECK_THAT(lines_with("a2903")[0], ContainsSubstring("spec.models[63].aliases[15]: Duplicate value: \"a2903\""));
  REQUIRE(lines_with("m7").size() == 1);
}

TEST_CASE("an object of a hundred thousand mistakes costs a thousand findings") {
  std::string args = "1";
  for (int i = 0; i < 100000; ++i) args += ",1";
  const auto lines =
      lines_of(service(R"({"runtime":"llamacpp-router","models":[{"name":"a"}],"extraArgs":[)" + args + "]}"));
  CHECK(lines.size() == rules::kMaxFindings);
  std::string flags = R"("--x")";
  for (int i = 0; i < 20000; ++i) flags += R"(,"--xxxxxxxxxxxxxxxxxxxx")";
  CHECK(lines_of(service(R"({"runtime":"llamacpp-router","models":[{"name":"a"}],"extraArgs":[)" + flags + "]}"))
            .size() == rules::kMaxFindings);
}

TEST_CASE("a thousand warnings hide no error, and of too many errors the rest is counted") {
  const auto findings_of = [](const std::string& fields) {
    const auto object =
        base::parse_json(service(R"({"runtime":"llamacpp-router","models":[{"name":"a"}],)" + fields + "}"), "test");
    REQUIRE(object);
    return rules::validate(*object);
  };
  std::string warned = R"("--cache-ram","8k")";
  for (int i = 0; i < 1000; ++i) warned += R"(,"--cache-ram","8k")";
  const auto both = findings_of(R"("env":[{"name":"LLAMA_ARG_MODEL","value":"/x"}],"extraArgs":[)" + warned + "]");
  CHECK(both.size() == rules::kMaxFindings + 1);
  CHECK(rules::error_lines(both).size() == 1);
  const auto lines = [](int count) {
    std::string words = "\"x\"";
    for (int i = 1; i < count; ++i) words += ",\"x\"";
    return "\"extraArgs\":[" + words + "]";
  };
  CHECK(rules::make_denial("x", "y", findings_of(lines(1000))).causes.back().message == "and 900 more");
  CHECK(rules::make_denial("x", "y", findings_of(lines(1500))).causes.back().message == "and 1400 more");
}

TEST_CASE("what is no object of this API is said to be none") {
  for (const char* text : {"[]", "1", "null", "\"x\"", "{}", R"({"kind":"Pod"})", R"({"kind":1})"})
    CHECK(lines_of(text).size() == 1);
  CHECK(lines_of(R"({"kind":"Model"})") == Lines{"spec: Required value: spec is missing; add it"});
  CHECK(lines_of(R"({"kind":"InferenceService","spec":[]})").size() == 1);
}

TEST_CASE("an update that leaves spec alone is no change, whatever the order of its keys") {
  const auto parse = [](const char* text) { return std::move(*base::parse_json(text, "test")); };
  const auto a = parse(R"({"metadata":{"finalizers":["x"]},"spec":{"a":1,"b":[1,2]}})");
  CHECK(rules::spec_unchanged(a, parse(R"({"spec":{"b":[1,2],"a":1}})")));
  CHECK_FALSE(rules::spec_unchanged(a, parse(R"({"spec":{"b":[2,1],"a":1}})")));
  CHECK_FALSE(rules::spec_unchanged(a, parse(R"({})")));
  CHECK(rules::spec_unchanged(parse("{}"), parse("{}")));
}

TEST_CASE("a credential in a source is never repeated") {
  for (const auto* source : {"https://me:hunter2@host/a.gguf", "ftp://me:hunter2@host/a.gguf", "s3://me:hunter2@b/a"}) {
    const auto lines = lines_of(R"({"kind":"Model","spec":{"source":")" + std::string(source) + R"("}})");
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].find("hunter2") == std::string::npos);
    CHECK_THAT(lines[0], ContainsSubstring("spec.source"));
  }
  const auto lines =
      lines_of(service(R"({"runtime":"llamacpp-router","models":[{"name":"a"}],"extraArgs":["--api-key=hunter2"]})"));
  REQUIRE(lines.size() == 1);
  CHECK_THAT(lines[0], ContainsSubstring("\"--api-key\": this flag is the router's own"));
}

TEST_CASE("a quantised V cache without flash attention is told wherever the two are said") {
  const auto where = [](const std::string& fields) {
    const auto object =
        base::parse_json(service(R"({"runtime":"llamacpp-router","resources":{"gpu":1},)" + fields + "}"), "test");
    REQUIRE(object);
    std::vector<std::string> out;
    for (const auto& finding : rules::validate(*object)) {
      if (finding.rule == "cache-type-attention") out.push_back(finding.path);
    }
    return out;
  };
  const std::string models = R"("models":[{"name":"a"}],)";
  CHECK(where(models + R"("extraArgs":["-ctv","q8_0"],"flashAttention":false)") == Lines{"spec.extraArgs[1]"});
  CHECK(where(models + R"("extraArgs":["-ctv","q8_0","-fa","off"])") == Lines{"spec.extraArgs[1]"});
  CHECK(where(models + R"("cacheTypeV":"q8_0","extraArgs":["-fa","0"])") == Lines{"spec.cacheTypeV"});
  CHECK(where(models + R"("cacheTypeV":"q8_0","flashAttention":false,"extraArgs":["-fa","on"])").empty());
  CHECK(where(R"("models":[{"name":"a","extraArgs":["-ctv","q4_0"]}],"flashAttention":false)") ==
        Lines{"spec.models[0].extraArgs[1]"});
  CHECK(where(R"("models":[{"name":"a","extraArgs":["-fa","off"]}],"cacheTypeV":"q8_0")") == Lines{"spec.cacheTypeV"});
  CHECK(where(R"("models":[{"name":"a","extraArgs":["-ctv","f16"]}],"flashAttention":false)").empty());
}
