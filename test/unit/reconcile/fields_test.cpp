#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/base/file.hpp"
#include "test/catch.hpp"
#include "test/unit/reconcile/scene.hpp"

using namespace reconciler;
using nlohmann::json;

namespace {

/// The fields that a section of docs/fields.md says are used or passed on.
std::vector<std::string> fields_of(const std::string& section) {
  const auto page = base::read_file(std::string(TEST_DATA_DIR) + "/../docs/fields.md");
  REQUIRE(page);
  std::istringstream lines(*page);
  std::vector<std::string> fields;
  bool is_inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("## ")) is_inside = line == "## " + section;
    const bool has_effect = line.ends_with("| used |") || line.ends_with("| passed on |");
    if (is_inside && has_effect && line.starts_with("| `")) fields.push_back(line.substr(3, line.find('`', 3) - 3));
  }
  return fields;
}

/// Takes the field out, of the first item of each list on the way; false when it is not there.
bool take_out(json& object, const std::string& path) {
  json* at = &object;
  std::istringstream steps(path);
  std::string last;
  for (std::string step; std::getline(steps, step, '.');) {
    if (!last.empty()) {
      const bool into_list = last.ends_with("[]");
      const auto found = at->find(into_list ? last.substr(0, last.size() - 2) : last);
      if (found == at->end() || (into_list && found->empty())) return false;
      at = into_list ? &found->front() : &*found;
    }
    last = step;
  }
  return at->erase(last) > 0;
}

struct Example {
  json service;
  json model;
};

/// All that is decided about an example, while its Model's files are on their way and when they are there.
std::string decided(const Example& example) {
  std::string text;
  for (const bool is_there : {false, true}) {
    Scene scene(example.service.dump());
    scene.settings.runtime_images["rocm"] = "registry.example/llama-server:rocm-b11669";
    scene.cache_claim = example.service.value("/modelCache/claimName"_json_pointer, "llmkube-model-cache");
    scene.observed.priority_classes =
        std::make_shared<const std::set<std::string>>(std::set<std::string>{"llmkube-high"});
    scene.add_model("a", example.model.dump());
    scene.add_claim(scene.cache_claim);
    if (is_there) {
      scene.add_fetched("a");
      scene.observed.jobs.back().fetched =
          R"({"reason":"Fetched","message":"x","files":[{"path":"/models/f/a.gguf","size":5,"role":"model"},
             {"path":"/models/f/mmproj-a.gguf","size":7,"role":"mmproj"}]})";
    }
    for (const auto* other : {"b", "tiny"}) scene.add_fetched(other);
    const auto decision = scene.decide();
    for (const auto& object : decision.desired) text += object.body + "\n";
    text += decision.status.value_or("") + "\n";
  }
  return text;
}

const std::vector<Example>& examples() {
  static const json kModel = json::parse(R"({"source": "hf://org/a", "files": ["a.gguf"], "mmproj": "mmproj-a.gguf",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "refreshPolicy": "OnChange",
    "sourceSecretRef": {"name": "hf"}, "resources": {"cpu": "1", "memory": "128Mi"},
    "prefetchTolerations": [{"key": "loader", "operator": "Exists"}],
    "hardware": {"accelerator": "vulkan", "gpu": {"enabled": true, "count": 2, "layers": 10,
      "tolerationKey": "example.com/node", "sharding": {"strategy": "row", "layerSplit": ["3", "1"]}}}})");
  static const json kAmd = json::parse(R"({"source": "hf://org/a", "files": ["a.gguf"], "hardware": {"gpu": {
    "enabled": true, "vendor": "amd", "runtime": "vulkan"}}})");
  static const json kNamed = json::parse(R"({"source": "hf://org/a", "files": ["a.gguf"], "hardware": {"gpu": {
    "enabled": true, "count": 1, "resourceName": "example.com/gpu"}}})");
  static const json kClaims = json::parse(R"({"source": "hf://org/a", "files": ["a.gguf"], "hardware": {"gpu": {
    "enabled": true, "resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "one"}]}}})");
  static const json kRouter = json::parse(R"({"runtime": "llamacpp-router", "models": [{"name": "a"}]})");
  const auto router = [](const char* more) {
    json spec = kRouter;
    spec.update(json::parse(more));
    return spec;
  };
  static const std::vector<Example> kExamples = {
      {router(R"({
    "replicas": 2, "revisionHistoryLimit": 3, "image": "mirror.example/llama:7", "bindAddress": "::",
    "containerPort": 9090,
    "models": [
      {"name": "a", "aliases": ["small"], "contextSize": 8192, "gpuLayers": 20, "cacheTypeK": "q4_0",
       "cacheTypeV": "q4_1", "parallelSlots": 2, "flashAttention": false, "batchSize": 512, "uBatchSize": 128,
       "extraArgs": ["--temp", "0.2"]}, {"name": "b"}],
    "router": {"maxLoadedModels": 2, "preload": ["b"], "idleUnloadSeconds": 600, "stopTimeoutSeconds": 3,
               "scheduling": {"policy": "Direct", "maxTurnSeconds": 10, "minResidencySeconds": 7,
                              "maxWaitSeconds": 77, "loadingSignal": true}},
    "contextSize": 4096, "parallelSlots": 4, "flashAttention": true, "cacheTypeK": "q8_0", "cacheTypeCustomV": "turbo3",
    "batchSize": 2048, "uBatchSize": 512, "jinja": true, "moeCPULayers": 4, "noKvOffload": true, "noWarmup": true,
    "tensorOverrides": ["exps=CPU"], "metadataOverrides": ["tokenizer.ggml.add_bos_token=bool:false"],
    "reasoningBudget": 0, "reasoningBudgetMessage": "enough",
    "ropeScaling": {"type": "yarn", "factor": "2.0", "originalContext": 4096}, "extraArgs": ["--seed", "7"],
    "endpoint": {"type": "NodePort", "port": 9000, "nodePort": 30080, "path": "/v1/completions"},
    "resources": {"cpu": "2", "hostMemory": "8Gi", "ephemeralStorage": "1Gi", "limits": {"memory": "16Gi"},
                  "requests": {"example.com/fpga": "1"}},
    "modelCache": {"claimName": "my-files"},
    "nodeSelector": {"disk": "nvme"}, "tolerations": [{"key": "edge", "operator": "Exists"}],
    "affinity": {"podAntiAffinity": {}},
    "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}],
    "runtimeClassName": "nvidia", "priority": "high",
    "podLabels": {"team": "edge"}, "podAnnotations": {"note": "mine"}, "disruption": {"protectAlways": true},
    "env": [{"name": "A", "value": "0"}], "extraVolumes": [{"name": "t", "configMap": {"name": "t"}}],
    "extraVolumeMounts": [{"name": "t", "mountPath": "/t"}], "imagePullSecrets": [{"name": "mirror"}],
    "podSecurityContext": {"supplementalGroups": [44]}, "securityContext": {"runAsUser": 1000},
    "probeOverrides": {"startup": {"tcpSocket": {"port": 1}}, "liveness": {"tcpSocket": {"port": 2}},
                       "readiness": {"tcpSocket": {"port": 3}}}})"),
       kModel},
      {router(R"({"cacheTypeCustomK": "turbo3", "cacheTypeV": "q8_0", "moeCPUOffload": true, "mode": "embedding",
                  "resources": {"memory": "4Gi"}, "priorityClassName": "site",
                  "autoscaling": {"minReplicas": 2, "maxReplicas": 4, "metrics": [
                    {"name": "x", "type": "Pods", "targetAverageValue": "3"}]}})"),
       kAmd},
      {router(R"({"autoscaling": {"maxReplicas": 4, "metrics": [
                    {"name": "cpu", "type": "Resource", "targetAverageUtilization": 70}]}})"),
       kNamed},
      {router(R"({"suspend": true, "modelCache": {"persistence": "Ephemeral"}})"), kClaims},
      {router(R"({"resources": {"gpu": 1, "gpuSharing": {"mode": "partitioned", "profile": "1g.10gb"}}})"), kModel},
      {json::parse(R"({"runtime": "llamacpp", "modelRef": "a", "speculativeDecoding": {"type": "draft",
                       "draftModelRef": "tiny", "nDraftMax": 8, "pMin": 0.75}})"),
       kModel},
  };
  return kExamples;
}

/// Whether taking the field out changes what is decided about an example that has it.
bool has_effect(const std::string& path, bool is_of_model) {
  return std::ranges::any_of(examples(), [&](Example example) {
    const auto before = decided(example);
    return take_out(is_of_model ? example.model : example.service, path) && decided(example) != before;
  });
}

}  // namespace

TEST_CASE("the examples of every field are valid") {
  for (const auto& example : examples()) {
    Scene scene(example.service.dump());
    scene.add_model("a", example.model.dump());
    CHECK(scene.observed.service.mistakes == "");
    CHECK(scene.observed.models.at("a").mistakes == "");
  }
}

TEST_CASE("each field that docs/fields.md calls used or passed on changes what is decided") {
  const auto services = fields_of("InferenceService (`isvc`): spec");
  const auto models = fields_of("Model (`mdl`): spec");
  REQUIRE(services.size() > 100);
  REQUIRE(models.size() > 20);
  for (const auto& field : services) {
    INFO("InferenceService spec." << field);
    CHECK(has_effect(field, false));
  }
  for (const auto& field : models) {
    INFO("Model spec." << field);
    CHECK(has_effect(field, true));
  }
}
