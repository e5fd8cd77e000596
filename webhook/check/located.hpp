#pragma once
#include <string>
#include <string_view>

#include "common/rules/validate.hpp"
#include "webhook/check/node.hpp"

namespace webhook {

/// One object of a file.
struct CheckedObject {
  std::string file;
  /// The object itself; lives in the file's documents.
  const Node* node = nullptr;
  std::string kind;
  std::string name_space;
  std::string name;
};

/// "InferenceService multi".
[[nodiscard]] std::string name_of(const CheckedObject& object);

/// A finding and where it stands.
struct LocatedFinding {
  std::string file;
  Mark mark;
  rules::Finding finding;
  /// The object's name; empty for what is wrong with the file itself.
  std::string object;
};

/// The place of a path in an object: of the value, else of the nearest thing above it that is there (its key, which
/// says more than the value's first line).
[[nodiscard]] Mark locate(const Node& object, std::string_view path);
/// A finding about an object, at the place of its path.
[[nodiscard]] LocatedFinding locate(const CheckedObject& object, rules::Finding finding);

}  // namespace webhook
