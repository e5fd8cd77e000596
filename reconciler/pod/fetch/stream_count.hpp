#pragma once
#include <chrono>
#include <cstdint>
#include <optional>

#include "common/base/clock.hpp"

namespace fetch {

/// How many ranges to ask for at once, by measuring. Pure: told what happened, it gives a number.
///
/// One stream fills a short link, and more only cost; a long link is limited by the window of each connection. So the
/// start depends on the round trip, and from there the number is doubled as long as that brings a tenth more; a step
/// that did not help is taken back. A host that says "too many" gets half, and no more growth.
class StreamCount {
 public:
  explicit StreamCount(unsigned most) : most_(most == 0 ? 1 : most) {}

  [[nodiscard]] unsigned wanted() const { return wanted_; }
  /// The time that a connection took to the host: tells a long link from a short one. The first call counts.
  void round_trip(std::chrono::microseconds time);
  /// The sum of bytes received so far; call it several times a second.
  void observe(std::uint64_t bytes, base::SteadyTime now);
  /// The host answered 429 or 503, or closed a further connection.
  void refused();

 private:
  void judge(double rate);

  unsigned most_;
  unsigned wanted_ = 1;
  bool settled_ = false;
  bool asked_ = false;  // the round trip is known
  std::optional<base::SteadyTime> window_begin_;
  std::uint64_t window_bytes_ = 0;
  double rate_before_ = 0;  // of the last number that was kept
  unsigned count_before_ = 0;
};

}  // namespace fetch
