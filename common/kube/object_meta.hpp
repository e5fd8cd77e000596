#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "common/base/json.hpp"

namespace kube {

/// The part of metav1.ObjectMeta that decisions rest on, and no more: thousands are kept, and an annotation of kubectl
/// holds the whole object once again. What is absent, or has an odd type, is empty or 0.
struct ObjectMeta {
  std::string name;
  std::string name_space;
  std::string uid;
  std::string resource_version;
  std::int64_t generation = 0;
  bool operator==(const ObjectMeta&) const = default;
};

/// Reads `object.metadata`.
[[nodiscard]] ObjectMeta decode_object_meta(const base::JsonValue& object);

/// A JSON object of strings as a map; members of other types are left out.
[[nodiscard]] std::map<std::string, std::string> decode_string_map(const base::JsonValue* value);

}  // namespace kube
