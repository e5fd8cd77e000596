#include <algorithm>
#include <array>

#include "common/rules/validate.hpp"

namespace rules {
namespace {

struct ReasonWords {
  std::string_view name;
  std::string_view head;
};

/// In the order of Reason. Source: k8s.io/apimachinery/pkg/util/validation/field/errors.go.
constexpr std::array<ReasonWords, 8> kReasons{{
    {"FieldValueInvalid", "Invalid value"},
    {"FieldValueRequired", "Required value"},
    {"FieldValueForbidden", "Forbidden"},
    {"FieldValueDuplicate", "Duplicate value"},
    {"FieldValueNotSupported", "Unsupported value"},
    {"FieldValueTypeInvalid", "Invalid value"},
    {"FieldValueTooLong", "Too long"},
    {"FieldValueTooMany", "Too many"},
}};

const ReasonWords& words(Reason reason) { return kReasons[static_cast<std::size_t>(reason)]; }

}  // namespace

std::string_view to_string(Severity severity) { return severity == Severity::error ? "error" : "warning"; }
std::string_view to_string(Reason reason) { return words(reason).name; }
std::string_view message_head(Reason reason) { return words(reason).head; }

std::string Finding::detail() const {
  std::string out(message_head(reason));
  if (!value.empty()) out += ": " + value;
  out += ": " + message;
  if (!fix.empty()) out += "; " + fix;
  return out;
}

std::string Finding::text() const { return path.empty() ? detail() : path + ": " + detail(); }

bool has_errors(const std::vector<Finding>& findings) {
  return std::ranges::any_of(findings, [](const Finding& finding) { return finding.severity == Severity::error; });
}

std::vector<std::string> error_lines(const std::vector<Finding>& findings) {
  std::vector<std::string> out;
  for (const auto& finding : findings) {
    if (finding.severity == Severity::error) out.push_back(finding.text());
  }
  return out;
}

bool spec_unchanged(const base::JsonValue& old_object, const base::JsonValue& new_object) {
  const base::JsonValue* before = base::find(old_object, "spec");
  const base::JsonValue* after = base::find(new_object, "spec");
  if (before == nullptr || after == nullptr) return before == after;
  return base::same_value(*before, *after);
}

}  // namespace rules
