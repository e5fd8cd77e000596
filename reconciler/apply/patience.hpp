#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>

#include "common/base/clock.hpp"
#include "reconciler/queue/key.hpp"

namespace reconciler {

/// Makes one write of changes that follow each other closely, as they do while objects come up: what may wait is
/// written once it has said the same for a moment, or has waited long enough. Thread-safe.
class Patience {
 public:
  struct Timing {
    /// For so long it must have said the same.
    std::chrono::milliseconds quiet{1000};
    /// No later than this after the first change that was not written.
    std::chrono::milliseconds longest{5000};
  };
  Patience(const base::Clock& clock, Timing timing) : clock_(clock), timing_(timing) {}

  /// How much longer it must wait; nothing: it is time. `mark` is equal for what says the same.
  [[nodiscard]] std::optional<std::chrono::milliseconds> wait(const Key& key, std::uint64_t mark);
  /// It was written, or there is nothing to write any more.
  void settled(const Key& key);

 private:
  struct Entry {
    std::uint64_t mark = 0;
    base::SteadyTime first{};
    base::SteadyTime same_since{};
  };

  const base::Clock& clock_;
  const Timing timing_;
  std::mutex mutex_;  // guards all below
  std::map<Key, Entry> entries_;
};

}  // namespace reconciler
