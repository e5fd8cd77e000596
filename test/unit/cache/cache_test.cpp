#include "reconciler/cache/cache.hpp"

#include <nlohmann/json.hpp>

#include "common/api/inference_service.hpp"
#include "test/catch.hpp"

using namespace reconciler;
using Json = nlohmann::json;

namespace {

int next_version = 10;

Json object(const std::string& name, Json labels = Json::object()) {
  return {{"metadata",
           {{"name", name},
            {"namespace", "edge"},
            {"uid", "uid-" + name},
            {"resourceVersion", std::to_string(++next_version)},
            {"generation", 1},
            {"labels", std::move(labels)}}}};
}

Json service(const std::string& name, const std::vector<std::string>& models) {
  Json out = object(name);
  out["apiVersion"] = "inference.llmkube.dev/v1alpha1";
  out["kind"] = "InferenceService";
  out["spec"] = {{"runtime", "llamacpp-router"}, {"models", Json::array()}};
  for (const auto& model : models) out["spec"]["models"].push_back({{"name", model}});
  return out;
}

Json model(const std::string& name) {
  Json out = object(name);
  out["spec"] = {{"source", "http://host/" + name}};
  return out;
}

struct Fixture {
  void put(Resource resource, const Json& value) { cache.upsert(resource, *base::parse_json(value.dump(), "test")); }
  void drop(Resource resource, const Json& value) { cache.remove(resource, *base::parse_json(value.dump(), "test")); }
  /// The keys that were told since the last call, "s:name" and "m:name".
  std::set<std::string> told() {
    std::set<std::string> out;
    for (const auto& key : keys) out.insert((key.kind == Key::Kind::service ? "s:" : "m:") + key.name);
    keys.clear();
    return out;
  }
  using Words = std::set<std::string>;

  std::vector<Key> keys;
  std::vector<std::string> vanished;
  ClusterCache cache{Settings{}, [this](const Key& key) { keys.push_back(key); },
                     [this](Resource, const std::string&, const std::string& name) { vanished.push_back(name); }};
};

}  // namespace

TEST_CASE("a Model concerns itself and the services that name it, as they are now") {
  Fixture f;
  f.put(Resource::service, service("one", {"a", "b"}));
  f.put(Resource::service, service("two", {"b"}));
  CHECK(f.told() == Fixture::Words{"s:one", "s:two", "m:a", "m:b"});
  f.put(Resource::model, model("b"));
  CHECK(f.told() == Fixture::Words{"m:b", "s:one", "s:two"});

  Json changed = service("two", {"a"});
  changed["metadata"]["generation"] = 2;
  f.put(Resource::service, changed);
  CHECK(f.told() == Fixture::Words{"s:two", "m:a", "m:b"});  // b may be wanted no more
  Json other = model("b");
  other["metadata"]["generation"] = 2;
  other["spec"]["source"] = "http://host/other";
  f.put(Resource::model, other);
  CHECK(f.told() == Fixture::Words{"m:b", "s:one"});
}

TEST_CASE("a service whose spec did not change concerns only itself") {
  Fixture f;
  f.put(Resource::service, service("one", {"a"}));
  f.told();
  Json next = service("one", {"a"});
  next["status"] = {{"phase", "Creating"}};
  f.put(Resource::service, next);
  CHECK(f.told() == Fixture::Words{"s:one"});
}

TEST_CASE("of a spec that is known already only metadata and status are read, of its next generation everything") {
  Fixture f;
  Json wrong = service("one", {"a"});
  wrong["spec"]["models"][0]["contextSize"] = -1;
  f.put(Resource::service, wrong);
  const auto first = f.cache.observe_service("edge", "one", nullptr)->service;
  CHECK(first.mistakes.find("contextSize") != std::string::npos);

  wrong["metadata"]["resourceVersion"] = std::to_string(++next_version);
  wrong["status"] = {{"phase", "Failed"}, {"advertisedModels", {"a"}}};
  f.put(Resource::service, wrong);
  const auto second = f.cache.observe_service("edge", "one", nullptr)->service;
  CHECK(second.mistakes == first.mistakes);
  CHECK(second.view->spec.models.size() == 1);
  CHECK(second.meta.resource_version == std::to_string(next_version));
  CHECK(second.status == R"({"advertisedModels":["a"],"phase":"Failed"})");
  CHECK(second.advertises);

  Json right = service("one", {"b", "c"});
  right["metadata"]["generation"] = 2;
  SECTION("of the same object") {}
  SECTION("of another one of this name, which counts anew") {
    right["metadata"]["generation"] = 1;
    right["metadata"]["uid"] = "another";
  }
  f.put(Resource::service, right);
  const auto third = f.cache.observe_service("edge", "one", nullptr)->service;
  CHECK(third.mistakes.empty());
  CHECK(third.view->spec.models.size() == 2);
}

TEST_CASE("a new version in which nothing of ours changed concerns nobody, and is the one that is kept") {
  Fixture f;
  f.put(Resource::service, service("one", {"a"}));
  Json deployment = object("one", {{"inference.llmkube.dev/service", "one"}});
  deployment["status"] = {{"readyReplicas", 1}};
  f.put(Resource::deployment, deployment);
  f.told();
  const auto next = [&] { deployment["metadata"]["resourceVersion"] = std::to_string(++next_version); };
  next();
  deployment["status"]["collisionCount"] = 1;
  f.put(Resource::deployment, deployment);
  CHECK(f.told().empty());
  CHECK(f.cache.live(Resource::deployment, "edge", "one")->resource_version == std::to_string(next_version));
  next();
  deployment["status"]["readyReplicas"] = 0;
  f.put(Resource::deployment, deployment);
  CHECK(f.told() == Fixture::Words{"s:one"});
  next();
  deployment["metadata"]["managedFields"] = {{{"manager", "kubectl-edit"}, {"operation", "Update"}}};
  f.put(Resource::deployment, deployment);
  CHECK(f.told() == Fixture::Words{"s:one"});
}

TEST_CASE("children concern the service in their label, Jobs and their Pods the Model and its services") {
  Fixture f;
  f.put(Resource::service, service("one", {"a"}));
  f.told();
  const Json mine = {{"inference.llmkube.dev/service", "one"}};
  f.put(Resource::deployment, object("one", mine));
  CHECK(f.told() == Fixture::Words{"s:one"});
  f.put(Resource::config_map, object("one-models", mine));
  CHECK(f.told() == Fixture::Words{"s:one"});
  f.put(Resource::pod, object("one-abc", mine));
  CHECK(f.told() == Fixture::Words{"s:one"});
  const Json fetch = {{"inference.llmkube.dev/model", "a"}};
  f.put(Resource::job, object("a-fetch-1", fetch));
  CHECK(f.told() == Fixture::Words{"s:one", "m:a"});
  f.put(Resource::fetch_pod, object("a-fetch-1-x", fetch));
  CHECK(f.told() == Fixture::Words{"s:one", "m:a"});
  f.put(Resource::pod, object("stranger", {{"inference.llmkube.dev/service", "nobody"}}));
  CHECK(f.told().empty());
}

TEST_CASE("a claim concerns the services that use it and their Models") {
  Fixture f;
  f.put(Resource::service, service("one", {"a"}));
  Json with_own = service("own", {"b"});
  with_own["spec"]["modelCache"] = {{"claimName", "mine"}};
  f.put(Resource::service, with_own);
  f.told();
  f.put(Resource::claim, object("llmkube-model-cache"));
  CHECK(f.told() == Fixture::Words{"s:one", "m:a"});
  f.put(Resource::claim, object("mine"));
  CHECK(f.told() == Fixture::Words{"s:own", "m:b"});
}

TEST_CASE("old states and repeated ones change nothing") {
  Fixture f;
  const Json first = service("one", {"a"});
  const Json second = service("one", {"b"});
  f.put(Resource::service, second);
  f.told();
  f.put(Resource::service, first);
  f.put(Resource::service, second);
  CHECK(f.told().empty());
  CHECK(f.cache.observe_service("edge", "one", nullptr)->service.meta.resource_version ==
        second["metadata"]["resourceVersion"].get<std::string>());
}

TEST_CASE("a list counts even when it looks older, and what it lacks is gone") {
  Fixture f;
  const Json older = service("one", {"a"});
  f.put(Resource::service, service("one", {"b"}));
  f.put(Resource::service, service("two", {"b"}));
  f.told();
  f.cache.upsert_listed(Resource::service, *base::parse_json(older.dump(), "test"));
  f.cache.retain(Resource::service, "", {"edge/one"});
  CHECK(f.told() == Fixture::Words{"s:one", "s:two", "m:b"});
  CHECK(f.cache.observe_service("edge", "one", nullptr)->service.meta.resource_version ==
        older["metadata"]["resourceVersion"].get<std::string>());
  CHECK_FALSE(f.cache.observe_service("edge", "two", nullptr));
  CHECK(f.vanished == std::vector<std::string>{"two"});
}

TEST_CASE("the deletion of an object that was made anew meanwhile does not count") {
  Fixture f;
  f.put(Resource::service, service("one", {"a"}));
  Json anew = service("one", {"a"});
  Json old = anew;
  anew["metadata"]["uid"] = "another";
  f.put(Resource::service, anew);
  CHECK(f.vanished == std::vector<std::string>{"one"});
  f.drop(Resource::service, old);
  CHECK(f.cache.observe_service("edge", "one", nullptr));
}

TEST_CASE("our own write of a child is announced once, of a status not at all") {
  Fixture f;
  Json owner = service("one", {"a"});
  f.put(Resource::service, owner);
  f.told();
  Json child = object("one", {{"inference.llmkube.dev/service", "one"}});
  f.cache.record_write(Resource::deployment, *base::parse_json(child.dump(), "test"));
  CHECK(f.told() == Fixture::Words{"s:one"});
  f.put(Resource::deployment, child);  // as the watch brings it
  CHECK(f.told().empty());
  CHECK(f.cache.observe_service("edge", "one", nullptr)->deployment);

  owner["status"] = {{"phase", "Creating"}};
  owner["metadata"]["resourceVersion"] = std::to_string(++next_version);
  f.cache.record_write(Resource::service, *base::parse_json(owner.dump(), "test"));
  CHECK(f.told().empty());
}

TEST_CASE("our own status that the watch tells before the answer comes concerns nobody, another's does") {
  Fixture f;
  Json model_a = model("a");
  f.put(Resource::service, service("one", {"a"}));
  f.put(Resource::model, model_a);
  f.told();
  const auto say = [&](const char* phase) {
    model_a["status"] = {{"phase", phase}};
    model_a["metadata"]["resourceVersion"] = std::to_string(++next_version);
    return model_a;
  };
  const Key key{Key::Kind::model, "edge", "a"};
  {
    ClusterCache::StatusWrite write(f.cache, key);
    f.put(Resource::model, say("Ready"));
    write.answered(*base::parse_json(model_a.dump(), "test"));
  }
  CHECK(f.told().empty());
  {
    ClusterCache::StatusWrite write(f.cache, key);
    f.put(Resource::model, say("Failed"));
    CHECK(f.told().empty());
    f.put(Resource::model, say("Ready"));
    write.answered(*base::parse_json(model_a.dump(), "test"));
  }
  CHECK(f.told() == Fixture::Words{"m:a", "s:one"});
  {
    ClusterCache::StatusWrite write(f.cache, key);  // no answer: it may have been written or not
    f.put(Resource::model, say("Failed"));
  }
  CHECK(f.told() == Fixture::Words{"m:a", "s:one"});
}

TEST_CASE("Pods of a Job that says what was fetched are not kept, in whatever order they come") {
  Fixture f;
  f.put(Resource::service, service("one", {"a"}));
  f.put(Resource::model, model("a"));
  const auto pods = [&] { return f.cache.observe_model("edge", "a", nullptr)->fetch_pods.size(); };
  Json job = object("a-fetch", {{"inference.llmkube.dev/model", "a"}});
  Json pod = object("a-fetch-x", {{"inference.llmkube.dev/model", "a"}});
  pod["metadata"]["ownerReferences"] = {{{"uid", "uid-a-fetch"}, {"controller", true}}};
  Json other = object("a-fetch-of-another", {{"inference.llmkube.dev/model", "a"}});
  f.put(Resource::fetch_pod, pod);
  f.put(Resource::fetch_pod, other);
  f.put(Resource::job, job);
  CHECK(pods() == 2);
  job["status"]["conditions"] = {{{"type", "Complete"}, {"status", "True"}}};
  job["metadata"]["annotations"] = {{"inference.llmkube.dev/fetched", "{}"}};
  job["metadata"]["resourceVersion"] = std::to_string(++next_version);
  f.put(Resource::job, job);
  CHECK(pods() == 1);
  pod["metadata"]["resourceVersion"] = std::to_string(++next_version);
  f.put(Resource::fetch_pod, pod);
  CHECK(pods() == 1);
  f.drop(Resource::fetch_pod, pod);
  CHECK(pods() == 1);
}

TEST_CASE("a Job's record of what its Pod said concerns nobody, and everybody where it says something else") {
  Fixture f;
  f.put(Resource::service, service("one", {"a"}));
  f.put(Resource::model, model("a"));
  Json job = object("a-fetch", {{"inference.llmkube.dev/model", "a"}});
  job["status"]["conditions"] = {{{"type", "Complete"}, {"status", "True"}}};
  Json pod = object("a-fetch-x", {{"inference.llmkube.dev/model", "a"}});
  pod["metadata"]["ownerReferences"] = {{{"uid", "uid-a-fetch"}, {"controller", true}}};
  const auto end_pod = [&](const std::string& phase, const std::string& message) {
    pod["status"] = {
        {"phase", phase},
        {"containerStatuses",
         {{{"name", "model-fetch"}, {"state", {{"terminated", {{"exitCode", 0}, {"message", message}}}}}}}}};
    f.put(Resource::fetch_pod, pod);
  };
  f.put(Resource::job, job);
  const auto told_of_record = [&] {
    (void)f.told();
    job["metadata"]["annotations"] = {{"inference.llmkube.dev/fetched", "{}"}};
    job["metadata"]["resourceVersion"] = std::to_string(++next_version);
    f.put(Resource::job, job);
    return f.told();
  };
  SECTION("the Pod said the same") {
    end_pod("Succeeded", "{}");
    CHECK(told_of_record().empty());
    CHECK(f.cache.observe_service("edge", "one", nullptr)->jobs.at(0).fetched == "{}");
  }
  const Fixture::Words everybody = {"m:a", "s:one"};
  SECTION("the Pod said something else") {
    end_pod("Succeeded", R"({"reason":"Fetched"})");
    CHECK(told_of_record() == everybody);
  }
  SECTION("the Pod is not known to have ended") {
    end_pod("Running", "{}");
    CHECK(told_of_record() == everybody);
  }
  SECTION("there is no Pod") { CHECK(told_of_record() == everybody); }
  SECTION("more of the Job changed") {
    end_pod("Succeeded", "{}");
    job["metadata"]["generation"] = 2;
    CHECK(told_of_record() == everybody);
  }
}

TEST_CASE("a spec that the answer to a status write brings is announced: the watch will bring nothing newer") {
  Fixture f;
  Json owner = service("one", {"a"});
  f.put(Resource::service, owner);
  f.told();
  owner["spec"]["replicas"] = 2;
  owner["metadata"]["generation"] = 2;
  owner["status"] = {{"phase", "Creating"}};
  owner["metadata"]["resourceVersion"] = std::to_string(next_version += 2);
  f.cache.record_write(Resource::service, *base::parse_json(owner.dump(), "test"));
  CHECK(f.told().contains("s:one"));
}

TEST_CASE("the answer to a write that comes after the object's deletion does not bring it back") {
  Fixture f;
  f.put(Resource::service, service("one", {"a"}));
  Json child = object("one", {{"inference.llmkube.dev/service", "one"}});
  f.put(Resource::deployment, child);
  Json deleted = child;
  deleted["metadata"]["resourceVersion"] = std::to_string(++next_version);
  f.drop(Resource::deployment, deleted);
  f.cache.record_write(Resource::deployment, *base::parse_json(child.dump(), "test"));
  CHECK_FALSE(f.cache.observe_service("edge", "one", nullptr)->deployment);

  const Json made_anew = object("one", {{"inference.llmkube.dev/service", "one"}});
  f.cache.record_write(Resource::deployment, *base::parse_json(made_anew.dump(), "test"));
  CHECK(f.cache.observe_service("edge", "one", nullptr)->deployment);
}

TEST_CASE("what a service needs is found by name and label, and missing claims are named") {
  Fixture f;
  f.put(Resource::service, service("a.b", {"m"}));
  f.put(Resource::model, model("m"));
  f.put(Resource::network_service, object("a-b", {{"inference.llmkube.dev/service", "a.b"}}));
  f.put(Resource::config_map, object("a.b-models", {{"inference.llmkube.dev/service", "a.b"}}));
  f.put(Resource::pod, object("p1", {{"inference.llmkube.dev/service", "a.b"}}));
  f.put(Resource::pod, object("p2", {{"inference.llmkube.dev/service", "other"}}));
  f.put(Resource::job, object("m-fetch-1", {{"inference.llmkube.dev/model", "m"}}));
  std::vector<std::string> missing;
  const auto observed = f.cache.observe_service("edge", "a.b", &missing);
  REQUIRE(observed);
  CHECK(observed->models.contains("m"));
  CHECK(observed->network_service);
  CHECK(observed->config_map);
  CHECK(observed->pods.size() == 1);
  CHECK(observed->jobs.size() == 1);
  CHECK(missing == std::vector<std::string>{"llmkube-model-cache"});
}

TEST_CASE("a service of another runtime is none of ours") {
  Fixture f;
  Json vllm = object("v");
  vllm["spec"] = {{"runtime", "vllm"}, {"modelRef", "a"}};
  f.put(Resource::service, vllm);
  CHECK_FALSE(f.told().contains("s:v"));
  CHECK_FALSE(f.cache.observe_service("edge", "v", nullptr));
  CHECK(f.cache.keys().empty());
}

TEST_CASE("ownership changes when a field of ours is taken, not when a status is written") {
  const auto entry = [](const std::string& manager, const std::string& operation, const Json& fields,
                        const std::string& subresource = "") {
    Json out = {{"manager", manager}, {"operation", operation}, {"fieldsV1", fields}};
    if (!subresource.empty()) out["subresource"] = subresource;
    return out;
  };
  const auto read = [](Json entries) {
    const Json value = {{"metadata", {{"managedFields", std::move(entries)}}}};
    return read_ownership(*base::parse_json(value.dump(), "test"));
  };
  const Json ours = entry("llmkube-reconciler", "Apply", {{"f:spec", {{"f:a", Json::object()}}}});
  const Json less = entry("llmkube-reconciler", "Apply", {{"f:spec", Json::object()}});
  const Json status = entry("kube-controller-manager", "Update", {{"f:status", Json::object()}}, "status");
  const Json edit = entry("kubectl-edit", "Update", {{"f:spec", {{"f:a", Json::object()}}}});
  CHECK(read({ours}) == read({ours, status}));
  CHECK(read({ours}).ours != read({less, edit}).ours);
  CHECK(read({ours}).others != read({ours, edit}).others);
  CHECK(read({edit, ours}) == read({ours, edit}));
}

TEST_CASE("versions are compared as numbers") {
  CHECK(is_earlier("99", "100"));
  CHECK_FALSE(is_earlier("100", "99"));
  CHECK_FALSE(is_earlier("7", "7"));
  CHECK_FALSE(is_earlier("x", "100"));
}

TEST_CASE("a Service that goes concerns those that it kept from having one of that name") {
  Fixture f;
  f.put(Resource::service, service("a.b", {"m"}));
  f.put(Resource::service, service("a-b", {"m"}));
  f.put(Resource::service, service("other", {"m"}));
  const std::string owner = GENERATE("a.b", "a-b");
  const Json front = object("a-b", {{"inference.llmkube.dev/service", owner}});
  f.put(Resource::network_service, front);
  f.told();
  f.drop(Resource::network_service, front);
  CHECK(f.told() == Fixture::Words{"s:a.b", "s:a-b"});
}
