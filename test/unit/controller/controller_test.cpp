#include "test/unit/controller/running.hpp"

TEST_CASE("from two services to Ready, and then not one write more") {
  Running r;
  r.add_all();
  REQUIRE(r.all_ready());
  CHECK(r.is_quiet());
  CHECK(r.server.list(kJobs).size() == 3);
  CHECK(r.server.list(kDeployments).size() == 2);
  CHECK(r.server.count("PATCH", "force=true") == 0);
  // Children: 3 Jobs, 1 claim, 2 x (ConfigMap, Deployment, Service); the rest: annotations, status, events.
  INFO("writes: " << r.writes());
  CHECK(r.writes() < 60);
}

// Beside LLMKube no Model status of ours wakes the service between the claim and the Job.
TEST_CASE("one service alone, whose Models are another's, gets from its claim to Ready") {
  for (int round = 0; round < 5; ++round) {
    Running r({"llamacpp-router"});
    r.add_model("a");
    r.add_service("one", {"a"});
    CHECK(test::eventually([&] { return r.is_ready("one"); }));
  }
}

TEST_CASE("a restart of the controller writes nothing that changes anything") {
  Running r;
  r.add_all();
  REQUIRE(r.all_ready());
  REQUIRE(r.is_quiet());
  r.stop();
  const auto before = r.server.snapshot().version();
  std::this_thread::sleep_for(50ms);
  r.server.forget_calls();
  r.start();
  std::this_thread::sleep_for(1s);
  CHECK(r.is_quiet());
  CHECK(r.writes() == 0);
  long leases = 0;
  for (const auto& call : r.server.calls())
    if (call.method != "GET" && call.target.find("/leases") != std::string::npos) ++leases;
  INFO(r.story());
  CHECK(r.server.snapshot().version() - before <= leases + 1);
  CHECK(r.server.count("PATCH", "/pods/") == 0);  // their agents have seen the preset: they only had to be asked
}

TEST_CASE("what somebody did to a child while nobody was there is noticed, and nothing else is written") {
  Running r;
  r.add_all();
  REQUIRE(r.all_ready());
  REQUIRE(r.is_quiet());
  r.stop();
  r.server.forget_calls();
  const auto path = kDeployments + "/one";
  const auto hash = [&] {
    return r.server.get(path).body.value("/metadata/annotations/inference.llmkube.dev~1template-hash"_json_pointer, "");
  };
  const auto before = hash();
  SECTION("a value") {
    r.server.merge_patch(path, {{"spec", {{"replicas", 4}}}}, "kubectl-edit");
    r.start();
    CHECK(test::eventually([&] { return r.server.get(path).body["spec"]["replicas"] == 1; }));
  }
  SECTION("a field that went") {
    r.server.merge_patch(path, {{"metadata", {{"annotations", {{"inference.llmkube.dev/template-hash", nullptr}}}}}},
                         "kubectl-edit");
    r.start();
    CHECK(test::eventually([&] { return hash() == before; }));
  }
  SECTION("the child itself") {
    r.server.remove(path);
    r.start();
    CHECK(test::eventually([&] { return hash() == before; }));
  }
  CHECK(r.is_quiet());
  INFO(r.story());
  CHECK(r.server.count("PATCH", "configmaps") == 0);
  CHECK(r.server.count("PATCH", "/deployments/two") == 0);
}

TEST_CASE("a child that is deleted or edited comes back, and what others added stays") {
  Running r;
  r.add_all();
  REQUIRE(r.all_ready());
  SECTION("deleted") {
    r.server.remove(kConfigMaps + "/one-models");
    CHECK(test::eventually([&] { return r.server.get(kConfigMaps + "/one-models").status == 200; }));
  }
  SECTION("edited") {
    r.server.merge_patch(kConfigMaps + "/one-models", {{"data", {{"models.ini", "rubbish"}, {"mine", "stays"}}}},
                         "kubectl-edit");
    CHECK(test::eventually(
        [&] { return r.server.get(kConfigMaps + "/one-models").body["data"]["models.ini"] != "rubbish"; }));
    CHECK(r.server.get(kConfigMaps + "/one-models").body["data"]["mine"] == "stays");
  }
  SECTION("a field removed") {
    r.server.merge_patch(kConfigMaps + "/one-models", {{"data", {{"agent.json", nullptr}}}}, "kubectl-edit");
    CHECK(test::eventually(
        [&] { return r.server.get(kConfigMaps + "/one-models").body["data"].contains("agent.json"); }));
  }
  CHECK(r.all_ready());
  CHECK(r.is_quiet());
}

TEST_CASE("a field that another manager applied is a Conflict with its name, and not fought over") {
  Running r;
  r.server.apply(kConfigMaps + "/one-models",
                 {{"apiVersion", "v1"},
                  {"kind", "ConfigMap"},
                  {"metadata", {{"name", "one-models"}, {"labels", {{"inference.llmkube.dev/service", "one"}}}}},
                  {"data", {{"models.ini", "theirs"}}}},
                 "argocd");
  r.add_all();
  REQUIRE(test::eventually([&] { return r.is_ready("two"); }));
  const auto says_so = [&] {
    for (const auto& condition : r.service("one").value("/status/conditions"_json_pointer, Json::array()))
      if (condition["type"] == "Degraded" && condition["reason"] == "Conflict" &&
          condition["message"].get<std::string>().find("argocd") != std::string::npos)
        return true;
    return false;
  };
  CHECK(test::eventually(says_so));
  CHECK(r.is_quiet());
  CHECK(r.server.get(kConfigMaps + "/one-models").body["data"]["models.ini"] == "theirs");

  // They give it up: it becomes ours.
  r.server.apply(kConfigMaps + "/one-models",
                 {{"apiVersion", "v1"},
                  {"kind", "ConfigMap"},
                  {"metadata", {{"name", "one-models"}, {"labels", {{"inference.llmkube.dev/service", "one"}}}}}},
                 "argocd");
  const bool ready = r.all_ready();
  INFO(r.story());
  CHECK(ready);
}

TEST_CASE("a third model joins without a change of the Deployment's template") {
  Running r;
  r.add_all();
  REQUIRE(r.all_ready());
  const auto before = r.server.get(kDeployments + "/one").body["spec"];
  r.server.merge_patch(Running::kGroup + "inferenceservices/one",
                       {{"spec", {{"models", {{{"name", "a"}}, {{"name", "b"}}, {{"name", "c"}}}}}}}, "kubectl");
  CHECK(test::eventually([&] { return r.is_ready("one") && r.advertised("one") == 3; }));
  CHECK(r.server.get(kDeployments + "/one").body["spec"] == before);
}

TEST_CASE("a name is advertised only once the Service answers") {
  Running r;
  r.node->be_late(4);
  r.add_all();
  const bool ready = r.all_ready();
  INFO(r.story());
  REQUIRE(ready);
  CHECK(r.node->refused() == 8);
  CHECK(r.is_quiet());
}

TEST_CASE("a CRD that lacks our fields is said on the services, until it has them") {
  Running r;
  const std::string crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  r.stop();
  for (const std::string plural : {"inferenceservices", "models"}) {
    r.server.create(crds, {{"apiVersion", "apiextensions.k8s.io/v1"},
                           {"kind", "CustomResourceDefinition"},
                           {"metadata", {{"name", plural + ".inference.llmkube.dev"}}},
                           {"spec", {{"names", {{"plural", plural}}}, {"versions", Json::array()}}}});
  }
  r.add_all();
  r.start();
  const auto says = [&](const std::string& reason) {
    for (const auto& condition : r.service("one").value("/status/conditions"_json_pointer, Json::array()))
      if (condition["type"] == "Degraded" && condition["reason"] == reason) return true;
    return false;
  };
  CHECK(test::eventually([&] { return says("CrdOutdated"); }));
  CHECK(r.all_ready());
}

TEST_CASE("deleted and made again under one name") {
  Running r;
  r.add_all();
  REQUIRE(r.all_ready());
  r.server.remove(Running::kGroup + "inferenceservices/one");
  r.server.remove("/api/v1/namespaces/edge/pods/one-pod");  // nothing owns it here
  r.add_service("one", {"a", "b"});
  const bool ready = r.all_ready();
  INFO(r.story());
  CHECK(ready);
  CHECK(r.is_quiet());
}

// Each fault: it converges, in a bounded number of calls, and the end is as without the fault.
TEST_CASE("every fault ends in the same state, in a bounded number of writes") {
  struct Case {
    const char* name;
    std::function<void(Running&)> before;
    std::function<void(Running&)> during;
    LeaseTimes lease = {};
  };
  const auto nothing = [](Running&) {};
  const auto refuse = [](int status, const std::string& retry_after = "") {
    return [=](Running& r) {
      r.server.inject({.kind = Fault::Kind::refuse,
                       .method = "PATCH",
                       .target = "namespaces/edge",
                       .times = 12,
                       .status = status,
                       .reason = "Injected",
                       .retry_after = retry_after});
      r.server.inject({.kind = Fault::Kind::refuse, .method = "POST", .target = "/jobs", .times = 3, .status = status});
    };
  };
  const auto inject = [](Fault::Kind kind, const std::string& method, const std::string& target, int times) {
    return [=](Running& r) { r.server.inject({.kind = kind, .method = method, .target = target, .times = times}); };
  };
  const std::vector<Case> cases{
      {"500", refuse(500), nothing},
      {"503", refuse(503), nothing},
      {"429 with Retry-After", refuse(429, "1"), nothing},
      {"409 without a cause", refuse(409), nothing},
      {"cut before the write", inject(Fault::Kind::cut_before, "PATCH", "namespaces/edge", 10), nothing},
      {"cut after the write", inject(Fault::Kind::cut_after, "PATCH", "namespaces/edge", 10), nothing},
      {"cut after a create", inject(Fault::Kind::cut_after, "POST", "/jobs", 2), nothing},
      {"cut in the middle of an answer", inject(Fault::Kind::cut_in_the_middle, "", "fieldManager=llmkube", 10),
       nothing},
      {"watches that cannot begin", inject(Fault::Kind::refuse, "GET", "watch=1", 30), nothing},
      {"watches cut in the middle of a chunk", nothing,
       [](Running& r) {
         for (int i = 0; i < 5; ++i) {
           r.server.cut_watches();
           std::this_thread::sleep_for(60ms);
         }
       }},
      {"410", nothing,
       [](Running& r) {
         for (int i = 0; i < 3; ++i) {
           r.server.compact();
           std::this_thread::sleep_for(100ms);
         }
       }},
      {"stalled watches", nothing,
       [](Running& r) {
         r.server.stall_watches(true);
         std::this_thread::sleep_for(1500ms);
         r.server.stall_watches(false);
       }},
      {"events that come twice and late", nothing,
       [](Running& r) {
         for (int i = 0; i < 5; ++i) {
           r.server.repeat_events();
           std::this_thread::sleep_for(60ms);
         }
       }},
      {"the server goes down and comes back", nothing,
       [](Running& r) {
         r.server.down();
         std::this_thread::sleep_for(1500ms);
         r.server.up();
       },
       kShortLease},
      {"slow answers",
       [](Running& r) {
         for (const auto* method : {"PATCH", "POST", "GET"})
           r.server.inject({.kind = Fault::Kind::slow, .method = method, .times = 25, .delay = 150ms});
       },
       nothing},
  };
  for (const auto& test_case : cases) {
    DYNAMIC_SECTION(test_case.name) {
      Running r({}, test_case.lease);
      REQUIRE(r.leads());
      test_case.before(r);
      r.add_all();
      std::this_thread::sleep_for(30ms);
      test_case.during(r);
      const bool ready = r.all_ready();
      INFO(r.story());
      CHECK(ready);
      CHECK(r.is_quiet());
      INFO("writes: " << r.writes());
      CHECK(r.writes() < 150);
      CHECK(r.server.list(kJobs).size() == 3);
      CHECK(r.server.list(kDeployments).size() == 2);
      CHECK(r.server.count("PATCH", "force=true") == 0);
    }
  }
}

TEST_CASE("a server that was restored to a state before the children makes them again") {
  Running r;
  for (const auto* name : {"a", "b", "c"}) r.add_model(name);
  REQUIRE(r.leads());
  r.add_service("two", {"b", "c"});
  REQUIRE(test::eventually([&] { return r.is_ready("two"); }));
  r.add_service("one", {"a", "b"});
  const auto older = r.server.snapshot();
  REQUIRE(r.all_ready());
  r.server.restore(older);
  CHECK(r.all_ready());
  CHECK(r.is_quiet());
}

TEST_CASE("of two replicas one writes, and the other goes on where it ended") {
  Running r;
  REQUIRE(r.leads());
  auto second = r.make();
  r.add_all();
  REQUIRE(r.all_ready());
  CHECK_FALSE(second->leading());
  CHECK(test::eventually([&] { return second->ready(); }));
  r.stop();
  CHECK(test::eventually([&] { return second->leading(); }));
  r.add_model("d");
  r.add_service("three", {"a", "d"});
  CHECK(test::eventually([&] { return r.is_ready("three"); }));
  second->stop();
}

TEST_CASE("stopping takes a moment, also in the middle of a burst of slow calls") {
  Running r;
  REQUIRE(r.leads());
  r.server.inject({.kind = Fault::Kind::slow, .method = "PATCH", .target = "edge", .times = 1000, .delay = 60s});
  r.add_all();
  REQUIRE(test::eventually([&] { return r.server.held() > 0; }));
  const auto began = std::chrono::steady_clock::now();
  r.stop();
  // A call gives up after half a minute, and a pass makes several.
  CHECK(std::chrono::steady_clock::now() - began < 20s);
  r.server.clear_faults();
}
