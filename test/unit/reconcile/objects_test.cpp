#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "test/catch.hpp"
#include "test/unit/reconcile/golden.hpp"
#include "test/unit/reconcile/scene.hpp"

using namespace reconciler;

namespace {

/// Every wanted object as one file, and the files of its ConfigMap as what they are.
void check_objects(const std::string& scenario, const Scene& scene) {
  CAPTURE(scene.observed.service.mistakes);
  REQUIRE(scene.observed.service.mistakes.empty());
  for (const auto& [name, model] : scene.observed.models) {
    CAPTURE(name, model.mistakes);
    REQUIRE(model.mistakes.empty());
  }
  const auto decision = scene.decide();
  for (const auto& object : decision.desired) {
    const std::string name = scenario + "/" + std::string(info(object.kind).plural) + "." + object.name;
    check_golden(name + ".json", pretty(object.body));
    if (object.kind != Kind::config_map) continue;
    const auto data = nlohmann::json::parse(object.body).at("data");
    for (const auto& [file, text] : data.items()) check_golden(scenario + "/" + file, text.get<std::string>());
  }
}

std::vector<std::string> names_of(const Decision& decision) {
  std::vector<std::string> names;
  for (const auto& object : decision.desired)
    names.push_back(std::string(info(object.kind).plural) + "/" + object.name);
  return names;
}

nlohmann::json object_of(const Decision& decision, Kind kind) {
  for (const auto& object : decision.desired) {
    if (object.kind == kind) return nlohmann::json::parse(object.body);
  }
  FAIL("no " << info(kind).name << " is wanted");
  return {};
}

nlohmann::json template_of(const Scene& scene) {
  return object_of(scene.decide(), Kind::deployment).at("spec").at("template");
}

nlohmann::json pod_of(const Scene& scene) { return template_of(scene).at("spec"); }

std::shared_ptr<const std::set<std::string>> classes(std::set<std::string> names) {
  return std::make_shared<const std::set<std::string>>(std::move(names));
}

/// The example's spec with more in it, as the user changed it.
void change(Scene& scene, const std::string& more) {
  auto spec = nlohmann::json::parse(kExample);
  spec.update(nlohmann::json::parse("{" + more + "}"));
  scene.observed.service = Scene(spec.dump()).observed.service;
}

}  // namespace

TEST_CASE("the example first gets its claim, its files and a Service") {
  Scene scene(kExample);
  scene.add_model("phi4-mini");
  CHECK(names_of(scene.decide()) ==
        std::vector<std::string>{"persistentvolumeclaims/llmkube-model-cache", "services/edge-multi-model"});
  check_objects("claim", scene);
}

TEST_CASE("the example with one model there and two on their way") {
  Scene scene(kExample);
  scene.add_fetched("phi4-mini");
  scene.add_model("qwen3-7b-coder");
  check_objects("example", scene);
}

TEST_CASE("a service that uses every field") {
  Scene scene(R"({
    "runtime": "llamacpp-router", "replicas": 2, "revisionHistoryLimit": 3, "image": "mirror.example/llama:7",
    "models": [
      {"name": "a", "aliases": ["small", "org:a"], "contextSize": 8192, "gpuLayers": 20, "cacheTypeK": "q4_0",
       "extraArgs": ["--temp", "0.2", "-ot", "x=CPU", "-ot", "y=CPU"]},
      {"name": "b", "parallelSlots": 2, "flashAttention": false, "batchSize": 512, "uBatchSize": 128}],
    "router": {"maxLoadedModels": 2, "preload": ["b"], "idleUnloadSeconds": 600, "stopTimeoutSeconds": 3,
               "scheduling": {"policy": "Direct", "maxTurnSeconds": 10}},
    "contextSize": 4096, "parallelSlots": 4, "flashAttention": true, "cacheTypeK": "q8_0", "cacheTypeCustomV": "turbo3",
    "batchSize": 2048, "uBatchSize": 512, "jinja": true, "moeCPULayers": 4, "noKvOffload": true, "noWarmup": true,
    "tensorOverrides": ["exps=CPU", "ffn=CPU"], "metadataOverrides": ["tokenizer.ggml.add_bos_token=bool:false"],
    "reasoningBudget": 0, "ropeScaling": {"type": "yarn", "factor": "2.0", "originalContext": 4096},
    "extraArgs": ["--seed", "7", "--timeout", "900", "--no-context-shift"],
    "endpoint": {"type": "NodePort", "port": 9000, "nodePort": 30080, "path": "/v1/completions"},
    "autoscaling": {"minReplicas": 2, "maxReplicas": 4, "metrics": [
      {"name": "cpu", "type": "Resource", "targetAverageUtilization": 70},
      {"name": "router_agent_gate_in_flight", "type": "Pods", "targetAverageValue": "3"}]},
    "resources": {"gpu": 1, "cpu": "2", "memory": "4Gi", "hostMemory": "8Gi", "ephemeralStorage": "1Gi",
                  "limits": {"memory": "16Gi"}},
    "modelCache": {"claimName": "my-files"},
    "nodeSelector": {"disk": "nvme"}, "tolerations": [{"key": "edge", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
      {"matchExpressions": [{"key": "gpu", "operator": "In", "values": ["rtx"]}]}]}}},
    "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}],
    "runtimeClassName": "nvidia", "priority": "high",
    "podLabels": {"team": "edge", "app": "not-theirs-to-set"}, "podAnnotations": {"note": "mine"},
    "disruption": {"protectAlways": true},
    "env": [{"name": "GGML_VK_VISIBLE_DEVICES", "value": "0"},
            {"name": "HTTPS_PROXY", "value": "http://proxy.example:3128"}],
    "extraVolumes": [{"name": "templates", "configMap": {"name": "templates"}}],
    "extraVolumeMounts": [{"name": "templates", "mountPath": "/templates"}],
    "imagePullSecrets": [{"name": "mirror"}],
    "podSecurityContext": {"supplementalGroups": [44]}, "securityContext": {"runAsUser": 1000},
    "probeOverrides": {"startup": {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 10,
                                   "failureThreshold": 360},
                       "liveness": {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 60}}})");
  scene.settings.ca_configmap = "company-ca";
  scene.cache_claim = "my-files";
  scene.observed.priority_classes =
      std::make_shared<const std::set<std::string>>(std::set<std::string>{"llmkube-high"});
  scene.add_model("a", R"({"source": "hf://org/a", "files": ["a-00001-of-00002.gguf", "a-00002-of-00002.gguf"],
    "mmproj": "mmproj-a.gguf", "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "refreshPolicy": "OnChange", "sourceSecretRef": {"name": "hf"}, "resources": {"cpu": "1", "memory": "128Mi"},
    "prefetchTolerations": [{"key": "loader", "operator": "Exists"}],
    "hardware": {"accelerator": "vulkan", "gpu": {"enabled": true, "count": 1, "vendor": "intel", "layers": 10}}})");
  scene.add_claim("my-files");
  check_objects("every-field", scene);
  scene.observed.models.erase("a");
  scene.add_fetched("b");
  scene.add_fetched("a");
  scene.observed.jobs.back().fetched =
      R"({"reason":"Fetched","message":"x","files":[{"path":"/models/f/a-00001-of-00002.gguf","size":5,"role":"model"},
         {"path":"/models/f/a-00002-of-00002.gguf","size":6,"role":"shard"},
         {"path":"/models/f/mmproj-a.gguf","size":7,"role":"mmproj"}]})";
  check_objects("every-field-fetched", scene);
}

TEST_CASE("a Model on a claim of the user's is verified there and mounted from there") {
  Scene scene(R"({"runtime": "llamacpp-router", "models": [{"name": "mine"}]})");
  scene.add_model("mine", R"({"source": "pvc://user.files/dir/mine.gguf"})");
  scene.add_claim("user.files");
  check_objects("own-claim", scene);
  scene.add_fetched("mine");
  check_objects("own-claim-verified", scene);
}

TEST_CASE("an ephemeral cache is filled by init containers") {
  Scene scene(R"({"runtime": "llamacpp-router", "models": [{"name": "a"}, {"name": "b"}],
                  "modelCache": {"persistence": "Ephemeral"}, "resources": {"ephemeralStorage": "20Gi"}})");
  scene.add_model("a");
  scene.add_model("b", R"({"source": "s3://bucket/b.gguf", "sourceSecretRef": {"name": "aws"}})");
  check_objects("ephemeral", scene);
}

TEST_CASE("a service of one model is a llama-server in LLMKube's order of arguments") {
  Scene scene(
      R"({"modelRef": "phi4-mini", "contextSize": 4096, "flashAttention": true, "jinja": true, "mode": "embedding",
                  "extraArgs": ["--seed", "7"], "resources": {"gpu": 1}})",
      "single");
  scene.add_fetched("phi4-mini");
  check_objects("single", scene);
}

TEST_CASE("without the gate clients come in by llama-server") {
  Scene scene(kExample);
  scene.settings.gate = false;
  scene.add_fetched("phi4-mini");
  check_objects("no-gate", scene);
}

TEST_CASE("one claim per service belongs to the service") {
  Scene scene(kExample);
  scene.settings.model_cache_mode = CacheMode::per_service;
  scene.settings.model_cache_storage_class = "fast";
  const auto claim = object_of(scene.decide(), Kind::claim);
  CHECK(claim["metadata"]["name"] == "edge-multi-model-model-cache");
  CHECK(claim["metadata"]["ownerReferences"][0]["uid"] == "uid-of-service");
  CHECK(claim["spec"]["storageClassName"] == "fast");
}

TEST_CASE("a device that is asked for is its own limit, which the API server wants said") {
  Scene scene(R"({"runtime": "llamacpp-router", "models": [{"name": "a"}], "resources": {"requests":
                  {"nvidia.com/gpu": 1, "rdma/hca": "1", "hugepages-2Mi": "4Mi", "cpu": "1"}}})");
  scene.add_fetched("a");
  const auto limits = pod_of(scene)["containers"][0]["resources"]["limits"];
  CHECK(limits == nlohmann::json{{"nvidia.com/gpu", "1"}, {"rdma/hca", "1"}, {"hugepages-2Mi", "4Mi"}});
}

TEST_CASE("a GPU in either shape reaches requests and limits, and never the CPU image") {
  const std::string gpu = GENERATE(R"({"requests": {"nvidia.com/gpu": 1}})", R"({"limits": {"nvidia.com/gpu": "1"}})",
                                   R"({"gpu": 1})", R"({"gpu": 1, "requests": {"cpu": "2"}})");
  Scene scene(R"({"runtime": "llamacpp-router", "models": [{"name": "phi4-mini"}], "resources": )" + gpu + "}");
  scene.add_fetched("phi4-mini");
  const auto server = pod_of(scene)["containers"][0];
  CHECK(server["resources"]["requests"]["nvidia.com/gpu"] == "1");
  CHECK(server["resources"]["limits"]["nvidia.com/gpu"] == "1");
  CHECK(server["image"] == "registry.example/llama-server:cuda-b11669");
  CHECK(pod_of(scene)["tolerations"][0]["key"] == "nvidia.com/gpu");
  CHECK(object_of(scene.decide(), Kind::deployment)["spec"]["strategy"]["type"] == "Recreate");
}

TEST_CASE("the largest count of the Models counts where the service says nothing of GPUs") {
  Scene scene(R"({"runtime": "llamacpp-router", "models": [{"name": "a"}, {"name": "b"}]})");
  scene.add_model("a", R"({"source": "https://x.example/a.gguf", "hardware": {"gpu": {"count": 1}}})");
  scene.add_model("b", R"({"source": "https://x.example/b.gguf", "hardware": {"gpu": {"count": 2}}})");
  scene.add_fetched("a");
  CHECK(pod_of(scene)["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "2");
}

TEST_CASE("GPU vendors have their resources and images") {
  struct Row {
    const char* hardware;
    const char* resource;
    const char* image;
  };
  const auto row =
      GENERATE(Row{R"({"gpu": {"count": 1, "vendor": "amd"}})", "amd.com/gpu", "rocm"},
               Row{R"({"gpu": {"count": 1, "vendor": "amd", "runtime": "vulkan"}})", "devic.es/dri-render", "vulkan"},
               Row{R"({"gpu": {"count": 1, "vendor": "intel"}})", "gpu.intel.com/i915", "vulkan"},
               Row{R"({"accelerator": "vulkan", "gpu": {"count": 1}})", "nvidia.com/gpu", "vulkan"},
               Row{R"({"gpu": {"count": 1, "resourceName": "example.com/gpu"}})", "example.com/gpu", "cuda"});
  Scene scene(R"({"runtime": "llamacpp-router", "models": [{"name": "a"}]})");
  scene.settings.runtime_images["rocm"] = "registry.example/llama-server:rocm-b11669";
  scene.add_model("a", R"({"source": "https://x.example/a.gguf", "hardware": )" + std::string(row.hardware) + "}");
  scene.add_fetched("a");
  const auto server = pod_of(scene)["containers"][0];
  CHECK(server["resources"]["limits"][row.resource] == "1");
  CHECK(server["image"] == std::string("registry.example/llama-server:") + row.image + "-b11669");
}

TEST_CASE("without an image for the accelerator there is no Deployment") {
  Scene scene(kExample);
  scene.settings.runtime_images.erase("cuda");
  scene.add_fetched("phi4-mini");
  for (const auto& object : scene.decide().desired) CHECK(object.kind != Kind::deployment);
}

TEST_CASE("a model that joins changes the preset and not the Pod") {
  Scene scene(kExample);
  scene.add_fetched("phi4-mini");
  const auto before = scene.decide();
  scene.add_fetched("qwen3-7b-coder");
  const auto after = scene.decide();
  CHECK(object_of(before, Kind::deployment)["spec"] == object_of(after, Kind::deployment)["spec"]);
  CHECK(object_of(before, Kind::config_map) != object_of(after, Kind::config_map));
}

TEST_CASE("Pods are told of a new preset once the ConfigMap holds it") {
  Scene scene = serving();
  scene.observed.agents.front().preset_hash = "before";
  scene.observed.pods.front().preset_hash = "before";
  REQUIRE(scene.decide().annotations.size() == 1);
  CHECK(scene.decide().annotations[0].key == "inference.llmkube.dev/preset-hash");
  CHECK(scene.decide().annotations[0].value.starts_with(scene.observed.config_map->preset_hash + ".1."));
  scene.observed.config_map->preset_hash = "before";
  CHECK(scene.decide().annotations.empty());
}

TEST_CASE("a Pod that mounted the ConfigMap of a moment ago is told again, not for ever") {
  Scene scene = serving();
  scene.observed.agents.front().preset_hash = "before";
  scene.observed.pods.front().preset_hash = "before";
  int told = 0;
  for (int second = 0; second < 600; ++second) {
    const auto decision = scene.decide();
    for (const auto& patch : decision.annotations) {
      scene.observed.pods.front().preset_hash = patch.value;
      ++told;
    }
    scene.now += std::chrono::seconds{1};
  }
  CHECK(told == 6);
}

TEST_CASE("a Pod is told again when the clock was set back") {
  Scene scene = serving();
  scene.observed.agents.front().preset_hash = "before";
  scene.observed.pods.front().preset_hash = "before";
  scene.observed.pods.front().preset_hash = scene.decide().annotations.at(0).value;
  scene.now -= std::chrono::hours{24 * 365};
  REQUIRE(scene.decide().annotations.size() == 1);
  scene.observed.pods.front().preset_hash = scene.decide().annotations[0].value;
  CHECK(scene.decide().annotations.empty());
  scene.now += std::chrono::seconds{3};
  CHECK(scene.decide().annotations.size() == 1);
}

TEST_CASE("an agent that has seen the new preset and waits for idle models needs no reminder") {
  Scene scene = serving();
  scene.observed.agents.front().preset_hash = "before";
  scene.observed.agents.front().reload = "waiting";
  CHECK(scene.decide().annotations.empty());
}

TEST_CASE("bodies are compact JSON with sorted keys") {
  for (const auto& object : serving().decide().desired) CHECK(nlohmann::json::parse(object.body).dump() == object.body);
}

TEST_CASE("a decision without its status has all else") {
  Scene scene = serving();
  ServiceDecision deciding(scene.settings, scene.observed, scene.now);
  const auto whole = scene.decide();
  REQUIRE(whole.status);
  CHECK_FALSE(deciding.decision.status);
  CHECK(deciding.decision.events.empty());
  CHECK(names_of(deciding.decision) == names_of(whole));
  CHECK(deciding.decision.sample_agents == whole.sample_agents);
  deciding.add_status();
  CHECK(deciding.decision.status == whole.status);
  CHECK(deciding.decision.events.size() == whole.events.size());
}

TEST_CASE("an upgrade of our own image restarts no Pod, and comes with the next change") {
  Scene scene = serving();
  const auto before = object_of(scene.decide(), Kind::deployment);
  scene.settings.image = "registry.example/llmkube-router:2";
  CHECK(object_of(scene.decide(), Kind::deployment) == before);
  scene.settings.runtime_images["cuda"] = "registry.example/llama-server:newer";
  CHECK(pod_of(scene)["initContainers"][0]["image"] == "registry.example/llmkube-router:2");
}

TEST_CASE("a PriorityClass that is made after the service restarts no Pod, and comes with the next change") {
  Scene scene = serving();
  const auto before = object_of(scene.decide(), Kind::deployment);
  scene.observed.priority_classes = classes({"llmkube-high", "llmkube-normal"});
  CHECK(object_of(scene.decide(), Kind::deployment) == before);
  SECTION("which may be an upgrade beside it") {
    scene.settings.image = "registry.example/llmkube-router:2";
    CHECK(object_of(scene.decide(), Kind::deployment) == before);
  }
  SECTION("another image") {
    scene.settings.runtime_images["cuda"] = "registry.example/llama-server:newer";
    CHECK(pod_of(scene)["priorityClassName"] == "llmkube-normal");
  }
  SECTION("another priority") {
    change(scene, R"("priority": "high")");
    CHECK(pod_of(scene)["priorityClassName"] == "llmkube-high");
  }
  SECTION("a class that the user names") {
    change(scene, R"("priorityClassName": "site")");
    CHECK(pod_of(scene)["priorityClassName"] == "site");
  }
  SECTION("a priority whose class is not there comes without restart, too") {
    change(scene, R"("priority": "low")");
    const auto changed = object_of(scene.decide(), Kind::deployment);
    CHECK(changed["spec"] == before["spec"]);
    scene.roll_out(1);
    scene.observed.priority_classes = classes({"llmkube-low", "llmkube-normal"});
    CHECK(object_of(scene.decide(), Kind::deployment) == changed);
  }
}

TEST_CASE("a PriorityClass that is gone, or of which nothing is known any more, restarts no Pod") {
  Scene scene = serving();
  scene.observed.deployment.reset();
  scene.observed.priority_classes = classes({"llmkube-normal"});
  scene.roll_out(1);
  const auto before = object_of(scene.decide(), Kind::deployment);
  REQUIRE(before["spec"]["template"]["spec"]["priorityClassName"] == "llmkube-normal");
  const auto left = GENERATE(std::shared_ptr<const std::set<std::string>>{}, classes({}));
  scene.observed.priority_classes = left;
  CHECK(object_of(scene.decide(), Kind::deployment) == before);
  SECTION("unless one is refused for it") {
    scene.observed.deployment->failure = ContainerState{"FailedCreate", "no PriorityClass with name llmkube-normal", 0};
    CHECK_FALSE(pod_of(scene).contains("priorityClassName"));
  }
  SECTION("another priority") {
    change(scene, R"("priority": "high")");
    CHECK_FALSE(pod_of(scene).contains("priorityClassName"));
  }
}

TEST_CASE("a Deployment of a release that did not note the priority is not restarted for a PriorityClass") {
  Scene scene = serving();
  scene.observed.deployment->priority.clear();
  const auto before = template_of(scene);
  scene.observed.priority_classes = classes({"llmkube-normal"});
  CHECK(template_of(scene) == before);
}

TEST_CASE("a PriorityClass that somebody else put into the template keeps no upgrade from being quiet") {
  Scene scene = serving();
  const auto before = template_of(scene);
  scene.observed.deployment->priority_class = "theirs";
  scene.settings.image = "registry.example/llmkube-router:2";
  CHECK(template_of(scene) == before);
}

TEST_CASE("what is no longer wanted goes, what is another's stays") {
  Scene scene = serving();
  scene.observed.autoscaler = ChildView{};
  scene.observed.autoscaler->meta = {"edge-multi-model", "edge", "uid-of-hpa", "1", 1, false, "uid-of-service"};
  REQUIRE(scene.decide().deletions.size() == 1);
  CHECK(scene.decide().deletions[0].uid == "uid-of-hpa");
  scene.observed.autoscaler->meta.owner_uid = "uid-of-someone";
  CHECK(scene.decide().deletions.empty());
}

TEST_CASE("a child that another object owns is never touched") {
  Scene scene = serving();
  scene.observed.network_service = ChildView{};
  scene.observed.network_service->meta = {
      "edge-multi-model", "edge", "uid", "1", 0, false, "uid-of-service-edge.multi-model"};
  for (const auto& object : scene.decide().desired) CHECK(object.kind != Kind::service);
  CHECK_THAT(*scene.decide().status, ContainsSubstring("NameTaken"));
}

TEST_CASE("an autoscaler keeps the live number of replicas, and sets it from then on") {
  Scene scene(R"({"runtime": "llamacpp-router", "models": [{"name": "a"}], "replicas": 3,
                  "autoscaling": {"minReplicas": 1, "maxReplicas": 5}})");
  scene.add_fetched("a");
  scene.roll_out(3);
  scene.observed.deployment->wanted = 3;
  CHECK(object_of(scene.decide(), Kind::deployment)["spec"]["replicas"] == 3);
  scene.observed.deployment->scaled = true;
  CHECK_FALSE(object_of(scene.decide(), Kind::deployment)["spec"].contains("replicas"));
}

TEST_CASE("suspended means no replicas and no autoscaler") {
  Scene scene(R"({"runtime": "llamacpp-router", "models": [{"name": "a"}], "suspend": true, "replicas": 2,
                  "autoscaling": {"maxReplicas": 5}})");
  scene.add_fetched("a");
  CHECK(object_of(scene.decide(), Kind::deployment)["spec"]["replicas"] == 0);
  for (const auto& object : scene.decide().desired) CHECK(object.kind != Kind::autoscaler);
}

TEST_CASE("a changed source has a Job of its own, and what is there is served until it is done") {
  Scene scene = serving();
  scene.add_model("phi4-mini", R"({"source": "https://models.example/another.gguf"})");
  const auto decision = scene.decide();
  REQUIRE(decision.desired.front().kind == Kind::job);
  CHECK(decision.desired.front().name == scene.job_of("phi4-mini"));
  const auto preset = object_of(decision, Kind::config_map)["data"]["models.ini"].get<std::string>();
  CHECK_THAT(preset, ContainsSubstring("[phi4-mini]\nmodel = /models/0123456789abcdef/phi4-mini.gguf"));
}

TEST_CASE("of several sources before, the last that was fetched is served meanwhile") {
  Scene scene(R"({"runtime": "llamacpp-router", "models": [{"name": "a"}]})");
  const std::size_t newest = GENERATE(0U, 1U);
  for (const std::size_t i : {0U, 1U}) {
    scene.add_model("a", R"({"source": "https://models.example/v)" + std::to_string(i) + R"(.gguf"})");
    scene.add_fetched("a");
    scene.observed.jobs[i].fetched = fetch_result("v" + std::to_string(i));
    scene.observed.jobs[i].completed_at = scene.now + std::chrono::minutes{i == newest ? 2 : 1};
  }
  scene.add_model("a", R"({"source": "https://models.example/v2.gguf"})");
  scene.add_job("a");
  CHECK_THAT(object_of(scene.decide(), Kind::config_map)["data"]["models.ini"].get<std::string>(),
             ContainsSubstring("/v" + std::to_string(newest) + ".gguf"));
}

TEST_CASE("a Job that somebody deleted does not take a model out of service") {
  Scene scene = serving();
  scene.observed.jobs.erase(scene.observed.jobs.begin());
  const auto decision = scene.decide();
  CHECK(decision.desired.front().kind == Kind::job);
  CHECK_THAT(object_of(decision, Kind::config_map)["data"]["models.ini"].get<std::string>(),
             ContainsSubstring("[phi4-mini]\nmodel = /models/0123456789abcdef/phi4-mini.gguf"));
}

TEST_CASE("an invalid object touches nothing") {
  Scene scene = serving();
  scene.observed.service.mistakes = "spec.models[0].name: Invalid value";
  const auto decision = scene.decide();
  CHECK(decision.desired.empty());
  CHECK(decision.deletions.empty());
  CHECK(decision.annotations.empty());
}

TEST_CASE("an object that is being deleted gets nothing") {
  Scene scene = serving();
  scene.observed.service.meta.deleting = true;
  CHECK(scene.decide().desired.empty());
  CHECK_FALSE(scene.decide().status);
}

namespace {

/// A service of one fetched model with more in its spec.
Scene with_spec(const std::string& more) {
  Scene scene(R"({"runtime": "llamacpp-router", "models": [{"name": "a"}], )" + more + "}");
  scene.add_fetched("a");
  return scene;
}

nlohmann::json named(const nlohmann::json& list, const std::string& name) {
  for (const auto& item : list)
    if (item.at("name") == name) return item;
  return {};
}

}  // namespace

TEST_CASE("of labels ours win, of annotations the user's") {
  const auto metadata = template_of(with_spec(R"(
    "podLabels": {"team": "edge", "app": "x", "inference.llmkube.dev/service": "x", "inference.llmkube.dev/runtime": "x"},
    "podAnnotations": {"note": "mine", "karpenter.sh/do-not-disrupt": "false"},
    "disruption": {"protectAlways": true})"))["metadata"];
  CHECK(metadata["labels"]["team"] == "edge");
  CHECK(metadata["labels"]["app"] == "edge-multi-model");
  CHECK(metadata["labels"]["inference.llmkube.dev/service"] == "edge-multi-model");
  CHECK(metadata["labels"]["inference.llmkube.dev/runtime"] == "llamacpp-router");
  CHECK(metadata["annotations"]["note"] == "mine");
  CHECK(metadata["annotations"]["karpenter.sh/do-not-disrupt"] == "false");
  CHECK(template_of(with_spec(R"("disruption": {"protectAlways": true})"))["metadata"]["annotations"] ==
        nlohmann::json{{"karpenter.sh/do-not-disrupt", "true"}});
}

TEST_CASE("the GPU's own toleration comes first, by the key that a Model names, in fetch Pods too, which get no GPU") {
  Scene scene(R"({"runtime": "llamacpp-router", "models": [{"name": "a"}, {"name": "b"}],
                  "tolerations": [{"key": "edge", "operator": "Exists"}],
                  "imagePullSecrets": [{"name": "mirror"}], "nodeSelector": {"disk": "nvme"}})");
  scene.add_model("a", R"({"source": "https://x.example/a.gguf",
                           "hardware": {"gpu": {"count": 1, "tolerationKey": "example.com/gpu-node"}}})");
  scene.add_fetched("a");
  scene.add_model("b");
  const auto decision = scene.decide();
  for (const auto kind : {Kind::deployment, Kind::job}) {
    const auto pod = object_of(decision, kind)["spec"]["template"]["spec"];
    CAPTURE(info(kind).name);
    REQUIRE(pod["tolerations"].size() == 2);
    CHECK(pod["tolerations"][0] ==
          nlohmann::json{
              {"key", "example.com/gpu-node"}, {"operator", "Equal"}, {"value", "present"}, {"effect", "NoSchedule"}});
    CHECK(pod["tolerations"][1]["key"] == "edge");
    CHECK(pod["imagePullSecrets"][0]["name"] == "mirror");
    CHECK(pod["nodeSelector"]["disk"] == "nvme");
  }
  CHECK(object_of(decision, Kind::job).dump().find("nvidia.com/gpu\":") == std::string::npos);
}

TEST_CASE("a priority names its class only where that exists; a class that the user names is passed on") {
  Scene scene = with_spec(R"("priority": "high")");
  CHECK_FALSE(pod_of(scene).contains("priorityClassName"));  // not known whether it does
  scene.observed.priority_classes = std::make_shared<const std::set<std::string>>();
  CHECK_FALSE(pod_of(scene).contains("priorityClassName"));
  scene.observed.priority_classes =
      std::make_shared<const std::set<std::string>>(std::set<std::string>{"llmkube-high", "llmkube-low"});
  CHECK(pod_of(scene)["priorityClassName"] == "llmkube-high");
  CHECK(pod_of(with_spec(R"("priorityClassName": "site")"))["priorityClassName"] == "site");
}

TEST_CASE("a service that asks for no GPU gets none, whatever its Models say") {
  Scene scene(R"({"runtime": "llamacpp-router", "models": [{"name": "a"}], "resources": {"gpu": 0}})");
  scene.add_model("a", R"({"source": "https://x.example/a.gguf", "hardware": {"gpu": {"count": 2}}})");
  scene.add_fetched("a");
  const auto server = pod_of(scene)["containers"][0];
  CHECK(server["image"] == "registry.example/llama-server:cpu-b11669");
  CHECK(server["resources"].empty());
  CHECK_FALSE(pod_of(scene).contains("tolerations"));
  CHECK(object_of(scene.decide(), Kind::deployment)["spec"]["strategy"]["type"] == "RollingUpdate");
}

TEST_CASE("gpuSharing: a partition has its own resource, a share and the whole have the vendor's") {
  struct Row {
    const char* sharing;
    const char* resource;
  };
  const auto row = GENERATE(Row{R"({"mode": "partitioned", "profile": "1g.10gb"})", "nvidia.com/mig-1g.10gb"},
                            Row{R"({"mode": "shared", "memoryLimitGiB": 8})", "nvidia.com/gpu"},
                            Row{R"({"mode": "exclusive"})", "nvidia.com/gpu"});
  const Scene scene = with_spec(R"("resources": {"gpu": 1, "gpuSharing": )" + std::string(row.sharing) + "}");
  const auto server = pod_of(scene)["containers"][0];
  CHECK(server["resources"]["requests"] == nlohmann::json{{row.resource, "1"}});
  CHECK(server["resources"]["limits"] == nlohmann::json{{row.resource, "1"}});
  CHECK(server["image"] == "registry.example/llama-server:cuda-b11669");
  CHECK(pod_of(scene)["tolerations"][0]["key"] == row.resource);
}

TEST_CASE("claims of dynamic resource allocation take the place of a count") {
  Scene scene(R"({"runtime": "llamacpp-router", "models": [{"name": "a"}]})");
  scene.add_model("a", R"({"source": "https://x.example/a.gguf", "hardware": {"gpu": {"enabled": true,
    "resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "one-gpu"}]}}})");
  scene.add_fetched("a");
  const auto pod = pod_of(scene);
  CHECK(pod["resourceClaims"][0]["resourceClaimTemplateName"] == "one-gpu");
  CHECK(pod["containers"][0]["resources"]["claims"] == nlohmann::json::array({{{"name", "gpu"}}}));
  CHECK_FALSE(pod["containers"][0]["resources"].contains("limits"));
  CHECK(object_of(scene.decide(), Kind::deployment)["spec"]["strategy"]["type"] == "Recreate");
}

TEST_CASE("the Service is of the type that the endpoint says; a node port is for NodePort alone") {
  struct Row {
    const char* endpoint;
    const char* type;
    bool has_node_port;
  };
  const auto row = GENERATE(Row{R"({"type": "NodePort", "port": 9000, "nodePort": 30080})", "NodePort", true},
                            Row{R"({"type": "NodePort"})", "NodePort", false},
                            Row{R"({"type": "LoadBalancer", "nodePort": 30080})", "LoadBalancer", false},
                            Row{R"({})", "ClusterIP", false});
  const auto spec =
      object_of(with_spec(R"("endpoint": )" + std::string(row.endpoint)).decide(), Kind::service).at("spec");
  CHECK(spec["type"] == row.type);
  CHECK(spec["ports"][0].contains("nodePort") == row.has_node_port);
  CHECK(spec["ports"][0]["targetPort"] == "http");
}

TEST_CASE("probes of the user's stand in the place of ours, and extra volumes beside them") {
  const auto pod = pod_of(with_spec(R"(
    "probeOverrides": {"readiness": {"httpGet": {"path": "/ready", "port": 8081}, "periodSeconds": 7},
                       "liveness": {"tcpSocket": {"port": "llama"}},
                       "startup": {"httpGet": {"path": "/health", "port": "llama"}, "periodSeconds": 5,
                                   "failureThreshold": 100}},
    "extraVolumes": [{"name": "templates", "configMap": {"name": "t"}}],
    "extraVolumeMounts": [{"name": "templates", "mountPath": "/templates"}])"));
  const auto server = pod["containers"][0];
  CHECK(server["readinessProbe"] ==
        nlohmann::json{{"httpGet", {{"path", "/ready"}, {"port", 8081}}}, {"periodSeconds", 7}});
  CHECK(server["livenessProbe"] == nlohmann::json{{"tcpSocket", {{"port", "llama"}}}});
  // The router itself starts at once: the budget is that of a load, which the agent watches over.
  CHECK(server["startupProbe"]["failureThreshold"] == 300);
  const auto args = pod["initContainers"][0]["args"].get<std::vector<std::string>>();
  const auto budget = std::ranges::find(args, "--load-timeout-seconds");
  REQUIRE(budget != args.end());
  CHECK(*(budget + 1) == "500");
  CHECK(named(pod["volumes"], "templates")["configMap"]["name"] == "t");
  CHECK(named(server["volumeMounts"], "templates")["mountPath"] == "/templates");
  CHECK(named(server["volumeMounts"], "model-cache")["readOnly"] == true);
}

TEST_CASE("a startup probe of any budget gives the agent a load timeout that it takes") {
  const auto timeout = [](const char* probe) {
    const auto pod = pod_of(
        with_spec(R"("probeOverrides": {"startup": {"tcpSocket": {"port": "llama"}, )" + std::string(probe) + "}}"));
    const auto args = pod["initContainers"][0]["args"].get<std::vector<std::string>>();
    const auto at = std::ranges::find(args, "--load-timeout-seconds");
    REQUIRE(at != args.end());
    return *(at + 1);
  };
  CHECK(timeout(R"("periodSeconds": 10, "failureThreshold": 10000)") == "86400");
  CHECK(timeout(R"("periodSeconds": 2147483647, "failureThreshold": 2147483647)") == "86400");
  CHECK(timeout(R"("periodSeconds": 1, "failureThreshold": 1)") == "1");
}

TEST_CASE("without autoscaling the HPA goes, and the number of replicas is the spec's again") {
  Scene scene = with_spec(R"("replicas": 2)");
  scene.roll_out(4);
  scene.observed.deployment->wanted = 4;
  scene.observed.deployment->scaled = true;  // as the HPA left it
  scene.observed.autoscaler = ChildView{};
  scene.observed.autoscaler->meta = {"edge-multi-model", "edge", "uid-of-hpa", "1", 1, false, "uid-of-service"};
  const auto decision = scene.decide();
  REQUIRE(decision.deletions.size() == 1);
  CHECK(decision.deletions[0].kind == Kind::autoscaler);
  CHECK(object_of(decision, Kind::deployment)["spec"]["replicas"] == 2);
}

TEST_CASE("replicas 0 runs nothing, and has no autoscaler that would start it again") {
  Scene scene = with_spec(R"("replicas": 0, "autoscaling": {"maxReplicas": 5})");
  scene.observed.autoscaler = ChildView{};
  scene.observed.autoscaler->meta = {"edge-multi-model", "edge", "uid-of-hpa", "1", 1, false, "uid-of-service"};
  const auto decision = scene.decide();
  CHECK(object_of(decision, Kind::deployment)["spec"]["replicas"] == 0);
  for (const auto& object : decision.desired) CHECK(object.kind != Kind::autoscaler);
  REQUIRE(decision.deletions.size() == 1);
  CHECK(decision.deletions[0].uid == "uid-of-hpa");
}

TEST_CASE("a router listens on all addresses of the cluster's family, or where the service says") {
  const auto host = [](const Scene& scene) {
    const auto args = pod_of(scene)["containers"][0]["args"].get<std::vector<std::string>>();
    return *std::next(std::ranges::find(args, "--host"));
  };
  Scene scene = with_spec(R"("replicas": 1)");
  CHECK(host(scene) == "0.0.0.0");
  scene.settings.bind_address = "::";
  CHECK(host(scene) == "::");
  Scene told = with_spec(R"("bindAddress": "0.0.0.0")");
  told.settings.bind_address = "::";
  CHECK(host(told) == "0.0.0.0");
}

TEST_CASE("a service of one model that uses every field, in LLMKube's order") {
  Scene scene(R"({
    "modelRef": "a", "resources": {"gpu": 2}, "bindAddress": "0.0.0.0", "containerPort": 9090,
    "contextSize": 8192, "parallelSlots": 2, "flashAttention": true, "jinja": true, "cacheTypeK": "q8_0",
    "cacheTypeCustomV": "turbo3", "moeCPUOffload": true, "moeCPULayers": 4, "noKvOffload": true,
    "tensorOverrides": ["exps=CPU", "ffn=CPU"], "batchSize": 2048, "uBatchSize": 512, "noWarmup": true,
    "speculativeDecoding": {"type": "draft", "draftModelRef": "tiny", "nDraftMax": 8, "pMin": 0.75},
    "reasoningBudget": 0, "reasoningBudgetMessage": "enough",
    "metadataOverrides": ["tokenizer.ggml.add_bos_token=bool:false"],
    "ropeScaling": {"type": "yarn", "factor": "2.0", "originalContext": 4096},
    "mode": "rerank", "extraArgs": ["--seed", "7", "--threads", "4"]})",
              "single");
  scene.add_model("a", R"({"source": "hf://org/a", "files": ["a.gguf"],
    "mmproj": "mmproj-a.gguf", "hardware": {"gpu": {"enabled": true, "count": 2, "layers": 40,
                         "sharding": {"strategy": "pipeline", "layerSplit": ["0-19", "20-39"]}}}})");
  scene.add_fetched("a");
  scene.observed.jobs.back().fetched =
      R"({"reason":"Fetched","message":"x","files":[{"path":"/models/f/a.gguf","size":5,"role":"model"},
         {"path":"/models/f/mmproj-a.gguf","size":7,"role":"mmproj"}]})";
  scene.add_fetched("tiny");
  check_objects("single-every-field", scene);
}

TEST_CASE("a service of one model waits for what drafts for it, as long as that is on its way") {
  Scene scene(R"({"modelRef": "a", "speculativeDecoding": {"type": "draft", "draftModelRef": "tiny"}})");
  scene.add_fetched("a");
  scene.add_job("tiny");
  for (const auto& object : scene.decide().desired) CHECK(object.kind != Kind::deployment);
  scene.observed.jobs.pop_back();
  SECTION("it is there") {
    scene.add_fetched("tiny");
    CHECK_THAT(pod_of(scene)["containers"][0]["args"].dump(), ContainsSubstring("--model-draft"));
  }
  SECTION("it failed: better without") {
    scene.fail_job("tiny", "NotFound", "404");
    CHECK(pod_of(scene)["containers"][0]["args"].dump().find("--model-draft") == std::string::npos);
  }
}

TEST_CASE("in an ephemeral cache what drafts is fetched too, and the arguments do not change when it is there") {
  Scene scene(R"({"modelRef": "a", "modelCache": {"persistence": "Ephemeral"},
                  "speculativeDecoding": {"type": "draft", "draftModelRef": "tiny"}})");
  scene.add_model("a");
  scene.add_model("tiny");
  const auto before = pod_of(scene);
  REQUIRE(before["initContainers"].size() == 2);
  CHECK_THAT(before["initContainers"][1]["args"].dump(), ContainsSubstring("tiny.gguf"));
  CHECK_THAT(before["containers"][0]["args"].dump(), ContainsSubstring("--model-draft"));
  const std::string fetched = base::quote_json(fetch_result("tiny"));
  scene.add_pod("edge-multi-model-0",
                R"({"phase":"Running","initContainerStatuses":[{"name":"model-fetch-1","state":{"terminated":
                {"exitCode":0,"message":)" +
                    fetched + "}}}]}");
  CHECK(pod_of(scene) == before);
}

TEST_CASE("an upgrade of our own image restarts no Pod of a service of one model with an ephemeral cache") {
  Scene scene(R"({"modelRef": "a", "modelCache": {"persistence": "Ephemeral"}})");
  scene.add_model("a");
  scene.roll_out(1);
  const auto before = template_of(scene);
  scene.settings.image = "registry.example/llmkube-router:2";
  CHECK(template_of(scene) == before);
}

TEST_CASE("files that the preset of a deleted service of this name names are not served by the new one") {
  Scene scene = serving();
  scene.observed.jobs.clear();
  scene.observed.config_map->meta.owner_uid = "of-the-one-before";
  scene.observed.deployment.reset();
  for (const auto& object : scene.decide().desired) CHECK(object.kind != Kind::deployment);
}

TEST_CASE("what the Models ask for goes to the service's Pod where the service says nothing, not to the fetch") {
  const auto requests_of = [](const Scene& scene, Kind kind) {
    const auto decision = scene.decide();
    const auto found = std::ranges::find(decision.desired, kind, &DesiredObject::kind);
    REQUIRE(found != decision.desired.end());
    return nlohmann::json::parse(found->body)["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"];
  };
  const auto scene_with = [](const std::string& resources) {
    Scene scene(R"({"runtime":"llamacpp-router","models":[{"name":"a"},{"name":"b"}],"resources":)" + resources + "}");
    scene.add_model("a", R"({"source":"https://models.example/a.gguf","resources":{"cpu":"1500m","memory":"64Gi"}})");
    scene.add_model("b", R"({"source":"https://models.example/b.gguf","resources":{"cpu":"2","memory":"9Gi"}})");
    scene.add_claim("llmkube-model-cache");
    return scene;
  };
  Scene scene = scene_with(R"({"requests":{"memory":"8Gi"}})");
  CHECK(requests_of(scene, Kind::job) == nlohmann::json({{"cpu", "100m"}, {"memory", "64Mi"}}));
  scene.add_fetched("a");
  CHECK(requests_of(scene, Kind::deployment) == nlohmann::json({{"cpu", "2"}, {"memory", "8Gi"}}));
  Scene limited = scene_with(R"({"limits":{"cpu":"1"}})");
  limited.add_fetched("a");
  CHECK(requests_of(limited, Kind::deployment) == nlohmann::json({{"memory", "64Gi"}}));
}
