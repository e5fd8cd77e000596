#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace base {

using WallTime = std::chrono::system_clock::time_point;
using SteadyTime = std::chrono::steady_clock::time_point;

/// Where time comes from. Everything that decides by time takes one, so that a test can turn the hands. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Calendar time, for timestamps that people read. May jump.
  [[nodiscard]] virtual WallTime wall() const = 0;
  /// Monotonic time, for intervals and deadlines.
  [[nodiscard]] virtual SteadyTime steady() const = 0;
};

/// The machine's clocks.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] WallTime wall() const override { return std::chrono::system_clock::now(); }
  [[nodiscard]] SteadyTime steady() const override { return std::chrono::steady_clock::now(); }
};

/// A clock that moves only when told to, both hands together. Not thread-safe against `advance`.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(WallTime start = WallTime{std::chrono::seconds{1'700'000'000}}) : wall_(start) {}
  [[nodiscard]] WallTime wall() const override { return wall_; }
  [[nodiscard]] SteadyTime steady() const override { return steady_; }
  void advance(std::chrono::nanoseconds by) {
    wall_ += std::chrono::duration_cast<WallTime::duration>(by);
    steady_ += std::chrono::duration_cast<SteadyTime::duration>(by);
  }

 private:
  WallTime wall_;
  SteadyTime steady_{std::chrono::hours{1}};
};

/// The time so long after the Unix epoch; one outside the years 1970 to 2199 comes as the nearest in them: WallTime
/// ends in 2262, and within these years differences, and sums with half a century, hold too.
[[nodiscard]] WallTime to_wall_time(std::chrono::seconds since_epoch);

/// RFC 3339 in UTC with whole seconds, as metav1.Time writes it: "2026-11-24T20:12:54Z".
[[nodiscard]] std::string format_rfc3339(WallTime time);
/// RFC 3339 in UTC with six decimals, as metav1.MicroTime (Lease) writes it: "2026-11-24T20:12:54.000000Z".
[[nodiscard]] std::string format_rfc3339_micro(WallTime time);
/// Reads both forms above (any number of decimals, "Z" or a numeric offset), bounded as `to_wall_time` does; nothing
/// when it is not a time.
[[nodiscard]] std::optional<WallTime> parse_rfc3339(std::string_view text);

}  // namespace base
