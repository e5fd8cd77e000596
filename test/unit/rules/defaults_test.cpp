#include "common/rules/defaults.hpp"

#include "test/catch.hpp"

namespace {

std::string patch_of(const std::string& text) {
  const auto object = base::parse_json(text, "test");
  REQUIRE(object);
  return rules::to_json_patch(rules::set_defaults(*object));
}

}  // namespace

TEST_CASE("a router service without spec.router gets it whole") {
  CHECK(patch_of(R"({"kind":"InferenceService","spec":{"runtime":"llamacpp-router"}})") ==
        R"([{"op":"add","path":"/spec/router","value":{"maxLoadedModels":1,"stopTimeoutSeconds":5,"scheduling":)"
        R"({"policy":"Fair","minResidencySeconds":5,"maxTurnSeconds":30,"maxWaitSeconds":600}}}])");
}

TEST_CASE("what the user wrote stays") {
  CHECK(patch_of(R"({"kind":"InferenceService","spec":{"runtime":"llamacpp-router","router":{"maxLoadedModels":2,
                     "scheduling":{"policy":"Direct","maxTurnSeconds":9,"maxWaitSeconds":null}}}})") ==
        R"([{"op":"add","path":"/spec/router/stopTimeoutSeconds","value":5},)"
        R"({"op":"add","path":"/spec/router/scheduling/minResidencySeconds","value":5}])");
}

TEST_CASE("nothing for other runtimes, other kinds and odd types") {
  for (const char* text :
       {"[]", R"({"kind":"InferenceService"})", R"({"kind":"InferenceService","spec":{"modelRef":"a"}})",
        R"({"kind":"InferenceService","spec":{"runtime":"vllm"}})", R"({"kind":"Model","spec":{"runtime":"a-router"}})",
        R"({"kind":"InferenceService","spec":{"runtime":"llamacpp-router","router":[]}})",
        R"({"kind":"InferenceService","spec":"x"})"}) {
    CHECK(patch_of(text).empty());
  }
}
