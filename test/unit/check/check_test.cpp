#include "webhook/check/check.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "common/base/json.hpp"
#include "test/catch.hpp"
#include "webhook/check/yaml_reader.hpp"

namespace {

struct Answer {
  int status = 0;
  std::string out;
  std::string err;
};

Answer check(const std::string& text, webhook::CheckOptions options = {}) {
  std::istringstream in(text);
  std::ostringstream out;
  std::ostringstream err;
  if (options.paths.empty()) options.paths = {"-"};
  const int status = webhook::run_check(options, in, out, err);
  return {status, out.str(), err.str()};
}

const std::string kModel =
    "apiVersion: inference.llmkube.dev/v1alpha1\nkind: Model\nmetadata: {name: a}\nspec: {source: "
    "'https://h/a.gguf'}\n";

std::string service(const std::string& spec) {
  return kModel +
         "---\napiVersion: inference.llmkube.dev/v1alpha1\nkind: InferenceService\nmetadata:\n  name: edge\nspec:\n"
         "  runtime: llamacpp-router\n  models:\n  - name: a\n  resources: {requests: {nvidia.com/gpu: 1}}\n" +
         spec;
}

/// A service of one entry in spec.models.
std::string serving(const std::string& entry) {
  return "apiVersion: inference.llmkube.dev/v1alpha1\nkind: InferenceService\nmetadata: {name: edge}\n"
         "spec: {runtime: llamacpp-router, models: [" +
         entry + "]}\n";
}

}  // namespace

TEST_CASE("a clean file is clean") {
  const auto answer = check(service(""));
  CHECK(answer.out.empty());
  CHECK(answer.status == 0);
  CHECK(answer.err == "0 errors, 0 warnings in 2 objects\n");
}

TEST_CASE("a finding stands at its line and column, with the line and a caret") {
  const auto answer = check(service("  router:\n    preload: [nobody]\n"));
  CHECK(answer.status == 1);
  CHECK_THAT(answer.out,
             ContainsSubstring("stdin:16:15: error: spec.router.preload[0]: Unsupported value: \"nobody\""));
  CHECK_THAT(answer.out, ContainsSubstring("\n      preload: [nobody]\n                ^\n"));
}

TEST_CASE("columns count characters, and the caret stands below its place") {
  const std::string line = "metadata: {name: a, annotations: {note: \"\u00e9\u00e9\u20ac\"}, labels: {x: \"a b\"}}";
  const auto text =
      "apiVersion: inference.llmkube.dev/v1alpha1\nkind: Model\n" + line + "\nspec: {source: 'https://h/a.gguf'}\n";
  const auto answer = check(text);
  CHECK_THAT(answer.out, ContainsSubstring("stdin:3:61: error: metadata.labels[x]"));
  CHECK_THAT(answer.out, ContainsSubstring("\n  " + std::string(60, ' ') + "^\n"));
  webhook::CheckOptions options;
  options.format = webhook::CheckOptions::Format::sarif;
  const auto sarif = nlohmann::json::parse(check(text, options).out)["runs"][0];
  CHECK(sarif["columnKind"] == "unicodeCodePoints");
  CHECK(sarif["results"][0]["locations"][0]["physicalLocation"]["region"]["startColumn"] == 61);
}

TEST_CASE("much that is found in one long line costs no more than in many lines") {
  std::string items;
  for (int i = 0; i < 4000; ++i) {
    items += R"({"apiVersion":"inference.llmkube.dev/v1alpha1","kind":"InferenceService","metadata":{"name":"s)" +
             std::to_string(i) + R"("},"spec":{"runtime":"llamacpp-router","models":[{"name":"a"},{"name":"b"}]}},)";
  }
  items.pop_back();
  const auto begin = std::chrono::steady_clock::now();
  const auto answer = check(R"({"apiVersion":"v1","kind":"List","items":[)" + items + "]}");
  CHECK(answer.err == "0 errors, 12000 warnings in 4000 objects\n");
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(20));
}

TEST_CASE("what is missing stands at what lacks it") {
  const auto answer =
      check("apiVersion: inference.llmkube.dev/v1alpha1\nkind: Model\nmetadata: {name: a}\nspec:\n  format: gguf\n");
  CHECK_THAT(answer.out, ContainsSubstring("stdin:4:1: error: spec.source: Required value: source is missing"));
}

TEST_CASE("unknown fields are found at any depth, with what was meant") {
  CHECK_THAT(
      check(service("  replica: 2\n")).out,
      ContainsSubstring("spec.replica: Forbidden: \"replica\": is no field of spec; the API server would drop it, or "
                        "refuse it with strict validation; did you mean replicas?"));
  CHECK_THAT(check(service("  preload: [a]\n")).out, ContainsSubstring("did you mean spec.router.preload?"));
  CHECK_THAT(check(service("  volumes: []\n")).out, ContainsSubstring("did you mean extraVolumes?"));
  CHECK_THAT(check(service("  serviceAccountName: a\n")).out, ContainsSubstring("kubectl explain lists the fields"));
  CHECK_THAT(check(service("  modelCache: {size: 1Gi}\n")).out, ContainsSubstring("its fields: claimName"));
  CHECK_THAT(check(service("  env: [{value: a, key: A}]\n")).out,
             ContainsSubstring("did you mean name, which is missing?"));
  CHECK_THAT(check(serving("{name: x, modelRef: a}")).out, ContainsSubstring("name is the Model's own"));
  CHECK_THAT(check(serving("{modelRef: a}")).out, ContainsSubstring("did you mean name, which is missing?"));
  const std::string model = "apiVersion: inference.llmkube.dev/v1alpha1\nkind: Model\nmetadata: {name: a}\nspec: ";
  CHECK_THAT(check(model + "{url: 'https://h/a.gguf'}\n").out,
             ContainsSubstring("did you mean source, which is missing?"));
  CHECK_THAT(check(model + "{gpu: {count: 1}}\n").out, ContainsSubstring("did you mean spec.hardware.gpu?"));
  CHECK_THAT(check(service("  env:\n  - name: A\n    vlaue: b\n")).out, ContainsSubstring("spec.env[0].vlaue"));
  CHECK_THAT(check(service("  extraVolumes: [{name: a, secret: {name: x}}]\n")).out,
             ContainsSubstring("did you mean secretName?"));
  CHECK_THAT(check(service("  router: {models: []}\n")).out, ContainsSubstring("did you mean spec.models?"));
  CHECK_THAT(check(service("  router: {scheduling: {polcy: Fair}}\n")).out, ContainsSubstring("did you mean policy?"));
}

TEST_CASE("a flag and its value in one item is told apart from a flag that nobody knows") {
  CHECK_THAT(check(service("  extraArgs: ['--threads 8']\n")).out,
             ContainsSubstring("make each word an item of its own"));
  CHECK_THAT(check(service("  extraArgs: ['--thread 8']\n")).out, ContainsSubstring("did you mean --threads?"));
}

TEST_CASE("a flag that nobody knows is a warning where another build of llama-server runs") {
  const auto manifest = service("  extraArgs: [--newer-flag, '1']\n");
  CHECK(check(manifest).status == 1);
  const auto other = check(manifest, {.site = {.other_build = true}});
  CHECK(other.status == 0);
  CHECK_THAT(other.out, ContainsSubstring("spec.extraArgs[0]: Unsupported value: \"--newer-flag\": build 11669 knows "
                                          "no such flag; if the image is like it, no model starts"));
}

TEST_CASE("booleans of YAML 1.1 are booleans, as values and as keys") {
  CHECK_THAT(check(service("  image: on\n")).out,
             ContainsSubstring("spec.image: Invalid value: true: must be a string"));
  CHECK_THAT(check(service("  y: 1\n")).out, ContainsSubstring("spec.true: Forbidden: \"true\""));
}

TEST_CASE("a number without a fraction is an integer however it is written, in YAML and in JSON") {
  CHECK(check(service("  replicas: 1e0\n")).status == 0);
  CHECK(check(service("  router: {maxLoadedModels: 1.0}\n")).out.empty());
  CHECK_THAT(check(service("  image: 1e5\n")).out, ContainsSubstring("Invalid value: 100000: must be a string"));
  CHECK_THAT(check(service("  autoscaling: {minReplicas: 2.0, maxReplicas: 1.0}\n")).out,
             ContainsSubstring("error: spec.autoscaling"));
  const std::string json = R"({"apiVersion": "inference.llmkube.dev/v1alpha1", "kind": "InferenceService", "metadata":
    {"name": "edge"}, "spec": {"modelRef": "a", "autoscaling": {"minReplicas": 2.0, "maxReplicas": 10e-1}}})";
  CHECK_THAT(check(json).out, ContainsSubstring("stdin:2:80: error: spec.autoscaling.minReplicas"));
}

TEST_CASE("a key that stands twice is an error") {
  const auto answer = check(service("  replicas: 1\n  replicas: 1\n"));
  CHECK(answer.status == 1);
  CHECK_THAT(answer.out, ContainsSubstring("stdin:16:3: error: spec.replicas: Duplicate value: \"replicas\""));
}

TEST_CASE("a key that stands twice is named with its whole path, in YAML and in JSON") {
  CHECK_THAT(check(service("  env:\n  - name: A\n  - {name: B, value: x, value: y}\n")).out,
             ContainsSubstring("error: spec.env[1].value: Duplicate value: \"value\""));
  CHECK_THAT(check(service("  nodeSelector: {a.b/c: x, a.b/c: y}\n")).out,
             ContainsSubstring("error: spec.nodeSelector[a.b/c]: Duplicate value"));
  CHECK_THAT(check(R"({"kind": "Pod", "spec": {"containers": [{}, {"name": "a", "name": "b"}]}})").out,
             ContainsSubstring("stdin:1:59: error: spec.containers[1].name: Duplicate value: \"name\""));
  CHECK_THAT(check("kind: List\nitems:\n- {kind: Pod, spec: {a: 1, a: 2}}\n").out,
             ContainsSubstring("stdin:3:28: error: spec.a: Duplicate value"));
  CHECK_THAT(check("a: 1\n---\na: {b: 1}\n---\nx: {b: 1, b: 2}\n").out, ContainsSubstring("error: x.b: Duplicate"));
}

TEST_CASE("anchors and merge keys are resolved") {
  const auto answer = check(
      "apiVersion: inference.llmkube.dev/v1alpha1\nkind: Model\nmetadata: &m {name: m}\nspec: &s\n  source: "
      "https://h/a.gguf\n---\n" +
      service("  podLabels: &l {a: b}\n  podAnnotations: {<<: *l, c: d}\n  nodeSelector: *l\n"));
  CHECK(answer.out.empty());
}

TEST_CASE("a merge key sets keys where it stands, as kubectl reads it") {
  const auto merged = [](const std::string& map) {
    const std::string text = "maps: [&a {k: a}, &b {k: b}]\nmerged: " + map + "\n";
    const auto read = webhook::read_yaml(text);
    REQUIRE(read.problems.empty());
    return base::to_text(webhook::to_json(*read.roots.back().find("merged")));
  };
  CHECK(merged("{k: own, <<: *a}") == R"({"k":"a"})");
  CHECK(merged("{<<: *a, k: own}") == R"({"k":"own"})");
  CHECK(merged("{<<: *a, <<: *b}") == R"({"k":"b"})");
  CHECK(merged("{k: own, <<: [*a, *b]}") == R"({"k":"a"})");
  CHECK(merged("{k: own, !!merge <<: {k: c}}") == R"({"k":"c"})");
  CHECK(merged("{k: own, '<<': {k: c}}") == R"({"k":"own","<<":{"k":"c"}})");

  const auto twice = check(service("").replace(service("").find("  - name: a\n"), 12,
                                               "  - &a {name: a, contextSize: 4096}\n  - {name: b, <<: *a}\n"));
  CHECK(twice.status == 1);
  CHECK_THAT(twice.out, ContainsSubstring("error: spec.models[1].name: Duplicate value: \"a\""));
}

TEST_CASE("a tag says what a scalar is: YAML's own its type, any other a text") {
  const auto value = [](const std::string& scalar) {
    const auto read = webhook::read_yaml("a: " + scalar + "\n");
    REQUIRE(read.problems.empty());
    return base::to_text(webhook::to_json(*read.roots.back().find("a")));
  };
  CHECK(value("!!int '3'") == "3");
  CHECK(value("!!float 2") == "2");
  CHECK(value("!!bool yes") == "true");
  CHECK(value("!!str 12") == R"("12")");
  CHECK(value("!!timestamp 2001-01-01") == R"("2001-01-01")");
  CHECK(value("!mine y") == R"("y")");
  for (const auto* scalar : {"!!int x", "!!int 1.5", "!!bool 1", "!!null x", "!!float x"}) {
    CAPTURE(scalar);
    CHECK_THAT(check("a: " + std::string(scalar) + "\n").err,
               ContainsSubstring("stdin:1:4: error: ") && ContainsSubstring(" is not of the type that its tag says"));
  }
  CHECK_THAT(check("{.inf: a, b: -.Inf}\n").err,
             ContainsSubstring("stdin:1:14: error: -.Inf is a number that JSON has"));
}

TEST_CASE("a merge key that kubectl refuses cannot be read") {
  for (const auto* value : {"3", "", "text", "[3]", "*list", "[*list]", "[[{a: b}]]"}) {
    CAPTURE(value);
    const auto answer = check("list: &list [{a: b}]\nx: {<<: " + std::string(value) + "}\n");
    CHECK(answer.status == 2);
    CHECK_THAT(answer.err, ContainsSubstring("stdin:2:"));
    CHECK_THAT(answer.err, ContainsSubstring("error: << takes a map or a list of maps"));
  }
  CHECK_THAT(check("x: &x {y: *x}\n").err, ContainsSubstring("stdin:1:11: error: the alias stands within"));
}

TEST_CASE("metadata that the API server would refuse is refused") {
  const auto with = [](const std::string& metadata) {
    return check("apiVersion: inference.llmkube.dev/v1alpha1\nkind: Model\n" + metadata +
                 "\nspec: {source: 'https://h/a.gguf'}\n");
  };
  struct Row {
    const char* metadata;
    const char* says;
  };
  const Row rows[] = {
      {"metadata: {name: a, annotations: {v: true}}",
       "stdin:3:38: error: metadata.annotations[v]: Invalid value: true: must be a string, is true or false"},
      {"metadata: {name: a, labels: {v: 1}}", "stdin:3:33: error: metadata.labels[v]"},
      {"metadata: {name: a, labels: [a]}", "stdin:3:21: error: metadata.labels"},
      {"metadata: {name: 123}", "stdin:3:18: error: metadata.name: Invalid value: 123: must be a string"},
      {"metadata: foo", "stdin:3:11: error: metadata: Invalid value: \"foo\": must be an object"},
      {"metadata: []", "stdin:3:1: error: metadata: Invalid value"},
      {"metadata: {labels: {a: b}}", "stdin:3:1: error: metadata.name: Required value: name is missing"},
      {"metadata: {name: ''}", "stdin:3:12: error: metadata.name: Required value"},
      {"metadata:", "stdin:3:1: error: metadata.name: Required value"},
      {"", "stdin:1:1: error: metadata.name: Required value"},
      {"metadata: {name: a, namespace: Foo_Bar}", "stdin:3:32: error: metadata.namespace: Invalid value: \"Foo_Bar\""},
      {"metadata: {name: a, namespace: 12}", "stdin:3:32: error: metadata.namespace"},
      {"metadata: {generateName: Foo_}",
       "stdin:3:26: error: metadata.generateName: Invalid value: \"Foo_\": is no name "
       "that Kubernetes takes; name it for example foo-"},
      {"metadata: {name: a, finalizers: foo}", "stdin:3:33: error: metadata.finalizers"},
      {"metadata: {name: a, finalizers: [a b]}", "stdin:3:34: error: metadata.finalizers[0]"},
      {"metadata: {name: a, ownerReferences: [{foo: 1}]}", "error: metadata.ownerReferences[0].uid: Required value"},
      {"metadata: {name: a, generation: x}", "stdin:3:33: error: metadata.generation"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.metadata);
    const auto answer = with(row.metadata);
    CHECK(answer.status == 1);
    CHECK_THAT(answer.out, ContainsSubstring(row.says));
  }
  for (const auto* metadata :
       {"metadata: {generateName: a-}", "metadata: {name: a, namespace: b, creationTimestamp: null, annotations: null}",
        "metadata: {name: a, labels: {v: null}, finalizers: [example.com/x], ownerReferences: [{apiVersion: v1, kind: "
        "Pod, name: a, uid: b, controller: true}]}"}) {
    CAPTURE(metadata);
    CHECK(with(metadata).out.empty());
  }
}

TEST_CASE("a kind that is nearly one of this API is named, another one is not") {
  const auto of_kind = [](const std::string& kind) {
    return check("apiVersion: inference.llmkube.dev/v1alpha1\nkind: " + kind + "\nmetadata: {name: a}\n");
  };
  for (const auto* kind : {"InferenceServices", "Inferenceservice", "Models", "model"}) {
    CAPTURE(kind);
    const auto answer = of_kind(kind);
    CHECK(answer.status == 1);
    CHECK_THAT(answer.out, ContainsSubstring("stdin:2:7: error: kind: Unsupported value"));
  }
  for (const auto* kind : {"ModelRouter", "ModelCache", "InferenceServiceList"}) CHECK(of_kind(kind).status == 0);
}

TEST_CASE("a file that is named twice is read once") {
  const auto folder = std::filesystem::temp_directory_path() / "llmkube-router-check-twice";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "a.yaml") << service("");
  webhook::CheckOptions options;
  options.paths = {folder.string(), (folder / "a.yaml").string(), (folder / "." / "a.yaml").string()};
  CHECK_THAT(check("", options).err, ContainsSubstring("0 errors, 0 warnings in 2 objects"));
  std::filesystem::remove_all(folder);
}

TEST_CASE("a patch that lies beside the manifests is passed by, too") {
  const auto answer = check("- op: replace\n  path: /spec/replicas\n  value: 2\n");
  CHECK(answer.status == 0);
  CHECK_THAT(answer.err, ContainsSubstring("1 object of other kinds passed by"));
}

TEST_CASE("other kinds are counted and passed by") {
  const auto answer = check(
      "apiVersion: v1\nkind: Pod\n---\napiVersion: serving.kserve.io/v1\nkind: InferenceService\n---\n" + service(""));
  CHECK(answer.status == 0);
  CHECK_THAT(answer.err, ContainsSubstring("2 objects of other kinds passed by"));
}

TEST_CASE("lists and JSON are read") {
  const std::string object =
      R"({"apiVersion":"inference.llmkube.dev/v1alpha1","kind":"Model","metadata":{"name":"a"},"spec":{"source":"https://h/a.gguf","sha256":"x"}})";
  CHECK_THAT(check(object).out, ContainsSubstring("stdin:1:"));
  const auto list = check("{\n \"apiVersion\": \"v1\",\n \"kind\": \"List\",\n \"items\": [\n" + object + "\n]}");
  CHECK(list.status == 1);
  CHECK_THAT(list.out, ContainsSubstring("stdin:5:"));
  CHECK_THAT(list.out, ContainsSubstring("spec.sha256"));
  CHECK_THAT(check("apiVersion: v1\nkind: List\nitems:\n- " + object).out, ContainsSubstring("spec.sha256"));
}

TEST_CASE("a wrong version of the API is named") {
  CHECK_THAT(check("apiVersion: inference.llmkube.dev/v1\nkind: Model\nspec: {source: 'https://h/a.gguf'}\n").out,
             ContainsSubstring("apiVersion: Unsupported value"));
}

TEST_CASE("neighbours: a missing Model, one source twice, one Service name twice") {
  CHECK_THAT(check(service("  draft: 1\n")).out, ContainsSubstring("spec.draft"));
  const auto missing = check(service("").substr(kModel.size()));
  CHECK(missing.status == 0);
  CHECK_THAT(missing.out,
             ContainsSubstring("warning: spec.models[0].name: Invalid value: \"a\": no Model of this name"));
  CHECK_THAT(
      check(service("  speculativeDecoding: {type: draft, draftModelRef: tiny}\n")).out,
      ContainsSubstring("spec.speculativeDecoding.draftModelRef: Invalid value: \"tiny\": no Model of this name"));
  webhook::CheckOptions strict;
  strict.strict = true;
  CHECK(check(service("").substr(kModel.size()), strict).status == 1);
  std::string twin = service("");
  const std::string second =
      "---\napiVersion: inference.llmkube.dev/v1alpha1\nkind: Model\nmetadata: {name: b}\nspec: {source: "
      "'https://h/a.gguf'}\n";
  std::string two = twin;
  two.replace(two.find("  - name: a\n"), 12, "  - name: a\n  - name: b\n");
  CHECK_THAT(check(second + "---\n" + two).out, ContainsSubstring("has the same source and files as a"));
  const auto of_repository = [&](const std::string& a, const std::string& b) {
    const auto model = [](const std::string& name, const std::string& files) {
      return "apiVersion: inference.llmkube.dev/v1alpha1\nkind: Model\nmetadata: {name: " + name +
             "}\nspec: {source: 'hf://org/repo', files: [" + files + "]}\n---\n";
    };
    return check(model("a", a) + model("b", b) + two.substr(kModel.size())).out;
  };
  CHECK_THAT(of_repository("q4.gguf", "q8.gguf"), !ContainsSubstring("source-shared"));
  CHECK_THAT(of_repository("q4.gguf", "q4.gguf"), ContainsSubstring("source-shared"));
  std::string dotted = service("").substr(kModel.size());
  dotted.replace(dotted.find("name: edge"), 10, "name: x.y");
  std::string dashed = service("").substr(kModel.size());
  dashed.replace(dashed.find("name: edge"), 10, "name: x-y");
  CHECK_THAT(check(kModel + dotted + dashed).out, ContainsSubstring("makes the Service name \"x-y\", as x.y does"));
}

TEST_CASE("neighbours: one object twice") {
  const auto twice = check(kModel + "---\n" + kModel);
  CHECK(twice.status == 1);
  CHECK_THAT(twice.out,
             ContainsSubstring("stdin:8:18: error: metadata.name: Duplicate value: \"a\": Model of this name and "
                               "namespace stands at stdin:3 too; the one applied last would win"));
  std::string elsewhere = kModel;
  elsewhere.replace(elsewhere.find("{name: a}"), 9, "{name: a, namespace: other}");
  CHECK(check(kModel + "---\n" + elsewhere).status == 0);
  const auto service_twice = check(service("") + service("").substr(kModel.size()));
  CHECK_THAT(service_twice.out, ContainsSubstring("InferenceService of this name"));
  CHECK_THAT(service_twice.out, !ContainsSubstring("makes the Service name"));
}

TEST_CASE("what cannot be read is status 2") {
  CHECK(check("a: [").status == 2);
  CHECK(check("{\"a\": ").status == 2);
  CHECK(check(std::string(200000, '[')).status == 2);
  CHECK(check("{\"a\":" + std::string(200000, '[')).status == 2);
  CHECK(check("{\"cut within a character: \xED").status == 2);
  webhook::CheckOptions options;
  options.paths = {"/nonexistent/file.yaml"};
  CHECK(check("", options).status == 2);
}

TEST_CASE("what kubectl refuses as YAML cannot be read") {
  struct Row {
    std::string text;
    const char* says;
  };
  const std::string object = "kind: Pod\n";
  const Row rows[] = {
      {object + "a: \"b\n  c: d\n", "stdin:4:1: error: not YAML: a quote that opens above is not closed"},
      {object + "a: 'b\n", "stdin:3:1: error: not YAML: a quote that opens above"},
      {object + "a: 'b\n---\nc'\n", "stdin:3:1: error: not YAML: a quote that opens above"},
      {object + "---\na: b\x07\n", "stdin:3:5: error: not YAML: control characters are not allowed"},
      {object + "a: \xC2\x84\n", "stdin:2:4: error: not YAML: control characters"},
      {object + "# \x1b[0m\n", "stdin:2:3: error: not YAML: control characters"},
      {std::string("kind: \0\n", 8), "stdin:1:7: error: not YAML: control characters"},
      {"--- {kind: Pod}\n", "stdin:1:5: error: not YAML for kubectl: behind --- only a comment may stand"},
      {object + "--- |\n  a\n", "stdin:2:5: error: not YAML for kubectl: behind ---"},
      {"# a comment\n%YAML 1.1\n---\n" + object, "stdin:2:1: error: not YAML for kubectl: a directive"},
      {object + "---\n%TAG ! tag:x,2000:\n---\n" + object, "stdin:3:1: error: not YAML for kubectl: a directive"},
      {object + "---\ntext\n", "stdin:3:1: error: no object: kubectl takes no other documents"},
      {"- kind: Pod\n", "stdin:1:1: error: no object"},
      {"\xA0\xB1\n", "stdin:1:1: error: no object"},
      {"kind: List\nitems: [{kind: Pod}, text]\n", "stdin:2:22: error: no object: kubectl takes no other items"},
      {"kind: List\nitems: [{kind: List, items: [{kind: Pod}]}]\n", "stdin:2:9: error: a list of objects in a list"},
      {"kind: List\nitems: {a: b}\n", "stdin:2:8: error: items must be a list"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto answer = check(row.text);
    CHECK(answer.status == 2);
    CHECK_THAT(answer.err, ContainsSubstring(row.says));
  }
  CHECK(check(kModel + "--- # a comment\n" + service("").substr(kModel.size()) + "---\n# nothing\n---\n~\n").err ==
        "0 errors, 0 warnings in 2 objects\n");
}

TEST_CASE("a text that begins as JSON and is none is read on as YAML, as kubectl reads it") {
  const auto json = [](const std::string& name) {
    return R"({"apiVersion": "inference.llmkube.dev/v1alpha1", "kind": "Model", "metadata": {"name": ")" + name +
           R"("}, "spec": {"source": "https://h/)" + name + R"("}})";
  };
  const std::string flow =
      "{apiVersion: inference.llmkube.dev/v1alpha1, kind: Model, metadata: {name: f}, spec: {source: 'https://h/f'}}";
  const auto objects = [](const std::string& text) { return check(text).err; };
  CHECK(objects(flow) == "0 errors, 0 warnings in 1 object\n");
  CHECK(objects(flow + "\n---\n" + json("b")) == "0 errors, 0 warnings in 2 objects\n");
  CHECK(objects(json("a") + "\n---\n" + json("b")) == "0 errors, 0 warnings in 2 objects\n");
  CHECK(objects(json("a") + "\n---\n" + flow + "\n---\n" + json("c")) == "0 errors, 0 warnings in 3 objects\n");
  CHECK(objects(json("a") + " # a comment\n" + json("b")) == "0 errors, 0 warnings in 2 objects\n");
  CHECK(objects(json("a").insert(1, "\"status\": {\"x\": 1,},")).find("not JSON") == std::string::npos);

  CHECK_THAT(check(json("a") + "\n---\n" + kModel + "x: 1\n").out, ContainsSubstring("stdin:7:1: error: x: Forbidden"));
  const auto place = "stdin:1:" + std::to_string(json("a").size() + 2) + ": error: ";
  CHECK_THAT(objects(json("a") + " - 5\n"), ContainsSubstring(place + "no object"));
  CHECK_THAT(objects(json("a") + json("b") + "\n---\n" + json("c")), ContainsSubstring("stdin:2:2: error: not JSON"));
  CHECK_THAT(objects("{\"a\": \"b\",\n \"c\" \"d\"}"), ContainsSubstring("stdin:2:"));
  CHECK_THAT(objects("{a: b,\n c: [}\n"), ContainsSubstring("stdin:2:6: error: not YAML"));
}

TEST_CASE("what kubectl drops is not judged: all behind ...") {
  CHECK(check(kModel + "...\n" + kModel + "]]\n").err == "0 errors, 0 warnings in 1 object\n");
}

TEST_CASE("places are right in the second document and behind a byte order mark, in UTF-16 too") {
  const std::string text = kModel + "---\n" + service("  router: {preload: [nobody]}\n").substr(kModel.size() + 4);
  const auto place = ContainsSubstring("stdin:15:22: error: spec.router.preload[0]");
  CHECK_THAT(check(text).out, place);
  CHECK_THAT(check("\xEF\xBB\xBF" + text).out, place);
  std::string utf16 = "\xFF\xFE";
  for (const char c : text) utf16 += {c, '\0'};
  CHECK_THAT(check(utf16).out, place);
}

TEST_CASE("the items of a list of one kind need not say it") {
  const auto answer =
      check("apiVersion: inference.llmkube.dev/v1alpha1\nkind: ModelList\nitems:\n- {metadata: {name: a}, spec: {}}\n");
  CHECK_THAT(answer.out, ContainsSubstring("stdin:4:25: error: spec.source: Required value"));
}

TEST_CASE("a text at which yaml-cpp stands still is left") {
  const auto answer = check("\t\t,\"spec\":{\"sounrxf");
  CHECK(answer.status == 2);
  CHECK_THAT(answer.err, ContainsSubstring("not YAML"));
}

TEST_CASE("aliases that explode are not followed") {
  std::string text = "a0: &a0 [x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int j = 0; j < 9; ++j) text += ", " + before;
    text += "]\n";
  }
  CHECK(check(text).status == 2);
}

TEST_CASE("formats for machines") {
  webhook::CheckOptions options;
  const std::string text = service("  router: {preload: [nobody]}\n");
  options.format = webhook::CheckOptions::Format::json;
  const auto list = nlohmann::json::parse(check(text, options).out);
  REQUIRE(list.size() == 1);
  CHECK(list[0]["rule"] == "preload-known");
  CHECK(list[0]["line"] == 15);
  CHECK(list[0]["object"] == "InferenceService edge");
  options.format = webhook::CheckOptions::Format::sarif;
  const auto sarif = nlohmann::json::parse(check(text, options).out);
  CHECK(sarif["runs"][0]["results"][0]["ruleId"] == "preload-known");
  CHECK(sarif["runs"][0]["tool"]["driver"]["rules"].size() == 1);
  options.format = webhook::CheckOptions::Format::github;
  CHECK_THAT(check(text, options).out,
             ContainsSubstring("::error file=stdin,line=15,col=22,title=preload-known::spec.router"));
}

TEST_CASE("SARIF has what its specification requires") {
  webhook::CheckOptions options;
  options.format = webhook::CheckOptions::Format::sarif;
  const auto log = nlohmann::json::parse(check(service("  router: {preload: [nobody]}\n  replicas: 2\n"), options).out);
  CHECK(log.at("version") == "2.1.0");  // 3.13.2
  REQUIRE(log.at("runs").size() == 1);  // 3.13.4
  const auto& run = log["runs"][0];
  CHECK(run.at("columnKind") == "unicodeCodePoints");         // 3.14.17
  const auto& driver = run.at("tool").at("driver");           // 3.18.2
  CHECK_FALSE(driver.at("name").get<std::string>().empty());  // 3.19.8
  std::set<std::string> ids;
  for (const auto& rule : driver.at("rules")) {
    CHECK(ids.insert(rule.at("id").get<std::string>()).second);   // 3.49.3, and unique: 3.19.23
    CHECK_FALSE(rule.at("shortDescription").at("text").empty());  // 3.12.3
  }
  REQUIRE(run.at("results").size() == 2);
  for (const auto& result : run["results"]) {
    CHECK(ids.contains(result.at("ruleId").get<std::string>()));  // 3.27.5
    const std::string level = result.at("level");                 // 3.27.10
    CHECK((level == "error" || level == "warning"));
    CHECK_FALSE(result.at("message").at("text").empty());  // 3.11.5
    const auto& place = result.at("locations").at(0).at("physicalLocation");
    CHECK(place.at("artifactLocation").at("uri") == "stdin");  // 3.4.3
    CHECK(place.at("region").at("startLine") >= 1);            // 3.30.5
    CHECK(place.at("region").at("startColumn") >= 1);          // 3.30.6
  }
}

TEST_CASE("annotations of GitHub escape what would end them") {
  const auto path = std::filesystem::temp_directory_path() / "a,b:c%d.yaml";
  std::ofstream(path) << service("  router: {preload: [\"x%0A\\ny::z\"]}\n");
  webhook::CheckOptions options;
  options.format = webhook::CheckOptions::Format::github;
  options.paths = {path.string()};
  const auto out = check("", options).out;
  CHECK_THAT(out, ContainsSubstring("a%2Cb%3Ac%25d.yaml,line=15,col="));
  CHECK_THAT(out, ContainsSubstring("\"x%250A\\ny::z\""));
  CHECK(std::ranges::count(out, '\n') == 1);
  std::filesystem::remove(path);
}

TEST_CASE("SARIF names a file by a URI") {
  const auto path = std::filesystem::temp_directory_path() / "llmkube router, check:\xc3\xa9%.yaml";
  std::ofstream(path) << service("  router: {preload: [nobody]}\n");
  webhook::CheckOptions options;
  options.format = webhook::CheckOptions::Format::sarif;
  options.paths = {path.string()};
  CHECK_THAT(check("", options).out, ContainsSubstring("/llmkube%20router%2C%20check%3A%C3%A9%25.yaml\""));
  std::filesystem::remove(path);
}

TEST_CASE("--defaults prints the objects as the cluster would hold them") {
  webhook::CheckOptions options;
  options.defaults = true;
  const auto answer = check(service("  imagePullSecrets: [{}]\n"), options);
  CHECK(answer.status == 0);
  CHECK_THAT(answer.out, ContainsSubstring("refreshPolicy: IfNotPresent"));
  CHECK_THAT(answer.out, ContainsSubstring("    maxLoadedModels: 1"));
  CHECK_THAT(answer.out, ContainsSubstring("      policy: Fair"));
  CHECK_THAT(answer.out, ContainsSubstring("imagePullSecrets:\n    - name: \"\""));
  CHECK(answer.out.find("warning") == std::string::npos);
  CHECK(check(answer.out, options).out == answer.out);
}

TEST_CASE("--defaults writes texts that YAML would take for something else so that they read back the same") {
  webhook::CheckOptions options;
  options.defaults = true;
  const auto answer = check(service("  podAnnotations: {a: \"\\x7F\\x80\\x85\\L\\P\\uFFFE\\uFFFF\\e\"}\n"), options);
  CHECK_THAT(answer.out, ContainsSubstring(R"(a: "\x7F\x80\x85\L\P\uFFFE\uFFFF\u001B")"));
  const auto again = check(answer.out, options);
  CHECK(again.status == 0);
  CHECK(again.out == answer.out);
}
