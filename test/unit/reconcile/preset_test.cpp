#include "reconciler/reconcile/preset.hpp"

#include <nlohmann/json.hpp>
#include <random>

#include "test/catch.hpp"
#include "test/unit/reconcile/scene.hpp"

using namespace reconciler;

namespace {

std::string preset_of(const Scene& scene) { return make_plan(scene.settings, scene.observed).preset; }

/// Every line is a section, a key with its value, or empty, and only sections that the spec names are there.
void check_shape(const std::string& preset, const std::vector<std::string>& names) {
  std::istringstream lines(preset);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    INFO(line);
    if (line.front() == '[') {
      CHECK(std::ranges::find(names, line.substr(1, line.size() - 2)) != names.end());
      CHECK(line.back() == ']');
    } else {
      CHECK(line.find(" = ") != std::string::npos);
      CHECK(line.find_first_of("#;\r") == std::string::npos);
    }
  }
}

/// JSON string of characters that could break out.
std::string nasty(std::mt19937& random) {
  static const std::vector<std::string> kParts = {"\\n",          "\\r\\n", "#", ";",       "[x]", "=",
                                                  "model = /etc", "a",      " ", "\\u0000", "]",   ","};
  std::string text;
  for (auto n = random() % 6; n-- > 0;) text += kParts[random() % kParts.size()];
  return text;
}

}  // namespace

TEST_CASE("a text that could break out never gets into the preset") {
  std::mt19937 random(7);
  for (int i = 0; i < 60; ++i) {
    const std::string name = "m" + nasty(random);
    Scene scene(R"({"runtime": "llamacpp-router", "cacheTypeCustomK": ")" + nasty(random) +
                R"(", "reasoningBudgetMessage": ")" + nasty(random) + R"(", "tensorOverrides": [")" + nasty(random) +
                R"("], "extraArgs": ["--seed", ")" + nasty(random) + R"(", "--chat-template", ")" + nasty(random) +
                R"("], "models": [{"name": "good", "aliases": [")" + nasty(random) + R"(", "fine"]}, {"name": ")" +
                name + R"("}]})");
    scene.add_fetched("good");
    const auto other = scene.observed.service.view->spec.models.at(1).name;
    scene.add_model(other, R"({"source": "https://x.example/a.gguf"})");
    scene.add_job(other);
    scene.observed.jobs.back().complete = true;
    scene.observed.jobs.back().fetched =
        R"({"reason":"Fetched","message":"","files":[{"path":"/models/)" + nasty(random) + R"(.gguf","size":1}]})";
    check_shape(preset_of(scene), {"good", other});
    CHECK(preset_of(scene).starts_with("[good]\nmodel = /models/"));
  }
}

TEST_CASE("no section without its file") {
  Scene scene(kExample);
  scene.add_fetched("qwen3-7b-coder");
  scene.add_model("phi4-mini");
  CHECK(preset_of(scene).starts_with("[qwen3-7b-coder]\nmodel = "));
  CHECK(preset_of(scene).find("phi4-mini") == std::string::npos);
}

TEST_CASE("a section holds all its settings, and one model's do not touch another's") {
  Scene one(R"({"runtime": "llamacpp-router", "models": [{"name": "a"}, {"name": "b"}]})");
  Scene two(R"({"runtime": "llamacpp-router", "models": [{"name": "a", "contextSize": 512}, {"name": "b"}]})");
  for (auto* scene : {&one, &two}) {
    scene->add_fetched("a");
    scene->add_fetched("b");
  }
  const auto section_b = [](const std::string& preset) { return preset.substr(preset.find("[b]")); };
  CHECK(preset_of(one) != preset_of(two));
  CHECK(section_b(preset_of(one)) == section_b(preset_of(two)));
  CHECK(preset_of(one).find("[*]") == std::string::npos);
}

TEST_CASE("later words win: service field, service extraArgs, entry field, entry extraArgs") {
  Scene scene(R"({"runtime": "llamacpp-router", "contextSize": 100, "parallelSlots": 1, "batchSize": 1, "uBatchSize": 1,
    "extraArgs": ["-c", "200", "-np", "2", "-b", "2"],
    "models": [{"name": "a", "contextSize": 300, "parallelSlots": 3, "extraArgs": ["--ctx-size=400"]}]})");
  scene.add_fetched("a");
  const auto preset = preset_of(scene);
  CHECK_THAT(preset, ContainsSubstring("ctx-size = 400\n"));
  CHECK_THAT(preset, ContainsSubstring("parallel = 3\n"));
  CHECK_THAT(preset, ContainsSubstring("batch-size = 2\n"));
  CHECK_THAT(preset, ContainsSubstring("ubatch-size = 1\n"));
}

TEST_CASE("-1 and 0 GPU layers mean all, and none is said without a GPU") {
  const auto* layers = GENERATE("-1", "0", "null");
  Scene scene(R"({"runtime": "llamacpp-router", "resources": {"gpu": 1}, "models": [{"name": "a", "gpuLayers": )" +
              std::string(layers) + "}]}");
  scene.add_fetched("a");
  CHECK_THAT(preset_of(scene), ContainsSubstring("n-gpu-layers = all\n"));
  Scene without(R"({"runtime": "llamacpp-router", "models": [{"name": "a", "gpuLayers": 7}]})");
  without.add_fetched("a");
  CHECK(preset_of(without).find("n-gpu-layers") == std::string::npos);
}

TEST_CASE(
    "flags that the table does not know are keys of the preset where the image is of another build, and only there") {
  const auto with_image = [](const std::string& image, const std::string& of_cpu = "x/llama:b11669") {
    Scene scene(R"({"runtime": "llamacpp-router", "image": ")" + image + R"(",
      "extraArgs": ["--newer-flag", "7", "--newer-switch", "--draft", "4", "--Odd", "1"], "models": [{"name": "a"}]})");
    scene.settings.runtime_images["cpu"] = of_cpu;
    scene.add_fetched("a");
    return preset_of(scene);
  };
  const auto other = with_image("mirror.example/llama:server-b12000");
  CHECK_THAT(other, ContainsSubstring("newer-flag = 7\n"));
  CHECK_THAT(other, ContainsSubstring("newer-switch = true\n"));
  CHECK_THAT(other, ContainsSubstring("draft-max = 4\n"));
  CHECK(other.find("Odd") == std::string::npos);
  const auto known = with_image("mirror.example/llama:server-b11669");
  for (const char* key : {"newer", "draft"}) CHECK(known.find(key) == std::string::npos);
  CHECK(with_image("", "x/llama:b12000") == other);
  CHECK(with_image("") == known);
}

TEST_CASE("the flags that are the router's own stay on its command line") {
  Scene scene(R"({"runtime": "llamacpp-router", "extraArgs": ["--timeout", "900", "--seed", "7", "--metrics"],
                  "models": [{"name": "a"}]})");
  const Plan plan = make_plan(scene.settings, scene.observed);
  CHECK(router_arguments(plan) == std::vector<std::string>{"--timeout", "900"});
}

TEST_CASE("the same input gives the same bytes") {
  const auto first = serving().decide();
  const auto second = serving().decide();
  REQUIRE(first.desired.size() == second.desired.size());
  for (std::size_t i = 0; i < first.desired.size(); ++i) CHECK(first.desired[i].body == second.desired[i].body);
  CHECK(first.status == second.status);
}

TEST_CASE("a preset waits a moment for models that are on their way, and for nothing else") {
  const auto waits = [](const Scene& scene) {
    const auto decision = scene.decide();
    const auto map = std::ranges::find(decision.desired, Kind::config_map, &DesiredObject::kind);
    REQUIRE(map != decision.desired.end());
    return map->can_wait;
  };
  Scene scene(kExample);
  scene.add_fetched("phi4-mini");
  scene.add_job("qwen3-7b-coder");
  CHECK_FALSE(waits(scene));  // the first one: a Pod waits for it
  scene.roll_out(1);
  CHECK_FALSE(waits(scene));  // nothing is new
  scene.add_fetched("gemma3-4b-summarizer");
  CHECK(waits(scene));
  auto& job = *std::ranges::find(scene.observed.jobs, "qwen3-7b-coder", &JobView::model);
  job.complete = true;
  job.fetched = fetch_result("qwen3-7b-coder");
  CHECK_FALSE(waits(scene));  // all are there
}

TEST_CASE("no object is named twice, and every name can be one") {
  Scene scene(R"({"runtime": "llamacpp-router", "models": [
    {"name": "a-model-with-a-name-as-long-as-a-label-can-be-which-is-63-chars"}, {"name": "b"}]})");
  scene.add_claim("llmkube-model-cache");
  scene.add_model("a-model-with-a-name-as-long-as-a-label-can-be-which-is-63-chars");
  scene.add_fetched("b");
  std::vector<std::string> seen;
  for (const auto& object : scene.decide().desired) {
    const std::string name = std::string(info(object.kind).plural) + "/" + object.name;
    CHECK(std::ranges::find(seen, name) == seen.end());
    CHECK(object.name.size() <= 63);
    seen.push_back(name);
  }
  CHECK(seen.size() == 4);
}

TEST_CASE("a section's name in another section's value does not take its place") {
  Scene scene(R"({"runtime":"llamacpp-router","models":[{"name":"a"},{"name":"b"}],"reasoningBudget":5,
                  "reasoningBudgetMessage":"now answer [b]"})");
  scene.add_fetched("a");
  scene.add_fetched("b");
  CHECK(preset_of(scene).contains("\n[b]\n"));
}
