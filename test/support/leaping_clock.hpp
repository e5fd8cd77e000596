#pragma once
#include <atomic>

#include "common/base/clock.hpp"

namespace test {

/// The machine's clocks, ahead of them by what a test has leapt: an hour passes
/// in no time, and what takes long by the clock cannot pass unasked while a
/// busy machine puts the test aside. Thread-safe.
class LeapingClock final : public base::Clock {
 public:
  [[nodiscard]] base::WallTime wall() const override {
    return std::chrono::system_clock::now() + std::chrono::duration_cast<base::WallTime::duration>(ahead_.load());
  }
  [[nodiscard]] base::SteadyTime steady() const override { return std::chrono::steady_clock::now() + ahead_.load(); }
  void leap(std::chrono::nanoseconds by) { ahead_ = ahead_.load() + by; }

 private:
  std::atomic<std::chrono::nanoseconds> ahead_{};
};

}  // namespace test
