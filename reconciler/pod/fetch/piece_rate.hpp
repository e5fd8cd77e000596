#pragma once
#include <cstdint>
#include <optional>

#include "common/base/clock.hpp"

namespace fetch {

/// How fast one range comes at present, and so when it will be there. Pure: told what happened.
///
/// The rate is that of the last one to two windows: a connection that has just begun is slow and gets faster with every
/// round trip, so its rate since its first byte says too little.
class PieceRate {
 public:
  using Duration = base::SteadyTime::duration;

  /// The first byte, at `position`, is about to come.
  void start(std::uint64_t position, base::SteadyTime now) { last_ = before_ = {position, now}; }
  /// All bytes before `position` are there.
  void observe(std::uint64_t position, base::SteadyTime now, Duration window);
  /// Seconds until all before `end` is there; nothing while it was observed for less than a window.
  [[nodiscard]] std::optional<double> seconds_until(std::uint64_t end, std::uint64_t position, base::SteadyTime now,
                                                    Duration window) const;

 private:
  struct Mark {
    std::uint64_t position = 0;
    base::SteadyTime time;
  };
  Mark before_;  // from one to two windows ago
  Mark last_;
};

}  // namespace fetch
