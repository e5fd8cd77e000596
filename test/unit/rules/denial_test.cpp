#include "common/rules/denial.hpp"

#include "test/catch.hpp"

namespace {

rules::Finding error_at(const std::string& path) {
  return {rules::Severity::error, "test", path, "\"x\"", "is wrong", "write y", rules::Reason::invalid};
}

rules::Finding warning_at(const std::string& path, const std::string& message) {
  return {rules::Severity::warning, "test", path, "", message, "a fix", rules::Reason::invalid};
}

}  // namespace

TEST_CASE("a denial carries each mistake as a cause and in its message") {
  const auto denial = rules::make_denial("InferenceService", "edge", {error_at("spec.a"), error_at("spec.b")});
  REQUIRE(denial.causes.size() == 2);
  CHECK(denial.causes[0] == rules::Cause{"FieldValueInvalid", "spec.a", "Invalid value: \"x\": is wrong; write y"});
  CHECK(denial.message ==
        "InferenceService.inference.llmkube.dev \"edge\" is invalid: [spec.a: Invalid value: \"x\": is wrong; write y, "
        "spec.b: Invalid value: \"x\": is wrong; write y]");
}

TEST_CASE("more than a hundred mistakes are counted") {
  const std::vector<rules::Finding> many(103, error_at("spec.a"));
  const auto denial = rules::make_denial("Model", "m", many);
  REQUIRE(denial.causes.size() == 101);
  CHECK(denial.causes.back().message == "and 3 more");
}

TEST_CASE("warnings are no causes, and stay within what the API server takes") {
  std::vector<rules::Finding> findings(60, warning_at("spec.replicas", std::string(200, 'w')));
  findings.push_back(error_at("spec.a"));
  CHECK(rules::make_denial("Model", "m", findings).causes.size() == 1);
  const auto warnings = rules::make_warnings(findings);
  std::size_t length = 0;
  for (const auto& line : warnings) {
    CHECK(line.size() <= 120);
    length += line.size();
  }
  CHECK(length <= 4096);
  // 34 lines of 120 characters have room, and one that says how many have none.
  REQUIRE(warnings.size() == 35);
  CHECK(warnings.back() == "and 26 more");
  CHECK(rules::make_warnings({warning_at("spec.replicas", "short")}).at(0) == "spec.replicas: short; a fix");
}

TEST_CASE("a warning that repeats hides no other one") {
  std::vector<rules::Finding> findings(60, warning_at("spec.models[0]", std::string(200, 'w')));
  auto other = warning_at("spec.replicas", "another");
  other.rule = "replicas-many";
  findings.push_back(other);
  const auto warnings = rules::make_warnings(findings);
  REQUIRE(warnings.size() > 2);
  CHECK(warnings.at(1).starts_with("spec.replicas: another"));
}
