#pragma once
#include <chrono>
#include <cstdint>

namespace base {

/// Exponential backoff with full jitter on the upper half: the n-th delay lies in [d/2, d] with d = initial * 2^n, at
/// most `longest`. Not thread-safe; a seed makes it repeatable.
class Backoff {
 public:
  Backoff(std::chrono::milliseconds initial, std::chrono::milliseconds longest, std::uint64_t seed = 0);

  /// The delay before the next try; each call doubles the one after it.
  [[nodiscard]] std::chrono::milliseconds next();
  /// After a success: the next delay is the first again.
  void reset() { failures_ = 0; }
  [[nodiscard]] unsigned failures() const { return failures_; }

 private:
  std::chrono::milliseconds initial_;
  std::chrono::milliseconds longest_;
  std::uint64_t state_;
  unsigned failures_ = 0;
};

}  // namespace base
