#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "common/base/json.hpp"

namespace kube {

/// A UID that is only ever compared, as its hash: many are kept, and the text takes ten times as much.
class UidMark {
 public:
  UidMark() = default;
  UidMark(std::string_view uid)
      : hash_(uid.empty() ? 0 : std::hash<std::string_view>{}(uid)) {}  // NOLINT(*-explicit-*)
  UidMark(const std::string& uid) : UidMark(std::string_view(uid)) {}   // NOLINT(*-explicit-*)
  UidMark(const char* uid) : UidMark(std::string_view(uid)) {}          // NOLINT(*-explicit-*)
  [[nodiscard]] bool empty() const { return hash_ == 0; }
  bool operator==(const UidMark&) const = default;

 private:
  std::size_t hash_ = 0;
};

/// The part of metav1.ObjectMeta that decisions rest on, and no more: thousands are kept, and an annotation of kubectl
/// holds the whole object once again. What is absent, or has an odd type, is empty or 0.
struct ObjectMeta {
  std::string name;
  std::string namespace_;
  std::string uid;
  std::string resource_version;
  std::int64_t generation = 0;
  /// It has a deletionTimestamp.
  bool deleting = false;
  /// UID of the owner that is its controller, or of the only owner; empty when it has none.
  UidMark owner_uid;
  bool operator==(const ObjectMeta&) const = default;
};

/// Reads `object.metadata`.
[[nodiscard]] ObjectMeta decode_object_meta(const base::JsonValue& object);

/// A JSON object of strings as a map; members of other types are left out.
[[nodiscard]] std::map<std::string, std::string> decode_string_map(const base::JsonValue* value);

}  // namespace kube
