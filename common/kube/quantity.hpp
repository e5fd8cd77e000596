#pragma once
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/error.hpp"

namespace kube {

/// An exact amount as the API server understands it: "1", "500m", "1Gi", "1e3". The same texts are taken, the same are
/// refused, and two compare equal exactly when the API server says so (k8s.io/apimachinery/pkg/api/resource: values
/// that its fast path cannot hold are rounded up to nano, and binary ones are capped at 2^63-1).
class Quantity {
 public:
  /// Zero.
  Quantity() = default;

  [[nodiscard]] static base::Result<Quantity> parse(std::string_view text);

  [[nodiscard]] bool is_zero() const { return digits_.empty(); }
  [[nodiscard]] bool is_negative() const { return negative_; }
  /// Whether it is a whole number: what extended resources (GPUs) must be.
  [[nodiscard]] bool is_whole() const { return digits_.empty() || exponent_ >= 0; }
  /// The value when it is whole and fits.
  [[nodiscard]] std::optional<std::int64_t> to_int() const;
  /// The form in which the API server stores it: "1Gi", "1500m", "1e6".
  [[nodiscard]] std::string canonical() const;

  /// By value: "1" equals "1000m".
  bool operator==(const Quantity& other) const { return (*this <=> other) == 0; }
  std::strong_ordering operator<=>(const Quantity& other) const;

 private:
  enum class Format { decimal_si, binary_si, decimal_exponent };
  void normalize();
  void multiply_by_power_of_two(int power);
  void round_up_to(std::int64_t exponent);
  [[nodiscard]] std::strong_ordering compare_magnitude(const Quantity& other) const;
  [[nodiscard]] std::string canonical_decimal(Format format) const;
  [[nodiscard]] std::string canonical_binary() const;

  /// The value is digits_ * 10^exponent_ with its sign; digits_ has no zeros at either end and is empty for zero.
  bool negative_ = false;
  std::string digits_;
  std::int64_t exponent_ = 0;
  Format format_ = Format::decimal_si;
};

}  // namespace kube
