#include "reconciler/cache/ownership.hpp"

#include <functional>
#include <nlohmann/json.hpp>

#include "test/catch.hpp"

using reconciler::content_of_ours;
using reconciler::content_to_apply;
using Json = nlohmann::json;

namespace {

base::JsonDocument parsed(const Json& value) { return std::move(*base::parse_json(value.dump(), "test")); }

/// As we apply it.
Json body() {
  return Json::parse(R"({"apiVersion": "apps/v1", "kind": "Deployment",
    "metadata": {"name": "one", "namespace": "edge", "labels": {"app": "one"},
      "ownerReferences": [{"uid": "u", "kind": "InferenceService", "name": "one"}]},
    "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "one"}},
      "template": {"spec": {"volumes": [{"name": "cache", "emptyDir": {}}],
        "containers": [{"name": "b", "image": "x", "args": ["--a", "1"],
                        "ports": [{"containerPort": 80, "protocol": "TCP", "name": "http"}]},
                       {"name": "a", "image": "y"}]}}}})");
}

/// As kube-apiserver 1.36 shows it afterwards: defaults, another's container and label, and who holds what.
Json live() {
  Json object = body();
  object["metadata"]["uid"] = "u-1";
  object["metadata"]["labels"]["theirs"] = "x";
  object["status"] = {{"replicas", 1}};
  auto& spec = object["spec"]["template"]["spec"];
  spec["restartPolicy"] = "Always";
  spec["containers"][0]["imagePullPolicy"] = "Always";
  spec["containers"].insert(spec["containers"].begin() + 1, {{"name", "theirs"}, {"image", "z"}});
  object["metadata"]["managedFields"] =
      Json::array({{{"manager", "kubectl"},
                    {"operation", "Update"},
                    {"fieldsV1", {{"f:metadata", {{"f:labels", {{"f:theirs", {}}}}}}}}},
                   {{"manager", "llmkube-reconciler"}, {"operation", "Apply"}, {"fieldsV1", Json::parse(R"({
         "f:metadata": {"f:labels": {"f:app": {}}, "f:ownerReferences": {"k:{\"uid\":\"u\"}": {}}},
         "f:spec": {"f:replicas": {}, "f:selector": {}, "f:template": {"f:spec": {
           "f:volumes": {"k:{\"name\":\"cache\"}": {".": {}, "f:name": {}, "f:emptyDir": {}}},
           "f:containers": {
             "k:{\"name\":\"a\"}": {".": {}, "f:name": {}, "f:image": {}},
             "k:{\"name\":\"b\"}": {".": {}, "f:name": {}, "f:image": {}, "f:args": {}, "f:ports": {
               "k:{\"containerPort\":80,\"protocol\":\"TCP\"}":
                 {".": {}, "f:containerPort": {}, "f:name": {}, "f:protocol": {}}}}}}}}})")}}});
  return object;
}

}  // namespace

TEST_CASE("what of a live object is ours is what we would apply, whatever others and the API server added") {
  CHECK(content_of_ours(parsed(live())) == content_to_apply(parsed(body())));
  Json moved = body();
  moved["metadata"]["name"] = "another";  // where it is, not what it says
  CHECK(content_to_apply(parsed(moved)) == content_to_apply(parsed(body())));
}

TEST_CASE("each change of what we want, and each field that is ours no more, is seen") {
  const auto before = content_to_apply(parsed(body()));
  const auto ours = [](Json& object) -> Json& { return object["metadata"]["managedFields"][1]["fieldsV1"]; };
  const std::vector<std::pair<std::string, std::function<void(Json&)>>> edits = {
      {"a value", [](Json& at) { at["spec"]["replicas"] = 2; }},
      {"a label", [](Json& at) { at["metadata"]["labels"]["app"] = "two"; }},
      {"an argument", [](Json& at) { at["spec"]["template"]["spec"]["containers"][0]["args"][1] = "2"; }},
      {"an argument more", [](Json& at) { at["spec"]["template"]["spec"]["containers"][0]["args"].push_back("2"); }},
      {"an image", [](Json& at) { at["spec"]["template"]["spec"]["containers"].back()["image"] = "z"; }},
      {"what was empty",
       [](Json& at) { at["spec"]["template"]["spec"]["volumes"][0]["emptyDir"]["medium"] = "Memory"; }},
      {"a container that went", [](Json& at) { at["spec"]["template"]["spec"]["containers"].erase(0); }},
      {"a field that went", [](Json& at) { at["spec"].erase("replicas"); }},
  };
  for (const auto& [what, edit] : edits) {
    INFO(what);
    Json there = live();
    edit(there);
    CHECK(content_of_ours(parsed(there)) != before);
    Json wanted = body();
    edit(wanted);
    CHECK(content_of_ours(parsed(live())) != content_to_apply(parsed(wanted)));
  }
  Json taken = live();
  ours(taken)["f:spec"].erase("f:replicas");
  CHECK(content_of_ours(parsed(taken)) != before);
  taken = live();
  ours(taken)["f:spec"]["f:template"]["f:spec"]["f:containers"].erase(R"(k:{"name":"a"})");
  CHECK(content_of_ours(parsed(taken)) != before);
  Json more = live();
  ours(more)["f:metadata"]["f:labels"]["f:theirs"] = Json::object();  // ours, and we no longer want it
  CHECK(content_of_ours(parsed(more)) != before);
}

TEST_CASE("where nothing is ours, nothing is known") {
  Json object = live();
  object["metadata"]["managedFields"][1]["operation"] = "Update";
  CHECK(content_of_ours(parsed(object)) == 0);
  CHECK(content_of_ours(parsed(body())) == 0);
}
