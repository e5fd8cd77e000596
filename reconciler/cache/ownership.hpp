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

/// A child as it is, for whoever decides whether an apply is needed.
struct LiveObject {
  std::string uid;
  std::string resource_version;
  std::int64_t generation = 0;
  Ownership ownership;
};

/// Whether `a` is an earlier state than `b`. ResourceVersions of one resource are numbers that rise (Kubernetes 1.35
/// states it; earlier ones keep to it); texts that are no numbers are never earlier.
[[nodiscard]] bool is_earlier(const std::string& a, const std::string& b);

}  // namespace reconciler
