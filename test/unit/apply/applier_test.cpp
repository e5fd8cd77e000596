#include "reconciler/apply/applier.hpp"

#include <csignal>

#include "test/catch.hpp"
#include "test/fakes/api_server/api_server.hpp"

using fakes::Fault;
using fakes::Json;
using namespace reconciler;

namespace {

[[maybe_unused]] const auto kNoSigpipe = std::signal(SIGPIPE, SIG_IGN);

const std::string kDeployments = "/apis/apps/v1/namespaces/edge/deployments";
const std::string kServices = "/apis/inference.llmkube.dev/v1alpha1/namespaces/edge/inferenceservices";
const Key kKey{Key::Kind::service, "edge", "multi"};

Json deployment(int replicas, const std::string& image = "a:1") {
  return {{"apiVersion", "apps/v1"},
          {"kind", "Deployment"},
          {"metadata", {{"name", "multi"}, {"labels", {{"inference.llmkube.dev/service", "multi"}}}}},
          {"spec", {{"replicas", replicas}, {"containers", {{{"name", "c"}, {"image", image}}}}}}};
}

Decision wanting(const Json& child) {
  Decision decision;
  decision.desired.push_back({Kind::deployment, "multi", child.dump(), false});
  return decision;
}

struct Fixture {
  Fixture() {
    net::ApiConfig config;
    config.server = server.url();
    api = std::move(*net::ApiClient::make(config));
    applier = std::make_unique<Applier>(
        *api, cache, clock, [this] { return leading; },
        [this](const std::string& path, const std::string& body) { (void)api->create(path, body); });
  }
  /// What the watch would bring.
  void see(const std::string& path = kDeployments + "/multi") {
    const auto text = server.get(path).body.dump();
    cache.upsert(Resource::deployment, *base::parse_json(text, "test"));
  }

  fakes::ApiServer server;
  base::ManualClock clock;
  bool leading = true;
  ClusterCache cache{Settings{}, [](const Key&) {}};
  std::unique_ptr<net::ApiClient> api;
  std::unique_ptr<Applier> applier;
};

}  // namespace

TEST_CASE("a child is made by one apply without force, and then costs no call") {
  Fixture f;
  for (int i = 0; i < 3; ++i) {
    const auto outcome = f.applier->carry_out(kKey, wanting(deployment(1)));
    CHECK_FALSE(outcome.error);
    CHECK(outcome.changes == (i == 0 ? 1 : 0));
  }
  REQUIRE(f.server.calls().size() == 1);
  CHECK(f.server.count("PATCH", "fieldManager=llmkube-reconciler") == 1);
  CHECK(f.server.count("PATCH", "force") == 0);
  CHECK(f.server.get(kDeployments + "/multi").body["spec"]["replicas"] == 1);
}

TEST_CASE("an edit of our field comes back, what others add stays") {
  Fixture f;
  REQUIRE_FALSE(f.applier->carry_out(kKey, wanting(deployment(1))).error);
  f.server.merge_patch(kDeployments + "/multi",
                       {{"spec", {{"replicas", 5}}}, {"metadata", {{"annotations", {{"x", "y"}}}}}}, "kubectl-edit");
  f.see();
  const auto outcome = f.applier->carry_out(kKey, wanting(deployment(1)));
  CHECK_FALSE(outcome.error);
  CHECK(outcome.problems.empty());
  const auto live = f.server.get(kDeployments + "/multi").body;
  CHECK(live["spec"]["replicas"] == 1);
  CHECK(live["metadata"]["annotations"]["x"] == "y");
}

TEST_CASE("an edit that was made while nobody was there is taken back by the next one") {
  Fixture f;
  const auto as_before = deployment(1);
  f.server.apply(kDeployments + "/multi", as_before, "llmkube-reconciler");  // another process of ours
  f.server.merge_patch(kDeployments + "/multi", {{"spec", {{"replicas", 5}}}}, "kubectl-edit");
  f.see();
  const auto outcome = f.applier->carry_out(kKey, wanting(as_before));
  CHECK(outcome.problems.empty());
  CHECK(f.server.get(kDeployments + "/multi").body["spec"]["replicas"] == 1);
}

TEST_CASE("what another process of ours applied costs no call, unless the body is another") {
  Fixture f;
  f.server.apply(kDeployments + "/multi", deployment(1), "llmkube-reconciler");
  f.server.merge_patch(kDeployments + "/multi", {{"metadata", {{"annotations", {{"x", "y"}}}}}}, "kubectl-edit");
  f.see();
  f.server.forget_calls();
  for (int i = 0; i < 2; ++i) CHECK(f.applier->carry_out(kKey, wanting(deployment(1))).changes == 0);
  CHECK(f.server.calls().empty());
  CHECK(f.applier->carry_out(kKey, wanting(deployment(1, "a:2"))).changes == 1);
  CHECK(f.server.count("PATCH", "deployments") == 1);
}

TEST_CASE("what somebody made with other values before we came is a conflict, and stays") {
  Fixture f;
  f.server.create(kDeployments, deployment(5), "kubectl-create");
  f.see();
  const auto outcome = f.applier->carry_out(kKey, wanting(deployment(1)));
  REQUIRE(outcome.problems.size() == 1);
  CHECK(outcome.problems[0].manager == "kubectl-create");
  CHECK(f.server.get(kDeployments + "/multi").body["spec"]["replicas"] == 5);
}

TEST_CASE("a manager that writes again and again wins after three times: no war") {
  Fixture f;
  REQUIRE_FALSE(f.applier->carry_out(kKey, wanting(deployment(1))).error);
  std::vector<ApplyProblem> problems;
  for (int i = 0; i < 6; ++i) {
    f.server.merge_patch(kDeployments + "/multi", {{"spec", {{"replicas", 5 + i}}}}, "tuner");
    f.see();
    problems = f.applier->carry_out(kKey, wanting(deployment(1))).problems;
  }
  CHECK(f.server.count("PATCH", "force=true") == 3);
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].manager == "tuner");
  CHECK(problems[0].kind == "Deployment");
}

TEST_CASE("a field that another manager applied is a conflict: named, left alone, not tried again until it changes") {
  Fixture f;
  f.server.apply(kDeployments + "/multi", deployment(5), "argocd");
  f.see();
  for (int i = 0; i < 3; ++i) {
    const auto outcome = f.applier->carry_out(kKey, wanting(deployment(1)));
    CHECK_FALSE(outcome.error);
    REQUIRE(outcome.problems.size() == 1);
    CHECK(outcome.problems[0].reason == "Conflict");
    CHECK(outcome.problems[0].manager == "argocd");
  }
  CHECK(f.server.count("PATCH", "deployments") == 1);
  CHECK(f.server.get(kDeployments + "/multi").body["spec"]["replicas"] == 5);

  f.server.apply(kDeployments + "/multi", deployment(1), "argocd");
  f.see();
  CHECK(f.applier->carry_out(kKey, wanting(deployment(1))).problems.empty());
}

TEST_CASE("a refusal of one child does not keep the others from being made, and is tried again") {
  Fixture f;
  Decision decision = wanting(deployment(1));
  const Json map = {{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", {{"name", "multi-models"}}}};
  decision.desired.push_back({Kind::config_map, "multi-models", map.dump(), false});
  f.server.inject({.kind = Fault::Kind::refuse, .target = "deployments", .status = 403, .reason = "Forbidden"});
  const auto outcome = f.applier->carry_out(kKey, decision);
  REQUIRE(outcome.problems.size() == 1);
  CHECK(outcome.problems[0].reason == "Forbidden");
  CHECK(outcome.error);
  CHECK(f.server.get("/api/v1/namespaces/edge/configmaps/multi-models").status == 200);
  CHECK(f.applier->carry_out(kKey, decision).problems.empty());
}

TEST_CASE("a server that has no time is asked no more in this pass, and gets the time it asked for") {
  Fixture f;
  const int status = GENERATE(429, 500, 503);
  Decision decision = wanting(deployment(1));
  decision.deletions.push_back({Kind::job, "old", "u"});
  f.server.inject({.kind = Fault::Kind::refuse, .status = status, .reason = "X", .retry_after = "4"});
  const auto outcome = f.applier->carry_out(kKey, decision);
  REQUIRE(outcome.error);
  CHECK(outcome.retry_after == std::chrono::seconds{4});
  CHECK(f.server.calls().size() == 1);
}

TEST_CASE("a webhook that does not answer the API server is a problem of the child that it was to judge") {
  Fixture f;
  f.server.inject(
      {.kind = Fault::Kind::refuse,
       .status = 500,
       .message = "Internal error occurred: failed calling webhook \"policy.example\": connection refused"});
  const auto outcome = f.applier->carry_out(kKey, wanting(deployment(1)));
  CHECK(outcome.error);
  CHECK_FALSE(outcome.all_applied);
  REQUIRE(outcome.problems.size() == 1);
  CHECK(outcome.problems[0].name == "multi");
  CHECK(outcome.problems[0].message.find("policy.example") != std::string::npos);
}

TEST_CASE("whoever does not lead writes nothing") {
  Fixture f;
  f.leading = false;
  Decision decision = wanting(deployment(1));
  decision.status = "{}";
  CHECK(f.applier->carry_out(kKey, decision).look_again);
  CHECK(f.applier->write_status(kKey, {}, decision).look_again);
  CHECK(f.server.calls().empty());
}

TEST_CASE("what is made once is created, and one that is there already is left as it is") {
  Fixture f;
  const std::string claims = "/api/v1/namespaces/edge/persistentvolumeclaims";
  const Json theirs = {{"apiVersion", "v1"},
                       {"kind", "PersistentVolumeClaim"},
                       {"metadata", {{"name", "c"}}},
                       {"spec", {{"size", "theirs"}}}};
  f.server.create(claims, theirs);
  Json ours = theirs;
  ours["spec"]["size"] = "ours";
  Decision decision;
  decision.desired.push_back({Kind::claim, "c", ours.dump(), true});
  for (int i = 0; i < 3; ++i) CHECK_FALSE(f.applier->carry_out(kKey, decision).error);
  CHECK(f.server.get(claims + "/c").body["spec"]["size"] == "theirs");
  CHECK(f.server.calls().size() == 1);
}

TEST_CASE("a deletion hits only the object that was seen") {
  Fixture f;
  const std::string jobs = "/apis/batch/v1/namespaces/edge/jobs";
  f.server.create(jobs, {{"apiVersion", "batch/v1"}, {"kind", "Job"}, {"metadata", {{"name", "j"}}}});
  Decision decision;
  decision.deletions.push_back({Kind::job, "j", "an-older-uid"});
  CHECK_FALSE(f.applier->carry_out(kKey, decision).error);
  CHECK(f.server.get(jobs + "/j").status == 200);
  decision.deletions[0].uid = f.server.get(jobs + "/j").body["metadata"]["uid"];
  CHECK_FALSE(f.applier->carry_out(kKey, decision).error);
  CHECK(f.server.get(jobs + "/j").status == 404);
  CHECK_FALSE(f.applier->carry_out(kKey, decision).error);
}

TEST_CASE("an annotation hits only the object that was seen") {
  Fixture f;
  const std::string jobs = "/apis/batch/v1/namespaces/edge/jobs";
  f.server.create(jobs, {{"apiVersion", "batch/v1"}, {"kind", "Job"}, {"metadata", {{"name", "j"}}}});
  Decision decision;
  decision.annotations.push_back({Kind::job, "j", "an-older-uid", "fetched", "what the one before said"});
  CHECK(f.applier->carry_out(kKey, decision).error);
  CHECK_FALSE(f.server.get(jobs + "/j").body["metadata"].contains("annotations"));
  decision.annotations[0].uid = f.server.get(jobs + "/j").body["metadata"]["uid"];
  CHECK_FALSE(f.applier->carry_out(kKey, decision).error);
  CHECK(f.server.get(jobs + "/j").body["metadata"]["annotations"]["fetched"] == "what the one before said");
}

TEST_CASE("the status goes to its subresource under its own manager, and events follow only when it was written") {
  Fixture f;
  f.server.create(kServices, {{"apiVersion", "inference.llmkube.dev/v1alpha1"},
                              {"kind", "InferenceService"},
                              {"metadata", {{"name", "multi"}}},
                              {"spec", {{"runtime", "llamacpp-router"}}}});
  Decision decision;
  decision.status = Json{{"apiVersion", "inference.llmkube.dev/v1alpha1"},
                         {"kind", "InferenceService"},
                         {"metadata", {{"name", "multi"}}},
                         {"status", {{"phase", "Ready"}}}}
                        .dump();
  decision.events.push_back({true, "ModelFailed", "a message"});
  f.server.inject({.kind = Fault::Kind::refuse, .target = "/status", .status = 500});
  CHECK(f.applier->write_status(kKey, {}, decision).error);
  CHECK(f.server.count("POST", "events") == 0);

  CHECK_FALSE(f.applier->write_status(kKey, {}, decision).error);
  CHECK(f.server.count("PATCH", "/status?fieldManager=llmkube-reconciler-status") == 2);
  CHECK(f.server.get(kServices + "/multi").body["status"]["phase"] == "Ready");
  const auto events = f.server.list("/api/v1/namespaces/edge/events");
  REQUIRE(events.size() == 1);
  CHECK(events[0]["reason"] == "ModelFailed");
  CHECK(events[0]["type"] == "Warning");
  CHECK(events[0]["involvedObject"]["name"] == "multi");
  const auto kept = f.cache.live(Resource::service, kKey.namespace_, kKey.name);
  REQUIRE(kept);
  CHECK(kept->resource_version ==
        f.server.get(kServices + "/multi").body["metadata"]["resourceVersion"].get<std::string>());
}
