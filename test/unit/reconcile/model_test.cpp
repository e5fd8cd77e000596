#include <algorithm>
#include <nlohmann/json.hpp>

#include "test/catch.hpp"
#include "test/unit/reconcile/golden.hpp"
#include "test/unit/reconcile/scene.hpp"

using namespace reconciler;
using nlohmann::json;

namespace {

/// What is observed of a Model in a scene whose only service names it.
ObservedModel model_in(const Scene& scene, const std::string& name) {
  ObservedModel observed;
  observed.model = scene.observed.models.at(name);
  observed.jobs = scene.observed.jobs;
  observed.fetch_pods = scene.observed.fetch_pods;
  observed.services = {scene.observed.service};
  observed.claims = scene.observed.claims;
  return observed;
}

Scene scene_of(const std::string& model) {
  return Scene(R"({"runtime": "llamacpp-router", "models": [{"name": ")" + model + R"("}]})");
}

Decision decide(const Scene& scene, const std::string& model = "a") {
  return reconcile_model(scene.settings, model_in(scene, model), scene.now);
}

std::string phase_of(const Decision& decision) {
  REQUIRE(decision.status);
  return json::parse(*decision.status)["status"]["phase"];
}

/// Status of a fetch Pod that has ended.
std::string ended(int exit_code, const std::string& message) {
  return std::string(R"({"phase":")") + (exit_code == 0 ? "Succeeded" : "Failed") +
         R"(","containerStatuses":[{"name":"model-fetch","state":{"terminated":{"exitCode":)" +
         std::to_string(exit_code) + R"(,"message":)" + base::quote_json(message) + "}}}]}";
}

/// The Pod of the fetch Job has said its last word, and the Job has no record of it yet.
Scene unrecorded_scene_of(const std::string& model) {
  Scene scene = scene_of(model);
  scene.add_fetched(model);
  scene.observed.jobs.back().fetched.clear();
  scene.add_fetch_pod(model, ended(0, fetch_result(model)));
  return scene;
}

}  // namespace

TEST_CASE("a Model tells the story of its files") {
  Scene pending = scene_of("a");
  pending.add_model("a");
  CHECK(phase_of(decide(pending)) == "Pending");

  Scene downloading = scene_of("a");
  downloading.add_job("a");
  downloading.add_fetch_pod("a", R"({"phase":"Running","podIP":"10.0.0.9"})");
  CHECK(phase_of(decide(downloading)) == "Downloading");

  Scene failed = scene_of("a");
  failed.fail_job("a", "Unauthorized", "401 at models.example: correct spec.sourceSecretRef");
  CHECK(phase_of(decide(failed)) == "Failed");
  check_golden("model/failed.json", pretty(*decide(failed).status));

  Scene ready = scene_of("a");
  ready.add_fetched("a");
  CHECK(phase_of(decide(ready)) == "Ready");
  check_golden("model/ready.json", pretty(*decide(ready).status));

  Scene invalid = scene_of("a");
  invalid.add_model("a");
  invalid.observed.models["a"].mistakes = "spec.source: Required value";
  CHECK(phase_of(decide(invalid)) == "Failed");
}

TEST_CASE("a Model that no service names is pending, and says why") {
  Scene scene = scene_of("a");
  scene.add_model("a");
  auto observed = model_in(scene, "a");
  observed.services.clear();
  const auto decision = reconcile_model(scene.settings, observed, scene.now);
  CHECK_THAT(*decision.status, ContainsSubstring("no service names this Model"));
}

TEST_CASE("a Model's status waits for what comes next, unless nothing does") {
  Scene scene = scene_of("a");
  scene.add_job("a");
  CHECK(decide(scene).status_can_wait);
  scene = scene_of("a");
  scene.add_fetched("a");
  CHECK(phase_of(decide(scene)) == "Ready");
  CHECK_FALSE(decide(scene).status_can_wait);
}

TEST_CASE("a Model's failure is an Event of its own, and its files are one of the services that wait for them") {
  Scene failed = scene_of("a");
  failed.fail_job("a", "Unauthorized", "401 at models.example: correct spec.sourceSecretRef");
  const auto events = decide(failed).events;
  REQUIRE(events.size() == 1);
  CHECK(events.front().warning);
  CHECK(events.front().reason == "Unauthorized");

  Scene ready = scene_of("a");
  ready.add_fetched("a");
  CHECK(decide(ready).events.empty());
  const auto told = ready.decide().events;
  REQUIRE_FALSE(told.empty());
  CHECK(told.front().reason == "ModelAvailable");
}

TEST_CASE("beside another operator a Model's status is not ours") {
  Scene scene = scene_of("a");
  scene.add_fetched("a");
  scene.settings.runtimes = {"llamacpp-router"};
  CHECK_FALSE(decide(scene).status);
}

TEST_CASE("a written Model status is not written again") {
  Scene scene = scene_of("a");
  scene.add_fetched("a");
  const auto body = parsed(*decide(scene).status);
  scene.observed.models["a"].status = base::to_text(*base::find(body, "status"));
  scene.now += std::chrono::hours{1};
  CHECK_FALSE(decide(scene).status);
}

TEST_CASE("the last word of model-fetch is copied to the Job") {
  Scene scene = unrecorded_scene_of("a");
  const auto decision = decide(scene);
  REQUIRE(decision.annotations.size() == 1);
  CHECK(decision.annotations[0].kind == Kind::job);
  CHECK(decision.annotations[0].value == fetch_result("a"));
  CHECK(decision.deletions.empty());
}

TEST_CASE("to record on the Job what its Pod said changes no decision") {
  Scene scene = unrecorded_scene_of("a");
  SECTION("of the Job that is wanted") {}
  SECTION("of one whose files are in use until those of a newer one are there") {
    scene.add_model("a", R"({"source": "https://models.example/newer.gguf"})");
  }
  const auto service_before = scene.decide();
  const auto model_before = decide(scene);
  REQUIRE(std::ranges::any_of(service_before.desired, [](const auto& at) { return at.kind == Kind::deployment; }));
  scene.observed.jobs.back().fetched = fetch_result("a");
  scene.observed.fetch_pods.clear();
  const auto service_after = scene.decide();
  CHECK(service_after.status == service_before.status);
  CHECK(std::ranges::equal(service_after.desired, service_before.desired, {}, &DesiredObject::body,
                           &DesiredObject::body));
  CHECK(decide(scene).status == model_before.status);
  CHECK(decide(scene).annotations.empty());
}

TEST_CASE("of a complete Job the Pod that ended well is heard, not the tries that failed before") {
  const std::string stalled = ended(1, R"({"reason":"Stalled","message":"no byte for 60 s"})");
  const std::string suffix = GENERATE("a", "z");
  Scene scene = unrecorded_scene_of("a");
  scene.add_fetch_pod("a", stalled, suffix);
  if (suffix == "a") std::ranges::swap(scene.observed.fetch_pods[0], scene.observed.fetch_pods[1]);
  SECTION("before it is recorded") {
    const auto decision = decide(scene);
    CHECK(phase_of(decision) == "Ready");
    REQUIRE(decision.annotations.size() == 1);
    CHECK(decision.annotations[0].value == fetch_result("a"));
  }
  SECTION("while the Job is not complete yet") {
    scene.observed.jobs.back().complete = false;
    CHECK(phase_of(decide(scene)) == "Ready");
  }
  SECTION("and a record without files, which an older release made of such a try, is none") {
    scene.observed.jobs.back().fetched = R"({"reason":"Stalled","message":"no byte for 60 s"})";
    CHECK(decide(scene).deletions.size() == 1);
  }
}

TEST_CASE("of a failed Job the Pod whose failure was final is heard, not the tries before") {
  const std::string suffix = GENERATE("a", "z");
  Scene scene = unrecorded_scene_of("a");
  auto& job = scene.observed.jobs.back();
  job.complete = false;
  job.failed = ContainerState{"PodFailurePolicy", "Container model-fetch failed with exit code 2", 0};
  job.failed_at = scene.now;
  scene.observed.fetch_pods.clear();
  scene.add_fetch_pod("a", ended(2, R"({"reason":"NotFound","message":"404"})"), "m");
  scene.add_fetch_pod("a", ended(1, R"({"reason":"Unreachable","message":"no route"})"), suffix);
  if (suffix == "a") std::ranges::swap(scene.observed.fetch_pods[0], scene.observed.fetch_pods[1]);
  const auto decision = decide(scene);
  REQUIRE(decision.annotations.size() == 1);
  CHECK(decision.annotations[0].value.find("NotFound") != std::string::npos);
  CHECK(decision.status->find(R"("reason":"NotFound")") != std::string::npos);
}

TEST_CASE("the word of a Pod that ended well counts before its Job is complete") {
  Scene scene = scene_of("a");
  scene.add_job("a");
  SECTION("it fetched") {
    scene.add_fetch_pod("a", ended(0, fetch_result("a")));
    CHECK(phase_of(decide(scene)) == "Ready");
  }
  SECTION("it failed after it had said so") {
    scene.add_fetch_pod("a", ended(1, fetch_result("a")));
    CHECK(phase_of(decide(scene)) == "Downloading");
  }
  SECTION("it said nothing that can be read") {
    scene.add_fetch_pod("a", ended(0, "done"));
    CHECK(phase_of(decide(scene)) != "Ready");
  }
  SECTION("it is another Job's") {
    scene.add_fetch_pod("a", ended(0, fetch_result("a")));
    scene.observed.jobs.back().meta.uid = "newer";
    CHECK(phase_of(decide(scene)) != "Ready");
  }
}

TEST_CASE("a complete Job that left nothing runs again, not at full speed") {
  Scene scene = scene_of("a");
  scene.add_fetched("a");
  scene.observed.jobs.back().fetched.clear();
  scene.observed.jobs.back().completed_at = scene.now;
  CHECK(decide(scene).deletions.empty());
  CHECK(decide(scene).requeue_after == std::chrono::seconds{30});
  scene.now += std::chrono::seconds{30};
  CHECK(decide(scene).deletions.size() == 1);
}

TEST_CASE("a failed Job is tried again after ten minutes") {
  Scene scene = scene_of("a");
  scene.fail_job("a", "NotFound", "404");
  CHECK(decide(scene).deletions.empty());
  CHECK(decide(scene).requeue_after == std::chrono::minutes{10});
  scene.now += std::chrono::minutes{10};
  REQUIRE(decide(scene).deletions.size() == 1);
  CHECK(decide(scene).deletions[0].name == scene.job_of("a"));
}

TEST_CASE("a Job whose files are served stays until those that replace it are there") {
  Scene scene = scene_of("a");
  scene.add_fetched("a");
  const auto old = scene.observed.jobs.back().meta.name;
  scene.add_model("a", R"({"source": "https://models.example/newer.gguf"})");
  CHECK(decide(scene).deletions.empty());
  scene.add_job("a");
  CHECK(decide(scene).deletions.empty());
  scene.observed.jobs.back().complete = true;
  scene.observed.jobs.back().fetched = fetch_result("newer");
  REQUIRE(decide(scene).deletions.size() == 1);
  CHECK(decide(scene).deletions[0].name == old);
}

TEST_CASE("Jobs that nobody wants go: their claim is another, or no service names the Model") {
  Scene scene = scene_of("a");
  scene.add_fetched("a");
  auto observed = model_in(scene, "a");
  observed.services.clear();
  CHECK(reconcile_model(scene.settings, observed, scene.now).deletions.size() == 1);

  observed = model_in(scene, "a");
  observed.claims.at("llmkube-model-cache").meta.uid = "uid-of-the-claim-made-anew";
  CHECK(reconcile_model(scene.settings, observed, scene.now).deletions.size() == 1);
}

TEST_CASE("while a claim is not known, no Job goes") {
  Scene scene = scene_of("a");
  scene.add_fetched("a");
  auto observed = model_in(scene, "a");
  observed.claims.clear();
  CHECK(reconcile_model(scene.settings, observed, scene.now).deletions.empty());
}

TEST_CASE("a Model that only drafts for another tells its own story") {
  Scene scene(R"({"modelRef": "big", "speculativeDecoding": {"type": "draft", "draftModelRef": "a"}})");
  scene.add_fetched("a");
  CHECK(phase_of(decide(scene)) == "Ready");
}

TEST_CASE("what another operator left in a Model's status is no reason to write") {
  Scene scene = scene_of("a");
  scene.add_fetched("a");
  auto status = json::parse(*decide(scene).status)["status"];
  status["acceleratorReady"] = true;
  status["sourceETag"] = "x";
  scene.observed.models.at("a").status = status.dump();
  CHECK_FALSE(decide(scene).status);
}

TEST_CASE("a clock that was wrong for a moment keeps nobody waiting for years") {
  constexpr std::chrono::hours kYear{24 * 365};
  Scene scene = scene_of("a");
  scene.fail_job("a", "Stalled", "no byte for 60 s");
  scene.now -= kYear;
  CHECK(decide(scene).requeue_after == std::chrono::minutes{10});
  scene.now += kYear;
  CHECK(decide(scene).requeue_after == std::chrono::minutes{10});

  auto& job = scene.observed.jobs.back();
  job.failed.reset();
  job.complete = true;
  job.completed_at = scene.now;
  job.fetched.clear();
  scene.now -= kYear;
  CHECK(decide(scene).requeue_after == std::chrono::seconds{30});
}

TEST_CASE("a Model in an ephemeral cache tells what the service says of it, and asks again") {
  Scene scene(R"({"runtime": "llamacpp-router", "models": [{"name": "a"}],
                  "modelCache": {"persistence": "Ephemeral"}})");
  scene.add_model("a");
  CHECK(phase_of(decide(scene)) == "Pending");
  CHECK_THAT(*decide(scene).status, ContainsSubstring("FetchPending"));
  scene.add_pod("edge-multi-model-0",
                R"({"phase":"Running","initContainerStatuses":[{"name":"model-fetch-0","state":{"terminated":
                {"exitCode":0,"message":)" +
                    base::quote_json(fetch_result("a")) + "}}}]}");
  scene.write_status();
  const auto decision = decide(scene);
  CHECK(phase_of(decision) == "Ready");
  CHECK(json::parse(*decision.status)["status"]["size"] == "2.2 GiB");
  CHECK(decision.requeue_after == std::chrono::seconds{15});
  scene.observed.models.at("a").status = json::parse(*decision.status)["status"].dump();
  CHECK_FALSE(decide(scene).status);

  SECTION("a status of wrong types says nothing") {
    scene.observed.models.at("a").status.clear();
    scene.observed.service.status =
        R"({"models":[7,{"name":8},{"name":"a","reason":[],"message":{},"sizeBytes":"x","sha256":5}]})";
    CHECK(phase_of(decide(scene)) == "Pending");
  }
}
