#include <nlohmann/json.hpp>

#include "test/catch.hpp"
#include "test/unit/reconcile/scene.hpp"

using namespace reconciler;
using nlohmann::json;

namespace {

/// Ready, as its status says, and then edited into something that breaks a rule, with no webhook in front.
Scene spoiled() {
  Scene scene = serving();
  scene.write_status();
  scene.observed.service.advertises = true;
  scene.observed.service.mistakes = "spec.router: Forbidden: only router runtimes have it";
  scene.write_status();
  return scene;
}

json written(const Scene& scene) { return json::parse(scene.observed.service.status); }

std::string state_of(const json& status, std::string_view type) {
  for (const auto& condition : status.at("conditions"))
    if (condition.at("type") == type) return condition.at("status");
  return {};
}

}  // namespace

TEST_CASE("an invalid object's Pods are left running, and their names advertised") {
  const Scene scene = spoiled();
  CHECK(written(scene)["phase"] == "Failed");
  CHECK(written(scene)["advertisedModels"].size() == 3);
  CHECK(state_of(written(scene), "Available") == "True");
  CHECK_FALSE(scene.decide().status);
  CHECK(scene.decide().sample_agents == std::vector<std::string>{"edge-multi-model-0"});
  CHECK(scene.decide().desired.empty());
}

TEST_CASE("when what an invalid object left running ends, its names leave, and come back with it") {
  Scene scene = spoiled();
  const auto before = scene.observed;
  SECTION("the Deployment is deleted") { scene.observed.deployment.reset(); }
  SECTION("no Pod is ready") {
    scene.observed.deployment->ready = 0;
    scene.observed.pods.front().ready = false;
  }
  SECTION("the Service is deleted") { scene.observed.network_service.reset(); }
  SECTION("the Pods are those of a deleted service of this name") {
    scene.observed.deployment->meta.owner_uid = "of-the-one-before";
  }
  scene.write_status();
  CHECK(written(scene)["advertisedModels"].empty());
  CHECK(written(scene)["phase"] == "Failed");
  if (!scene.observed.deployment || scene.observed.deployment->ready == 0) {
    CHECK(written(scene)["readyReplicas"] == 0);
    CHECK(state_of(written(scene), "Available") == "False");
  }
  CHECK_FALSE(scene.decide().status);

  const auto status = scene.observed.service.status;
  scene.observed = before;
  scene.observed.service.status = status;
  scene.write_status();
  CHECK(written(scene)["advertisedModels"] == json({"phi4-mini", "qwen3-7b-coder", "gemma3-4b-summarizer"}));
  CHECK(state_of(written(scene), "Available") == "True");
}

TEST_CASE("a model that an invalid object's Pod cannot load leaves, one whose agent is silent stays") {
  Scene scene = spoiled();
  SECTION("failed") {
    scene.observed.agents.front().models.front().state = "failed";
    scene.write_status();
    CHECK(written(scene)["advertisedModels"] == json({"qwen3-7b-coder", "gemma3-4b-summarizer"}));
  }
  SECTION("silent") {
    scene.observed.agents.front().error = "timeout";
    CHECK_FALSE(scene.decide().status);
  }
}

TEST_CASE("an object that was never valid says only that") {
  Scene scene(kExample);
  scene.observed.service.mistakes = "spec.models[0].name: Required value";
  const auto decision = scene.decide();
  REQUIRE(decision.status);
  const auto status = json::parse(*decision.status)["status"];
  CHECK_FALSE(status.contains("advertisedModels"));
  CHECK_FALSE(status.contains("readyReplicas"));
}

TEST_CASE("what takes a name away waits until the agents are asked, so that the status can say it first") {
  Scene scene = serving();
  scene.write_status();
  scene.observed.agents.clear();
  CHECK_FALSE(scene.decide().status_first);
  const Scene smaller(R"({"runtime": "llamacpp-router", "models": [{"name": "phi4-mini"}],
                          "resources": {"requests": {"nvidia.com/gpu": 1}}})");
  const auto status = scene.observed.service.status;
  scene.observed.service = smaller.observed.service;
  scene.observed.service.status = status;
  const auto decision = scene.decide();
  CHECK_FALSE(decision.status);
  CHECK(decision.status_first);
}

TEST_CASE("a service that a finalizer keeps advertises nothing once its Pods have ended") {
  Scene scene = serving();
  scene.write_status();
  scene.observed.service.meta.deleting = true;
  CHECK_FALSE(scene.decide().status);  // they still answer
  scene.observed.deployment.reset();
  scene.observed.pods.clear();
  scene.observed.agents.clear();
  const auto decision = scene.decide();
  CHECK(decision.desired.empty());
  scene.write_status();
  CHECK(written(scene)["advertisedModels"].empty());
  CHECK(written(scene)["readyReplicas"] == 0);
  CHECK(written(scene)["phase"] == "Stopped");
  CHECK(state_of(written(scene), "Ready") == "False");
  CHECK_FALSE(scene.decide().status);
}
