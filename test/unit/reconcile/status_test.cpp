#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>

#include "common/api/preset.hpp"
#include "common/api/source.hpp"
#include "common/base/file.hpp"
#include "reconciler/reconcile/plan.hpp"
#include "test/catch.hpp"
#include "test/unit/reconcile/golden.hpp"
#include "test/unit/reconcile/scene.hpp"

using namespace reconciler;
using nlohmann::json;

namespace {

json status_of(const Decision& decision) {
  REQUIRE(decision.status);
  return json::parse(*decision.status).at("status");
}

json condition_of(const json& status, std::string_view type) {
  for (const auto& condition : status.at("conditions")) {
    if (condition.at("type") == type) return condition;
  }
  return {};
}

std::vector<std::string> reasons_of(const std::vector<Event>& events) {
  std::vector<std::string> reasons;
  for (const auto& event : events) reasons.push_back(event.reason);
  return reasons;
}

/// Status and events of one situation, as people review them.
void check_status(const std::string& scenario, const Scene& scene) {
  const auto decision = scene.decide();
  json events = json::array();
  for (const auto& event : decision.events)
    events.push_back((event.warning ? "Warning " : "Normal ") + event.reason + ": " + event.message);
  check_golden("status/" + scenario + ".json",
               pretty(json({{"status", status_of(decision)}, {"events", events}}).dump()));
}

constexpr std::string_view kPendingPod = R"({"phase":"Pending","conditions":[
  {"type":"PodScheduled","status":"False","reason":"Unschedulable","message":")";

std::string unschedulable(std::string_view message) {
  return std::string(kPendingPod) + std::string(message) + "\"}]}";
}

std::string waiting(std::string_view container, std::string_view reason, std::string_view message) {
  return R"({"phase":"Pending","podIP":"10.0.0.8","containerStatuses":[{"name":")" + std::string(container) +
         R"(","ready":false,"restartCount":2,"state":{"waiting":{"reason":")" + std::string(reason) +
         R"(","message":")" + std::string(message) +
         R"("}},"lastState":{"terminated":{"exitCode":1,"reason":"Error","message":"line one\nerror: out of memory\n"}}}]})";
}

/// Fetched and applied, with a Pod in the given state instead of a ready one.
Scene with_pod(std::string_view status) {
  Scene scene = serving();
  scene.observed.agents.clear();
  scene.observed.pods.clear();
  scene.observed.deployment->ready = 0;
  scene.add_pod("edge-multi-model-0", status);
  return scene;
}

struct Row {
  const char* scenario;
  Scene (*scene)();
  const char* phase;
  const char* ready_reason;
  bool degraded;
};

const Row kRows[] = {
    {"nothing-yet", [] { return Scene(kExample); }, "Pending", "ModelsMissing", false},
    {"model-missing",
     [] {
       Scene scene = serving();
       scene.observed.models.erase("qwen3-7b-coder");
       return scene;
     },
     "Progressing", "ModelsMissing", false},
    {"ready", serving, "Ready", "Ready", false},
    {"downloading",
     [] {
       Scene scene(kExample);
       for (const auto* model : {"phi4-mini", "qwen3-7b-coder", "gemma3-4b-summarizer"}) {
         scene.add_job(model);
         scene.add_fetch_pod(model, R"({"phase":"Running","podIP":"10.0.0.9"})");
       }
       scene.observed.progress[scene.job_of("phi4-mini") + "-x1"] = {1'000'000, 2'400'000'000, {}};
       return scene;
     },
     "Pending", "ModelsPending", false},
    {"told-by-the-fetcher",
     [] {
       Scene scene(kExample);
       for (const auto* model : {"phi4-mini", "qwen3-7b-coder", "gemma3-4b-summarizer"}) {
         scene.add_job(model);
         scene.add_fetch_pod(model, R"({"phase":"Running","podIP":"10.0.0.9"})");
       }
       const Artifact file{"/models/0123456789abcdef/phi4-mini.gguf", "", 1'000'000, std::string(64, 'a')};
       scene.observed.progress[scene.job_of("phi4-mini") + "-x1"] = {
           1'000'000, 1'000'000, FetchResult{"Fetched", "downloaded, verified and published", file}};
       return scene;
     },
     "Pending", "ModelsPending", false},
    {"one-model-failed",
     [] {
       Scene scene(kExample);
       scene.fail_job("phi4-mini", "DigestMismatch", "the file's SHA-256 is aa, spec.sha256 says bb");
       scene.add_fetched("qwen3-7b-coder");
       scene.add_fetched("gemma3-4b-summarizer");
       scene.roll_out(1);
       scene.add_ready_pod("edge-multi-model-0");
       return scene;
     },
     "Progressing", "ModelsFailed", true},
    {"all-models-failed",
     [] {
       Scene scene(kExample);
       for (const auto* model : {"phi4-mini", "qwen3-7b-coder", "gemma3-4b-summarizer"})
         scene.fail_job(model, "NotFound", "404 at models.example: correct spec.source");
       return scene;
     },
     "Failed", "ModelsFailed", true},
    {"fetch-retrying",
     [] {
       Scene scene(kExample);
       scene.add_job("phi4-mini");
       scene.add_fetch_pod("phi4-mini",
                           R"({"phase":"Failed","containerStatuses":[{"name":"model-fetch","state":{"terminated":
         {"exitCode":1,"message":"{\"reason\":\"Stalled\",\"message\":\"no byte for 60 s\"}"}}}]})");
       return scene;
     },
     "Pending", "ModelsMissing", false},
    {"load-failed",
     [] {
       Scene scene = serving();
       scene.observed.agents.front().models.front().state = "failed";
       scene.observed.agents.front().models.front().failure = "exit code 1: unknown architecture";
       return scene;
     },
     "Progressing", "ModelsFailed", true},
    {"model-invalid",
     [] {
       Scene scene = serving();
       scene.observed.models["phi4-mini"].mistakes = "spec.source: Required value: give a URL";
       return scene;
     },
     "Progressing", "ModelsFailed", true},
    {"claim-pending",
     [] {
       Scene scene(kExample);
       scene.add_claim("llmkube-model-cache", "Pending", "");
       for (const auto* model : {"phi4-mini", "qwen3-7b-coder", "gemma3-4b-summarizer"}) {
         scene.add_job(model);
         scene.add_fetch_pod(model, unschedulable("pod has unbound immediate PersistentVolumeClaims"));
       }
       return scene;
     },
     "Pending", "ClaimPending", false},
    {"claim-waits-for-volume",
     [] {
       Scene scene(kExample);
       scene.add_claim("llmkube-model-cache", "Pending", "fast");
       for (const auto* model : {"phi4-mini", "qwen3-7b-coder", "gemma3-4b-summarizer"}) {
         scene.add_job(model);
         scene.add_fetch_pod(model, R"({"phase":"Pending"})");
       }
       return scene;
     },
     "Pending", "ClaimPending", false},
    {"claim-not-found",
     [] {
       Scene scene(R"({"runtime": "llamacpp-router", "models": [{"name": "a"}], "modelCache": {"claimName": "mine"}})");
       scene.add_model("a");
       return scene;
     },
     "Failed", "ClaimNotFound", true},
    {"fetch-refused",
     [] {
       Scene scene(kExample);
       for (const auto* model : {"phi4-mini", "qwen3-7b-coder", "gemma3-4b-summarizer"}) scene.add_model(model);
       scene.add_claim("llmkube-model-cache");
       scene.observed.problems.push_back({"Job", scene.job_of("phi4-mini"), "Forbidden", "exceeded quota: jobs", ""});
       return scene;
     },
     "Pending", "ModelsPending", false},
    {"gpu-missing", [] { return with_pod(unschedulable("0/1 nodes are available: 1 Insufficient nvidia.com/gpu.")); },
     "WaitingForGPU", "InsufficientGPU", false},
    {"unschedulable", [] { return with_pod(unschedulable("0/1 nodes are available: 1 Insufficient memory.")); },
     "Creating", "Unschedulable", false},
    {"cache-on-another-node",
     [] { return with_pod(unschedulable("0/2 nodes are available: 1 node(s) had volume node affinity conflict.")); },
     "Creating", "UnbindableModelCache", true},
    {"image-pull", [] { return with_pod(waiting("llama-server", "ImagePullBackOff", "Back-off pulling image")); },
     "Creating", "ImagePullFailed", true},
    {"crash-loop", [] { return with_pod(waiting("llama-server", "CrashLoopBackOff", "back-off 10s")); }, "Creating",
     "CrashLoop", true},
    {"secret-missing",
     [] {
       return with_pod(R"({"phase":"Pending","containerStatuses":[{"name":"llama-server","state":{"waiting":
         {"reason":"CreateContainerConfigError","message":"secret \"key\" not found"}}}]})");
     },
     "Creating", "ContainerNotStarting", true},
    {"pods-refused",
     [] {
       Scene scene = serving();
       scene.observed.pods.clear();
       scene.observed.agents.clear();
       scene.observed.deployment->ready = scene.observed.deployment->replicas = scene.observed.deployment->updated = 0;
       scene.observed.deployment->failure =
           ContainerState{"FailedCreate", "pods is forbidden: exceeded quota: gpus", 0};
       return scene;
     },
     "Creating", "PodsRefused", true},
    {"claim-in-use",
     [] {
       Scene scene = serving();
       scene.observed.deployment->wanted = scene.observed.deployment->replicas = scene.observed.deployment->updated = 2;
       scene.add_pod("edge-multi-model-1", R"({"phase":"Pending"})");
       scene.observed.pods.back().node = "node-b";
       return scene;
     },
     "Progressing", "ClaimInUse", true},
    {"fetch-claim-in-use",
     [] {
       Scene scene = serving();
       std::erase_if(scene.observed.jobs, [](const auto& job) { return job.model == "gemma3-4b-summarizer"; });
       scene.add_job("gemma3-4b-summarizer");
       scene.add_fetch_pod("gemma3-4b-summarizer", R"({"phase":"Pending"})");
       scene.observed.fetch_pods.back().node = "node-b";
       scene.observed.config_map->preset_files.erase("gemma3-4b-summarizer");
       return scene;
     },
     "Progressing", "ModelsPending", false},
    {"child-refused",
     [] {
       Scene scene(kExample);
       for (const auto* model : {"phi4-mini", "qwen3-7b-coder", "gemma3-4b-summarizer"}) scene.add_fetched(model);
       scene.observed.problems.push_back(
           {"Deployment", "edge-multi-model", "Forbidden", "denied by policy no-gpu", ""});
       return scene;
     },
     "Failed", "ChildRefused", true},
    {"conflict",
     [] {
       Scene scene = serving();
       scene.observed.problems.push_back({"Service", "edge-multi-model", "Conflict", ".spec.type", "kubectl-edit"});
       return scene;
     },
     "Ready", "Ready", true},
    {"no-image",
     [] {
       Scene scene(kExample);
       scene.settings.runtime_images.clear();
       for (const auto* model : {"phi4-mini", "qwen3-7b-coder", "gemma3-4b-summarizer"}) scene.add_fetched(model);
       return scene;
     },
     "Failed", "NoRuntimeImage", true},
    {"suspended",
     [] {
       Scene scene(R"({"runtime": "llamacpp-router", "models": [{"name": "a"}], "suspend": true})");
       scene.add_fetched("a");
       scene.roll_out(0);
       return scene;
     },
     "Suspended", "Suspended", false},
    {"scaled-to-zero",
     [] {
       Scene scene(R"({"runtime": "llamacpp-router", "models": [{"name": "a"}], "replicas": 0})");
       scene.add_fetched("a");
       scene.roll_out(0);
       return scene;
     },
     "Stopped", "ScaledToZero", false},
    {"starting",
     [] {
       return with_pod(R"({"phase":"Running","podIP":"10.0.0.7","containerStatuses":[
         {"name":"llama-server","ready":false,"state":{"running":{}}}]})");
     },
     "Creating", "PodsNotReady", false},
    {"template-changed",
     [] {
       Scene scene = serving();
       scene.observed.deployment->template_hash = "before";
       return scene;
     },
     "Progressing", "RollingOut", false},
    {"preset-changed",
     [] {
       Scene scene = serving();
       scene.observed.agents.front().preset_hash = "before";
       return scene;
     },
     "Progressing", "PresetPending", false},
    {"reload-failed",
     [] {
       Scene scene = serving();
       scene.observed.agents.front().preset_hash = "before";
       scene.observed.agents.front().reload_error = "500: option 'x' not recognized";
       return scene;
     },
     "Progressing", "ReloadFailed", true},
    {"not-listed",
     [] {
       Scene scene = serving();
       scene.observed.agents.front().models.pop_back();
       return scene;
     },
     "Progressing", "ModelsNotListed", false},
    {"endpoint-pending",
     [] {
       Scene scene = serving();
       scene.observed.network_service->cluster_ip = "10.96.0.9";
       scene.observed.front = Knock::refused;
       return scene;
     },
     "Progressing", "EndpointPending", false},
    {"no-endpoint",
     [] {
       Scene scene = serving();
       scene.observed.network_service->cluster_ip = "10.96.0.9";
       scene.observed.front = Knock::no_endpoint;
       return scene;
     },
     "Progressing", "NoReadyEndpoint", true},
    {"crd-outdated",
     [] {
       Scene scene = serving();
       scene.observed.missing_fields = std::make_shared<const std::vector<std::string>>(
           std::vector<std::string>{"inferenceservices: status.models[].bytesDone"});
       return scene;
     },
     "Ready", "Ready", true},
    {"agent-unreachable",
     [] {
       Scene scene = serving();
       scene.observed.agents.front() = {};
       scene.observed.agents.front().pod = "edge-multi-model-0";
       scene.observed.agents.front().error = "connection refused";
       return scene;
     },
     "Ready", "Ready", false},
    {"single-ready",
     [] {
       Scene scene(R"({"modelRef": "phi4-mini"})");
       scene.add_fetched("phi4-mini");
       scene.roll_out(1);
       scene.add_ready_pod("single-0");
       return scene;
     },
     "Ready", "Ready", false},
    {"draft-missing",
     [] {
       Scene scene(R"({"modelRef": "phi4-mini", "speculativeDecoding": {"type": "draft", "draftModelRef": "tiny"}})");
       scene.add_fetched("phi4-mini");
       scene.roll_out(1);
       scene.add_ready_pod("single-0");
       return scene;
     },
     "Progressing", "ModelsMissing", false},
    {"invalid",
     [] {
       Scene scene = serving();
       scene.write_status();
       scene.observed.service.mistakes = "spec.router: Forbidden: only router runtimes have it";
       return scene;
     },
     "Failed", "Invalid", true},
};

}  // namespace

TEST_CASE("status over the table of situations") {
  for (const auto& row : kRows) {
    INFO(row.scenario);
    const Scene scene = row.scene();
    const auto status = status_of(scene.decide());
    CHECK(status.at("phase") == row.phase);
    CHECK(condition_of(status, "Ready").at("reason") == row.ready_reason);
    CHECK(condition_of(status, "Degraded").at("status") == (row.degraded ? "True" : "False"));
    check_status(row.scenario, scene);
  }
}

TEST_CASE("phase Ready equals condition Ready, and never with nothing to pick") {
  for (const auto& row : kRows) {
    INFO(row.scenario);
    const auto status = status_of(row.scene().decide());
    const bool ready = condition_of(status, "Ready").at("status") == "True";
    CHECK((status.at("phase") == "Ready") == ready);
    if (ready) CHECK_FALSE(status.at("advertisedModels").empty());
    for (const auto& condition : status.at("conditions")) CHECK(condition.at("observedGeneration") == 3);
    CHECK(status.at("observedGeneration") == 3);
  }
}

TEST_CASE("a status that is written is not written again, in no situation") {
  for (const auto& row : kRows) {
    INFO(row.scenario);
    Scene scene = row.scene();
    scene.write_status();
    scene.now += std::chrono::hours{1};
    const auto again = scene.decide();
    CHECK_FALSE(again.status);
    CHECK(again.events.empty());
  }
}

namespace {

/// What kstatus, and so Flux and kpt, says of a custom resource (github.com/kubernetes-sigs/cli-utils,
/// pkg/kstatus/status: checkGenericProperties in util.go and checkReadyCondition in generic.go).
std::string kstatus(const json& status, int generation) {
  if (status.contains("observedGeneration") && status.at("observedGeneration") != generation) return "InProgress";
  const auto conditions = status.value("conditions", json::array());
  for (const auto& condition : conditions) {
    if (condition.at("status") != "True") continue;
    if (condition.at("type") == "Reconciling") return "InProgress";
    if (condition.at("type") == "Stalled") return "Failed";
  }
  for (const auto& condition : conditions) {
    if (condition.at("type") == "Ready") return condition.at("status") == "True" ? "Current" : "InProgress";
  }
  return "Current";
}

}  // namespace

TEST_CASE("kstatus agrees with the phase, in every status that is kept as golden") {
  std::size_t seen = 0;
  for (const auto& file :
       std::filesystem::directory_iterator(std::string(TEST_DATA_DIR) + "/golden/reconcile/status")) {
    INFO(file.path());
    const auto text = base::read_file(file.path());
    REQUIRE(text);
    const auto status = json::parse(*text).at("status");
    const bool is_ready = status.at("phase") == "Ready";
    CHECK((condition_of(status, "Ready").at("status") == "True") == is_ready);
    CHECK(kstatus(status, 3) == (is_ready ? "Current" : "InProgress"));
    CHECK(kstatus(status, 4) == "InProgress");  // a spec that nobody has looked at yet
    ++seen;
  }
  CHECK(seen >= std::size(kRows));
}

TEST_CASE("kstatus never takes a service that was just made for ready") {
  CHECK(kstatus(json::object(), 1) == "Current");  // so a status is written at first sight
  const auto decision = Scene(kExample).decide();
  CHECK_FALSE(decision.status_can_wait);
  CHECK(kstatus(status_of(decision), 3) == "InProgress");
}

TEST_CASE("lastTransitionTime moves only on transitions") {
  Scene scene = serving();
  scene.write_status();
  const auto first = json::parse(scene.observed.service.status);
  scene.now += std::chrono::minutes{5};
  scene.observed.agents.front().models.pop_back();
  scene.write_status();
  const auto second = json::parse(scene.observed.service.status);
  CHECK(condition_of(second, "Ready")["lastTransitionTime"] != condition_of(first, "Ready")["lastTransitionTime"]);
  CHECK(condition_of(second, "Available")["lastTransitionTime"] ==
        condition_of(first, "Available")["lastTransitionTime"]);
}

TEST_CASE("samples alone are written every 10 seconds at most") {
  Scene scene = serving();
  scene.write_status();
  scene.observed.agents.front().models[0].state = "unloaded";
  scene.observed.agents.front().models[1].state = "loaded";
  scene.now += std::chrono::seconds{4};
  CHECK_FALSE(scene.decide().status);
  CHECK(scene.decide().requeue_after == std::chrono::milliseconds{6000});
  scene.now += std::chrono::seconds{6};
  const auto status = status_of(scene.decide());
  CHECK(status["models"][0]["loaded"] == false);
  CHECK(status["models"][1]["loaded"] == true);
}

TEST_CASE("another change takes the samples along at once") {
  Scene scene = serving();
  scene.write_status();
  scene.observed.agents.front().models[0].state = "unloaded";
  scene.observed.agents.front().models.pop_back();
  CHECK(status_of(scene.decide())["models"][0]["loaded"] == false);
}

TEST_CASE("a name is withdrawn from the status before the preset loses it") {
  Scene scene = serving();
  scene.write_status();
  Scene smaller(R"({"runtime": "llamacpp-router", "models": [{"name": "phi4-mini"}, {"name": "qwen3-7b-coder"}],
                    "resources": {"requests": {"nvidia.com/gpu": 1}}})");
  smaller.observed.service.status = scene.observed.service.status;
  scene.observed.service = smaller.observed.service;
  const auto decision = scene.decide();
  CHECK(decision.status_first);
  CHECK(status_of(decision)["advertisedModels"] == json({"phi4-mini", "qwen3-7b-coder"}));
  CHECK_FALSE(serving().decide().status_first);
}

TEST_CASE("after a restart nothing is written before the agents are asked") {
  Scene scene = serving();
  scene.write_status();
  const auto samples = std::exchange(scene.observed.agents, {});
  CHECK_FALSE(scene.decide().status);
  CHECK(scene.decide().requeue_after);
  scene.observed.agents = samples;
  CHECK_FALSE(scene.decide().status);
}

TEST_CASE("names are withdrawn before a template change ends the only Pod") {
  Scene scene = serving();
  scene.write_status();
  scene.observed.deployment->template_hash = "before";
  const auto decision = scene.decide();
  CHECK(decision.status_first);
  CHECK(status_of(decision)["advertisedModels"].empty());
}

TEST_CASE("names that left for a new template do not come back with the Pods of the old one") {
  Scene scene = serving();
  scene.write_status();
  scene.observed.deployment->template_hash = "before";
  scene.write_status();  // withdrawn
  const auto applied = serving().observed.deployment;
  scene.observed.deployment = applied;
  const auto is_empty = [&] {
    const auto status = json::parse(scene.observed.service.status);
    return !scene.decide().status && status["advertisedModels"].empty();
  };
  auto& live = *scene.observed.deployment;
  SECTION("the Deployment controller has not seen it") { live.meta.generation = 2; }
  SECTION("it has, and the old Pod is about to get its end") { live.updated = 0; }
  scene.write_status();
  CHECK(is_empty());
  scene.observed.deployment = applied;
  CHECK(status_of(scene.decide())["advertisedModels"].size() == 3);
}

TEST_CASE("a change of the number of replicas alone takes no name away") {
  Scene scene = serving();
  scene.write_status();
  scene.observed.service.advertises = true;
  scene.observed.deployment->meta.generation = 2;  // not seen yet
  CHECK(status_of(scene.decide())["advertisedModels"].size() == 3);
}

TEST_CASE("a new template that the API server refuses takes no name away: the Pods stay as they are") {
  const std::string reason = GENERATE("Conflict", "Forbidden");
  Scene scene = serving();
  scene.observed.deployment->template_hash = "before";
  scene.observed.problems.push_back({"Deployment", "edge-multi-model", reason, "said so", "argocd"});
  const auto status = status_of(scene.decide());
  CHECK(status["advertisedModels"].size() == 3);
  CHECK(condition_of(status, "Ready")["status"] == "False");
  CHECK(condition_of(status, "Degraded")["reason"] == (reason == "Conflict" ? "Conflict" : "ChildRefused"));
}

TEST_CASE("whatever is observed, Ready never stands beside nothing to pick, and no name is picked twice") {
  std::mt19937 random(11);
  const auto chance = [&](unsigned percent) { return random() % 100 < percent; };
  const std::vector<std::string> models = {"phi4-mini", "qwen3-7b-coder", "gemma3-4b-summarizer"};
  int ready_seen = 0;
  for (int i = 0; i < 100; ++i) {
    Scene scene(kExample);
    for (const auto& model : models) {
      if (chance(90)) scene.add_fetched(model);
    }
    if (chance(90)) scene.roll_out(1);
    if (chance(90)) scene.add_ready_pod("edge-multi-model-0");
    for (auto& sample : scene.observed.agents) {
      if (chance(10)) sample.error = "timeout";
      if (chance(10)) sample.preset_hash = "other";
      if (chance(10) && !sample.models.empty()) sample.models.pop_back();
      if (chance(10) && !sample.models.empty()) sample.models.front().state = "failed";
    }
    if (chance(10)) scene.observed.jobs.clear();
    if (chance(10)) scene.observed.claims.clear();
    if (chance(10)) scene.observed.models.clear();
    if (chance(10)) scene.observed.problems.push_back({"Service", "x", "Forbidden", "quota", ""});
    if (chance(5) && scene.observed.deployment) scene.observed.deployment->ready = 0;
    const auto status = status_of(scene.decide());
    const auto& advertised = status.at("advertisedModels");
    if (condition_of(status, "Ready").at("status") == "True") {
      ++ready_seen;
      CHECK(advertised.size() == models.size());
    }
    for (const auto& name : advertised) CHECK(std::ranges::count(advertised, name) == 1);
  }
  CHECK(ready_seen > 5);
}

TEST_CASE("names wait until the Service answers, and it is asked only before its first ones") {
  Scene scene = serving();
  scene.observed.network_service->cluster_ip = "10.96.0.9";
  const auto first = scene.decide();  // not asked yet
  CHECK(status_of(first)["advertisedModels"].empty());
  REQUIRE(first.knock);
  CHECK(first.knock->ip == "10.96.0.9");
  CHECK(first.knock->port == 8080);

  scene.observed.front = Knock::refused;
  const auto refused = status_of(scene.decide());
  CHECK(refused["advertisedModels"].empty());
  CHECK(condition_of(refused, "Ready")["reason"] == "EndpointPending");
  CHECK(condition_of(refused, "Ready")["message"].get<std::string>().find("10.96.0.9") != std::string::npos);

  SECTION("somebody takes it") { scene.observed.front = Knock::open; }
  SECTION("a policy may keep us from it: that must not block for ever") { scene.observed.front = Knock::unknown; }
  CHECK(status_of(scene.decide())["advertisedModels"].size() == 3);
  scene.write_status();
  scene.observed.service.advertises = true;
  scene.observed.front.reset();
  CHECK_FALSE(scene.decide().knock);
  CHECK_FALSE(scene.decide().status);
}

TEST_CASE("a Service without endpoints keeps its names back for as long as it has none") {
  Scene scene = serving();
  scene.observed.network_service->cluster_ip = "10.96.0.9";
  scene.observed.front = Knock::refused;
  scene.write_status();
  scene.observed.front = Knock::no_endpoint;
  const auto decision = scene.decide();
  CHECK(decision.knock);
  CHECK_FALSE(decision.status_can_wait);
  const auto status = status_of(decision);
  CHECK(status["advertisedModels"].empty());
  CHECK(condition_of(status, "Degraded")["reason"] == "NoReadyEndpoint");
  CHECK(condition_of(status, "Available")["status"] == "True");
  const auto message = condition_of(status, "Ready")["message"].get<std::string>();
  CHECK(message.find("Service edge-multi-model at 10.96.0.9") != std::string::npos);
  CHECK(message.ends_with("kubectl -n edge describe service edge-multi-model"));
  REQUIRE(decision.events.size() == 1);
  CHECK(decision.events.front().warning);
  CHECK(decision.events.front().reason == "NoReadyEndpoint");
  scene.write_status();
  CHECK_FALSE(scene.decide().status);

  SECTION("an obstacle that was there before is named, and this one needs somebody all the same") {
    scene.observed.deployment->failure = ContainerState{"FailedCreate", "exceeded quota", 0};
    const auto both = status_of(scene.decide());
    CHECK(condition_of(both, "Ready")["reason"] == "PodsRefused");
    CHECK(both["advertisedModels"].empty());
  }
  SECTION("no Pod is ready any more: there is nothing to find") {
    scene.observed.deployment->ready = 0;
    const auto unready = scene.decide();
    CHECK_FALSE(unready.knock);
    CHECK(condition_of(status_of(unready), "Ready")["reason"] == "PodsNotReady");
  }
  SECTION("it answers") {
    scene.observed.front = Knock::open;
    CHECK(condition_of(status_of(scene.decide()), "Ready")["status"] == "True");
    CHECK(condition_of(status_of(scene.decide()), "Degraded")["status"] == "False");
  }
}

TEST_CASE("a Service that vanished takes the names with it, and its successor is asked again") {
  Scene scene = serving();
  scene.write_status();
  scene.observed.service.advertises = true;
  const auto there = std::exchange(scene.observed.network_service, std::nullopt);
  const auto gone = scene.decide();
  CHECK(gone.status_first);
  CHECK(status_of(gone)["advertisedModels"].empty());
  scene.write_status();
  scene.observed.service.advertises = false;
  scene.observed.network_service = there;
  scene.observed.network_service->cluster_ip = "10.96.0.77";
  CHECK(scene.decide().knock);
}

TEST_CASE("what a deleted service of this name left behind serves nobody") {
  Scene scene = serving();
  scene.observed.network_service->cluster_ip = "10.96.0.9";
  scene.observed.front = Knock::open;
  REQUIRE(status_of(scene.decide())["advertisedModels"].size() == 3);
  SECTION("its Deployment is still there") { scene.observed.deployment->meta.owner_uid = "of-the-one-before"; }
  SECTION("only its Pods are") { scene.observed.deployment->ready = 0; }
  SECTION("its Service is") { scene.observed.network_service->meta.owner_uid = "of-the-one-before"; }
  const auto decision = scene.decide();
  CHECK(status_of(decision)["advertisedModels"].empty());
  CHECK_FALSE(decision.knock);
}

TEST_CASE("nobody knocks where there is nothing to pick") {
  Scene scene(kExample);
  scene.add_job("phi4-mini");
  CHECK_FALSE(scene.decide().knock);
}

TEST_CASE("a status may wait unless it is the first, turns Ready or Degraded, or withdraws a name") {
  Scene scene(kExample);
  CHECK_FALSE(scene.decide().status_can_wait);
  scene.write_status();
  scene.add_fetched("phi4-mini");
  CHECK(scene.decide().status_can_wait);
  const auto mark = scene.decide().status_mark;
  scene.now += std::chrono::seconds{5};
  CHECK(scene.decide().status_mark == mark);
  scene.add_fetched("qwen3-7b-coder");
  CHECK(scene.decide().status_mark != mark);

  Scene failing = scene;
  failing.fail_job("gemma3-4b-summarizer", "NotFound", "404");
  CHECK_FALSE(failing.decide().status_can_wait);  // Degraded turns

  scene.add_fetched("gemma3-4b-summarizer");
  scene.roll_out(1);
  scene.add_ready_pod("edge-multi-model-0");
  CHECK_FALSE(scene.decide().status_can_wait);  // Ready turns
  scene.write_status();
  scene.observed.agents.front().models[1].state = "loaded";
  scene.now += std::chrono::seconds{20};
  CHECK(scene.decide().status_can_wait);
  scene.observed.pods.back().ready = false;
  CHECK_FALSE(scene.decide().status_can_wait);
}

TEST_CASE("with several replicas a model is advertised when all ready Pods list it") {
  Scene scene = serving();
  scene.add_ready_pod("edge-multi-model-1");
  CHECK(status_of(scene.decide())["advertisedModels"].size() == 3);
  scene.observed.agents.back().models.erase(scene.observed.agents.back().models.begin());
  CHECK(status_of(scene.decide())["advertisedModels"] == json({"qwen3-7b-coder", "gemma3-4b-summarizer"}));
  scene.observed.pods.back().ready = false;
  CHECK(status_of(scene.decide())["advertisedModels"].size() == 3);
}

TEST_CASE("what others wrote into the status is no reason to write") {
  Scene scene = serving();
  scene.write_status();
  auto status = json::parse(scene.observed.service.status);
  status["conditions"].push_back({{"type", "SLOReady"}, {"status", "True"}, {"reason", "SLOCreated"}});
  status["queuePosition"] = 2;
  scene.observed.service.status = status.dump();
  CHECK_FALSE(scene.decide().status);
  status["phase"] = "Failed";
  scene.observed.service.status = status.dump();
  CHECK(status_of(scene.decide())["phase"] == "Ready");
}

TEST_CASE("events tell the story once, in order") {
  Scene scene(kExample);
  scene.add_job("phi4-mini");
  scene.add_fetch_pod("phi4-mini", R"({"phase":"Running","podIP":"10.0.0.9"})");
  CHECK(reasons_of(scene.decide().events) == std::vector<std::string>{"ModelDownloading"});
  scene.write_status();
  scene.observed.jobs.clear();
  scene.observed.fetch_pods.clear();
  scene.add_fetched("phi4-mini");
  CHECK(reasons_of(scene.decide().events) == std::vector<std::string>{"ModelAvailable"});
  scene.write_status();
  CHECK(scene.decide().events.empty());
  scene.fail_job("qwen3-7b-coder", "NotGguf", "not a GGUF file");
  CHECK(reasons_of(scene.decide().events) == std::vector<std::string>{"ModelFailed"});
  scene.write_status();
  scene.observed.problems.push_back({"Service", "edge-multi-model", "Conflict", ".spec.type", "helm"});
  CHECK(reasons_of(scene.decide().events) == std::vector<std::string>{"Conflict"});
}

TEST_CASE("models that come into one state together make one event") {
  Scene scene(kExample);
  scene.add_fetched("phi4-mini");
  scene.add_fetched("qwen3-7b-coder");
  const auto events = scene.decide().events;
  REQUIRE(events.size() == 1);
  CHECK(events.front().reason == "ModelAvailable");
  CHECK(events.front().message.find("phi4-mini") != std::string::npos);
  CHECK(events.front().message.find("qwen3-7b-coder") != std::string::npos);
}

TEST_CASE("a status of wrong types is written anew") {
  Scene scene = serving();
  scene.observed.service.status =
      R"({"conditions":[7,{"type":5},{"type":"Ready","status":true,"lastTransitionTime":9,"message":[]}],)"
      R"("models":[1,{"name":2},{"name":"phi4-mini","state":3}],"advertisedModels":[4],"lastUpdated":[]})";
  const auto status = status_of(scene.decide());
  CHECK(condition_of(status, "Ready")["status"] == "True");
  CHECK(condition_of(status, "Ready")["lastTransitionTime"].is_string());
}

TEST_CASE("a condition's message is cut at the schema's bound") {
  Scene scene = serving();
  scene.observed.service.mistakes = std::string(100'000, 'x');
  CHECK(condition_of(status_of(scene.decide()), "Ready")["message"].get<std::string>().size() <= 32'768);
}

TEST_CASE("agents are asked as soon as they run, fetch Pods while they fetch") {
  Scene scene = serving();
  CHECK(scene.decide().sample_agents == std::vector<std::string>{"edge-multi-model-0"});
  CHECK(scene.decide().sample_every == std::chrono::seconds{10});
  scene.observed.agents.front().models.pop_back();
  CHECK(scene.decide().sample_every == std::chrono::seconds{2});
}

TEST_CASE("a rollout past its deadline is named only where nothing else says why") {
  const auto overdue = [](Scene scene) {
    scene.observed.deployment->overdue =
        ContainerState{"ProgressDeadlineExceeded", "ReplicaSet \"x\" has timed out progressing.", 0};
    return status_of(scene.decide());
  };
  const auto waits = overdue(with_pod(unschedulable("0/1 nodes are available: 1 Insufficient nvidia.com/gpu.")));
  CHECK(waits["phase"] == "WaitingForGPU");
  CHECK(condition_of(waits, "Degraded")["status"] == "False");
  const auto pulls = overdue(with_pod(waiting("llama-server", "ImagePullBackOff", "not found")));
  CHECK(condition_of(pulls, "Degraded")["reason"] == "ImagePullFailed");
  const auto silent = overdue(with_pod(R"({"phase":"Running","podIP":"10.0.0.8"})"));
  CHECK(condition_of(silent, "Degraded")["reason"] == "RolloutOverdue");
  CHECK(condition_of(silent, "Ready")["reason"] == "RolloutOverdue");
}

TEST_CASE("a claim of the user that is not there is looked for again") {
  const auto spec =
      GENERATE(R"({"runtime":"llamacpp-router","models":[{"name":"a"}],"modelCache":{"claimName":"mine"}})",
               R"({"runtime":"llamacpp-router","models":[{"name":"on-claim"}]})");
  Scene scene(spec);
  scene.add_model("a");
  scene.add_model("on-claim", R"({"source":"pvc://mine/a.gguf"})");
  const auto missing = scene.decide();
  CHECK(missing.requeue_after == std::chrono::seconds{10});
  scene.add_claim("mine");
  CHECK_FALSE(scene.decide().requeue_after);
}

TEST_CASE("in an ephemeral cache a Pod that is not done takes nothing from one that serves") {
  Scene scene(R"({"runtime":"llamacpp-router","models":[{"name":"a"}],"replicas":2,
                  "modelCache":{"persistence":"Ephemeral"}})");
  scene.add_model("a");
  const auto fetched = [](const std::string& result) {
    return R"({"name":"model-fetch-0","ready":true,"state":{"terminated":{"exitCode":0,"message":)" +
           base::quote_json(result) + "}}}";
  };
  scene.add_pod("p-0", R"({"phase":"Running","podIP":"10.0.0.7","conditions":[{"type":"Ready","status":"True"}],
    "initContainerStatuses":[)" +
                           fetched(fetch_result("a")) +
                           R"(,{"name":"router-agent","ready":true,"state":{"running":{}}}],
    "containerStatuses":[{"name":"llama-server","ready":true,"state":{"running":{}}}]})");
  scene.roll_out(1);
  const auto preset = [&] { return make_plan(scene.settings, scene.observed).preset; };
  const auto served = preset();
  REQUIRE_FALSE(served.empty());
  AgentSample sample;
  sample.pod = "p-0";
  sample.preset_hash = api::preset_hash(served);
  sample.ready = true;
  sample.models = {{"a", {}, "loaded", {}}};
  scene.observed.agents.push_back(sample);
  scene.observed.front = Knock::open;
  scene.write_status();
  SECTION("it has not started") { scene.add_pod("p-1", R"({"phase":"Pending"})"); }
  SECTION("it fetches") {
    scene.add_pod("p-1",
                  R"({"phase":"Pending","initContainerStatuses":[{"name":"model-fetch-0","state":{"running":{}}}]})");
  }
  SECTION("the kubelet refused it, and it stays") {
    scene.add_pod("p-1", R"({"phase":"Failed","reason":"UnexpectedAdmissionError"})");
  }
  SECTION("it is of a template with another source, and still fetches") {
    scene.add_model("a", R"({"source":"https://models.example/newer.gguf"})");
    scene.add_pod("p-1",
                  R"({"phase":"Pending","initContainerStatuses":[{"name":"model-fetch-0","state":{"running":{}}}]})");
  }
  CHECK(preset() == served);
  const auto decision = scene.decide();
  CHECK_FALSE(decision.status_first);
  CHECK(json::parse(scene.observed.service.status)["advertisedModels"] == json::array({"a"}));
  if (decision.status) CHECK(status_of(decision)["advertisedModels"] == json::array({"a"}));
}

TEST_CASE("of an ephemeral cache the file of the present source counts") {
  Scene scene(R"({"runtime":"llamacpp-router","models":[{"name":"a"}],"modelCache":{"persistence":"Ephemeral"}})");
  scene.add_model("a", R"({"source":"https://models.example/newer.gguf"})");
  const auto add = [&](const std::string& name, const std::string& path) {
    const std::string result = R"({"reason":"Fetched","message":"m","files":[{"path":")" + path +
                               R"(","size":1,"sha256":"s","role":"model"}]})";
    scene.add_pod(name, R"({"phase":"Running","initContainerStatuses":[{"name":"model-fetch-0","state":{"terminated":
      {"exitCode":0,"message":)" +
                            base::quote_json(result) + "}}}]}");
  };
  const std::string newer = "/models/" + api::cache_key("https://models.example/newer.gguf") + "/newer.gguf";
  const bool newer_first = GENERATE(true, false);
  add("p-0", newer_first ? newer : "/models/0123456789abcdef/a.gguf");
  add("p-1", newer_first ? "/models/0123456789abcdef/a.gguf" : newer);
  CHECK(make_plan(scene.settings, scene.observed).preset.contains(newer));
}
