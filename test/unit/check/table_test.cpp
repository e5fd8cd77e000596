#include <set>
#include <sstream>

#include "common/base/file.hpp"
#include "common/rules/defaults.hpp"
#include "common/rules/denial.hpp"
#include "common/rules/docs.hpp"
#include "test/catch.hpp"
#include "test/unit/check/examples.hpp"
#include "webhook/check/check.hpp"
#include "webhook/check/defaulted.hpp"

namespace {

using Ids = std::set<std::string>;

Ids ids_of(const std::vector<rules::Finding>& findings, rules::Severity severity) {
  Ids out;
  for (const auto& finding : findings) {
    if (finding.severity == severity) out.emplace(finding.rule);
  }
  return out;
}

std::vector<rules::Finding> judge(const webhook::Node& object) { return rules::validate(webhook::to_json(object)); }

/// What `webhook check` says of an object, as rule ids.
Ids checked(const webhook::Node& object) {
  std::ostringstream yaml;
  webhook::write_yaml(object, yaml);
  std::istringstream in(yaml.str());
  std::ostringstream out;
  std::ostringstream err;
  webhook::CheckOptions options;
  options.paths = {"-"};
  static_cast<void>(webhook::run_check(options, in, out, err));
  Ids ids;
  std::istringstream lines(out.str());
  for (std::string line; std::getline(lines, line);) {
    const auto bracket = line.rfind(" [");
    if (line.starts_with("stdin:") && line.ends_with("]"))
      ids.insert(line.substr(bracket + 2, line.size() - bracket - 3));
  }
  // No Model is in the file: that is said of each model and of no interest here.
  ids.erase("model-missing");
  return ids;
}

}  // namespace

TEST_CASE("every rule has its own id and words") {
  Ids ids;
  for (const auto& rule : rules::table()) {
    CAPTURE(rule.id);
    CHECK(ids.insert(std::string(rule.id)).second);
    CHECK_FALSE(rule.judges.empty());
    CHECK_FALSE(rule.message.empty());
    if (rule.scope != rules::Scope::offline) {
      CHECK_FALSE(rule.good.empty());
      CHECK_FALSE(rule.bad.empty());
    }
  }
}

TEST_CASE("the base of the examples has no finding") {
  for (const char* id : {"models-required", "source"}) CHECK(judge(examples::object(rules::rule(id), "{}")).empty());
}

TEST_CASE("good examples pass, bad ones give exactly their rule") {
  for (const auto& rule : rules::table()) {
    if (rule.scope == rules::Scope::offline) continue;
    CAPTURE(rule.id);
    const auto good = judge(examples::object(rule, rule.good));
    CHECK(ids_of(good, rules::Severity::error).empty());
    CHECK_FALSE(ids_of(good, rules::Severity::warning).contains(std::string(rule.id)));
    const auto bad = judge(examples::object(rule, rule.bad));
    CHECK(ids_of(bad, rule.severity) == Ids{std::string(rule.id)});
    if (rule.severity == rules::Severity::warning) CHECK(ids_of(bad, rules::Severity::error).empty());
    for (const auto& finding : bad) CHECK(finding.text().find('{' + std::string("0}")) == std::string::npos);
  }
}

TEST_CASE("check says of the examples what validate says") {
  for (const auto& rule : rules::table()) {
    if (rule.scope == rules::Scope::offline) continue;
    for (const auto example : {rule.good, rule.bad}) {
      CAPTURE(rule.id, example);
      const auto object = examples::object(rule, example);
      Ids expected = ids_of(judge(object), rules::Severity::error);
      expected.merge(ids_of(judge(object), rules::Severity::warning));
      CHECK(checked(object) == expected);
    }
  }
}

TEST_CASE("defaults are idempotent, and a valid object stays valid with them") {
  for (const auto& rule : rules::table()) {
    if (rule.good.empty()) continue;
    CAPTURE(rule.id);
    auto object = examples::object(rule, rule.good);
    const auto before = judge(object);
    webhook::set_cluster_defaults(rule.kind, object);
    CHECK(rules::set_defaults(webhook::to_json(object)).empty());
    CHECK(rules::has_errors(judge(object)) == rules::has_errors(before));
    std::ostringstream once;
    webhook::write_yaml(object, once);
    webhook::set_cluster_defaults(rule.kind, object);
    std::ostringstream twice;
    webhook::write_yaml(object, twice);
    CHECK(once.str() == twice.str());
  }
}

TEST_CASE("what is written as YAML reads back as the same object") {
  for (const auto& rule : rules::table()) {
    auto object = examples::object(rule, rule.bad.empty() ? "{}" : rule.bad);
    std::ostringstream yaml;
    webhook::write_yaml(object, yaml);
    CAPTURE(yaml.str());
    CHECK(webhook::to_json(examples::parse(yaml.str())) == webhook::to_json(object));
  }
}

TEST_CASE("warnings are whole within what the API server takes") {
  for (const auto& rule : rules::table()) {
    if (rule.severity != rules::Severity::warning || rule.scope == rules::Scope::offline) continue;
    for (const auto& warning : rules::make_warnings(judge(examples::object(rule, rule.bad)))) {
      CAPTURE(warning);
      CHECK_FALSE(warning.ends_with("..."));
    }
  }
}

TEST_CASE("docs/rules.md is what the table makes") {
  const auto committed = base::read_file(SOURCE_DIR "/docs/rules.md");
  REQUIRE(committed);
  CHECK(*committed == rules::rules_markdown());
}
