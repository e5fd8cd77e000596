#pragma once
#include <string>
#include <vector>

#include "common/base/json.hpp"

namespace rules {

/// One operation of a JSON Patch; always "add" of a key that was not there.
struct PatchOperation {
  /// RFC 6901 pointer: "/spec/router".
  std::string path;
  /// JSON text.
  std::string value;

  bool operator==(const PatchOperation&) const = default;
};

/// The defaults that an object lacks, as new map keys only: never inside a list item, never over a value of the user.
/// Applied once, a second call gives none. Any object of any shape; where a type is wrong, nothing is added.
[[nodiscard]] std::vector<PatchOperation> set_defaults(const base::JsonValue& object);

/// The operations as a JSON Patch document; empty text for no operations.
[[nodiscard]] std::string to_json_patch(const std::vector<PatchOperation>& operations);

}  // namespace rules
