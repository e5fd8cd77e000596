#pragma once
#include <compare>
#include <cstdint>
#include <string>

namespace reconciler {

/// What a pass of the reconciler is about.
struct Key {
  enum class Kind : std::uint8_t { service, model };
  Kind kind = Kind::service;
  std::string namespace_;
  std::string name;

  auto operator<=>(const Key&) const = default;
  /// "edge/multi"
  [[nodiscard]] std::string to_string() const { return namespace_ + "/" + name; }
};

}  // namespace reconciler
