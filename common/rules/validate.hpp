#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/json.hpp"

/// What may be applied: pure functions of an object. Every way to apply (both webhook endpoints, `webhook check`, the
/// reconciler without a webhook) asks these.
namespace rules {

enum class Severity { error, warning };
/// "error" or "warning".
[[nodiscard]] std::string_view to_string(Severity severity);

/// Kubernetes' words for the cause of a rejection (metav1.CauseType).
enum class Reason { invalid, required, forbidden, duplicate, not_supported, type_invalid, too_long, too_many };

/// "FieldValueInvalid", ...
[[nodiscard]] std::string_view to_string(Reason reason);
/// "Invalid value", "Required value", ...: how a message of the API server begins.
[[nodiscard]] std::string_view message_head(Reason reason);

/// One mistake, or one thing that will surprise.
struct Finding {
  Severity severity = Severity::error;
  /// The id of the rule (table.cpp): "model-name".
  std::string_view rule;
  /// "spec.models[2].name".
  std::string path;
  /// The value as JSON text, shortened; empty when the field is absent.
  std::string value;
  std::string message;
  /// What to write instead; empty when the message says it.
  std::string fix;
  Reason reason = Reason::invalid;
  /// How many more errors the object has that are not among the findings; stands on one of those that are.
  std::size_t unlisted = 0;

  /// `Invalid value: "x": message; fix`, as it stands in a cause's message.
  [[nodiscard]] std::string detail() const;
  /// `<path>: <detail>`: one line of a denial.
  [[nodiscard]] std::string text() const;

  bool operator==(const Finding&) const = default;
};

/// More errors, and more warnings, are counted alone: an object of a million mistakes must not cost a million answers.
inline constexpr std::size_t kMaxFindings = 1000;

/// What an admin chose for all services, as far as the rules must know it.
struct Site {
  /// The table of llama-server's flags may not hold for the image of a service that names none.
  bool other_build = false;
};

/// Judges an InferenceService or a Model of any shape: all mistakes at once (to kMaxFindings
/// of each severity), by path, each once.
/// Types, bounds, enums and patterns of the CRD's schema first; where a type is wrong, nothing else is said of that
/// value. Unknown fields are not judged (they never reach a webhook). Warnings are among the findings.
[[nodiscard]] std::vector<Finding> validate(const base::JsonValue& object, const Site& site = {});

/// Whether any finding is an error.
[[nodiscard]] bool has_errors(const std::vector<Finding>& findings);

/// The errors as lines `<path>: <detail>`, for a condition's message.
[[nodiscard]] std::vector<std::string> error_lines(const std::vector<Finding>& findings);

/// Whether an update leaves `spec` as it was: then it is always allowed. Key order counts for nothing.
[[nodiscard]] bool spec_unchanged(const base::JsonValue& old_object, const base::JsonValue& new_object);

}  // namespace rules
