#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "common/api/crd.hpp"
#include "common/rules/validate.hpp"

namespace rules {

/// One entry of a Status's `details.causes`.
struct Cause {
  /// "FieldValueInvalid".
  std::string reason;
  /// "spec.models[2].name".
  std::string field;
  /// `Invalid value: "a.b": ...; ...`.
  std::string message;

  bool operator==(const Cause&) const = default;
};

/// What a 422 Invalid answer says: kubectl prints the causes, other clients the message; both are complete.
struct Denial {
  /// The object's kind as `details.kind`.
  std::string kind;
  std::string group{api::kGroup};
  std::string name;
  std::string message;
  std::vector<Cause> causes;

  bool operator==(const Denial&) const = default;
};

/// More than this many mistakes are counted, not listed.
inline constexpr std::size_t kMaxCauses = 100;

/// From the errors among `findings`; `kind` and `name` are the object's.
[[nodiscard]] Denial make_denial(std::string_view kind, std::string_view name, const std::vector<Finding>& findings);

/// The warnings as the API server takes them: at most 120 characters each and 4,096 in all, the first of each
/// rule before those that repeat it; a last line counts those that had no room.
[[nodiscard]] std::vector<std::string> make_warnings(const std::vector<Finding>& findings);

}  // namespace rules
