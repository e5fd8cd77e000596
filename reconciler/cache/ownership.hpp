#pragma once
#include <cstdint>
#include <string>

#include "common/base/json.hpp"

namespace reconciler {

/// Who holds which fields of a live object, as hashes: enough to see that it changed. When somebody writes another
/// value into a field of ours, or removes it, the API server takes the field out of our entry in
/// `metadata.managedFields`, so `ours` changes; controllers that write status, or fields of their own, leave it alone.
struct Ownership {
  std::uint64_t ours = 0;
  std::uint64_t others = 0;
  bool operator==(const Ownership&) const = default;
};

[[nodiscard]] Ownership read_ownership(const base::JsonValue& object);

/// Hash of what of a live object is ours: the values of the fields that our entry in `metadata.managedFields` names,
/// wherever in the object they are; 0 when we have none. Equal to `content_to_apply` of a body when an apply of it
/// would change nothing: each of its fields is there, with this value, and ours, and we hold no other. What the API
/// server writes in another way than we do ("1000m", which becomes "1") makes them differ, and costs one apply.
[[nodiscard]] std::uint64_t content_of_ours(const base::JsonValue& object);
/// Of the body of a server-side apply: all but apiVersion, kind, name and namespace, which are nobody's fields.
[[nodiscard]] std::uint64_t content_to_apply(const base::JsonValue& body);

/// A child as it is, for whoever decides whether an apply is needed.
struct LiveObject {
  std::string uid;
  std::string resource_version;
  std::int64_t generation = 0;
  Ownership ownership;
  /// `content_of_ours`; 0 when it is not known: of what this process applied itself, which it remembers.
  std::uint64_t content = 0;
};

/// Whether `a` is an earlier state than `b`. ResourceVersions of one resource are numbers that rise (Kubernetes 1.35
/// states it; earlier ones keep to it); texts that are no numbers are never earlier.
[[nodiscard]] bool is_earlier(const std::string& a, const std::string& b);

}  // namespace reconciler
