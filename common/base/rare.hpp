#pragma once
#include <memory>
#include <optional>
#include <utility>

namespace base {

/// A std::optional that takes one pointer while there is nothing in it: for what most objects of many lack.
template <class T>
class Rare {
 public:
  Rare() = default;
  Rare(std::nullopt_t) {}                                                             // NOLINT(*-explicit-*)
  Rare(T value) : value_(std::make_unique<T>(std::move(value))) {}                    // NOLINT(*-explicit-*)
  Rare(std::optional<T> value) : value_(value ? own(std::move(*value)) : nullptr) {}  // NOLINT(*-explicit-*)
  Rare(const Rare& other) : value_(other.value_ ? own(*other.value_) : nullptr) {}
  Rare(Rare&&) noexcept = default;
  Rare& operator=(Rare other) noexcept {
    value_ = std::move(other.value_);
    return *this;
  }
  ~Rare() = default;

  [[nodiscard]] bool has_value() const { return value_ != nullptr; }
  explicit operator bool() const { return has_value(); }
  const T& operator*() const { return *value_; }
  const T* operator->() const { return value_.get(); }
  T& operator*() { return *value_; }
  T* operator->() { return value_.get(); }
  void reset() { value_.reset(); }
  operator std::optional<T>() const {
    return value_ ? std::optional<T>(*value_) : std::nullopt;
  }  // NOLINT(*-explicit-*)

  bool operator==(const Rare& other) const {
    return value_ && other.value_ ? *value_ == *other.value_ : !value_ && !other.value_;
  }

 private:
  static std::unique_ptr<T> own(T value) { return std::make_unique<T>(std::move(value)); }
  std::unique_ptr<T> value_;
};

}  // namespace base
