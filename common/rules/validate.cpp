#include "common/rules/validate.hpp"

#include <algorithm>
#include <unordered_set>

#include "common/api/schema.hpp"
#include "common/rules/rule.hpp"
#include "common/rules/schema_check.hpp"

namespace rules {
namespace {

using base::JsonValue;

/// The fields that the union rests on: all that is judged of a runtime that is LLMKube's.
constexpr std::string_view kUnionFields[] = {"modelRef", "models", "runtime"};

bool covers(Scope scope, const Service& service) {
  switch (scope) {
    case Scope::every_runtime:
      return true;
    case Scope::llama_runtimes:
      return service.router || service.runtime == "llamacpp";
    case Scope::router_runtimes:
      return service.router;
    case Scope::offline:
      break;
  }
  return false;
}

void check_service_schema(const Service& service, const JsonValue& object, Report& report) {
  const api::Schema& schema = *api::schema_of(api::Kind::inference_service).property("spec");
  const JsonValue* spec = base::find(object, "spec");
  const bool whole = service.router || service.runtime.empty() || service.runtime == "llamacpp";
  if (spec == nullptr || !spec->IsObject() || whole) return;
  for (const auto field : kUnionFields) {
    if (const JsonValue* value = present(*spec, field))
      check_schema(*schema.property(field), *value, service.spec_path.child(field), report);
  }
}

/// `spec` itself: there, and of the right type; the rest of it where it is ours to judge.
void check_spec(api::Kind kind, const JsonValue& object, bool whole, Report& report) {
  const kube::FieldPath root;
  const auto path = root.child("spec");
  const JsonValue* spec = base::find(object, "spec");
  if (spec == nullptr) {
    report.rule = &rule("schema-required");
    report.at(path, nullptr, {"spec"});
    return;
  }
  if (whole || !spec->IsObject()) check_schema(*api::schema_of(kind).property("spec"), *spec, path, report);
}

void judge_service(const JsonValue& object, const Site& site, Report& report) {
  const Service service(object, site);
  const bool ours = service.router || service.runtime.empty() || service.runtime == "llamacpp";
  check_spec(api::Kind::inference_service, object, ours, report);
  check_service_schema(service, object, report);
  if (base::find(object, "spec") == nullptr) return;
  for (const auto& row : table()) {
    if (row.judge_service == nullptr || !covers(row.scope, service)) continue;
    report.rule = &row;
    row.judge_service(service, report);
  }
}

void judge_model(const JsonValue& object, Report& report) {
  check_spec(api::Kind::model, object, true, report);
  const ModelObject model(object);
  for (const auto& row : table()) {
    if (row.judge_model == nullptr) continue;
    report.rule = &row;
    row.judge_model(model, report);
  }
}

bool is_schema_finding(const Finding& finding) { return finding.rule.starts_with("schema-"); }

/// The paths of which a path is a part: "a", "a.b" and "a.b[1]" for "a.b[1].c".
template <class Visit>
bool any_parent(std::string_view path, const Visit& visit) {
  for (std::size_t i = 1; i <= path.size(); ++i) {
    const bool ends_here = i == path.size() || path[i] == '.' || path[i] == '[';
    if (ends_here && visit(path.substr(0, i))) return true;
  }
  return false;
}

/// Where the schema is broken, the other rules have read something that is not there. What is in a list that is too
/// long is there all the same.
void drop_consequences(std::vector<Finding>& findings) {
  std::unordered_set<std::string> broken;
  for (const auto& finding : findings) {
    if (is_schema_finding(finding) && finding.rule != "schema-many") broken.insert(finding.path);
  }
  if (broken.empty()) return;
  std::erase_if(findings, [&](const Finding& finding) {
    return !is_schema_finding(finding) &&
           any_parent(finding.path, [&](std::string_view parent) { return broken.contains(std::string(parent)); });
  });
}

/// By path, "models[2]" before "models[10]".
bool before(std::string_view a, std::string_view b) {
  const auto digits = [](std::string_view text) { return std::min(text.find_first_not_of("0123456789"), text.size()); };
  while (!a.empty() && !b.empty()) {
    const auto a_digits = digits(a);
    const auto b_digits = digits(b);
    if (a_digits > 0 && b_digits > 0) {
      const auto a_number = a.substr(0, a_digits);
      const auto b_number = b.substr(0, b_digits);
      if (a_number != b_number) return a_digits != b_digits ? a_digits < b_digits : a_number < b_number;
      a.remove_prefix(a_digits);
      b.remove_prefix(b_digits);
    } else if (a.front() != b.front()) {
      return a.front() < b.front();
    } else {
      a.remove_prefix(1);
      b.remove_prefix(1);
    }
  }
  return a.size() < b.size();
}

void put_in_order(std::vector<Finding>& findings) {
  std::ranges::stable_sort(findings, [](const Finding& a, const Finding& b) {
    return a.path == b.path ? a.severity < b.severity : before(a.path, b.path);
  });
  const auto repeated = std::ranges::unique(
      findings, [](const Finding& a, const Finding& b) { return a.path == b.path && a.message == b.message; });
  findings.erase(repeated.begin(), repeated.end());
}

void not_of_this_api(const JsonValue& object, Report& report) {
  const kube::FieldPath root;
  report.rule = &rule("schema-type");
  if (!object.IsObject()) {
    report.at(root, &object, {"an object", "something else"});
    return;
  }
  report.rule = &rule("schema-choice");
  report.at(root.child("kind"), base::find(object, "kind"), {"InferenceService, Model", ""});
}

}  // namespace

std::vector<Finding> validate(const base::JsonValue& object, const Site& site) {
  std::vector<Finding> out;
  Report report(out);
  const auto kind = api::kind_of(base::as_string(base::find(object, "kind")).value_or(""));
  if (!kind) {
    not_of_this_api(object, report);
  } else if (*kind == api::Kind::model) {
    judge_model(object, report);
  } else {
    judge_service(object, site, report);
  }
  drop_consequences(out);
  put_in_order(out);
  const auto error = std::ranges::find(out, Severity::error, &Finding::severity);
  if (error != out.end()) error->unlisted = report.unlisted_errors();
  return out;
}

}  // namespace rules
