#include "reconciler/pod/fetch/stream_count.hpp"

#include <algorithm>

namespace fetch {
namespace {

constexpr std::chrono::microseconds kShort{2'000};
constexpr std::chrono::microseconds kLong{15'000};
constexpr double kWorthIt = 1.10;
/// A new connection needs this long until its rate says something; then as long again to measure.
constexpr std::chrono::milliseconds kSettle{700};
constexpr std::chrono::milliseconds kMeasure{700};

}  // namespace

void StreamCount::round_trip(std::chrono::microseconds time) {
  if (long_link_ || window_begin_) return;
  if (time < kShort) return;
  long_link_ = true;
  wanted_ = std::min(most_, time < kLong ? 4U : 8U);
}

void StreamCount::observe(std::uint64_t bytes, base::SteadyTime now) {
  if (settled_ || wanted_ > most_) return;
  if (!window_begin_) {
    window_begin_ = now + kSettle;
    return;
  }
  if (now < *window_begin_) {
    window_bytes_ = bytes;
    return;
  }
  const auto passed = now - *window_begin_;
  if (passed < kMeasure) return;
  const double seconds = std::chrono::duration<double>(passed).count();
  judge(static_cast<double>(bytes - window_bytes_) / seconds, now);
  window_begin_ = now + kSettle;
  window_bytes_ = bytes;
}

void StreamCount::judge(double rate, base::SteadyTime /*now*/) {
  const bool first = count_before_ == 0;
  if (!first && rate < rate_before_ * kWorthIt) {
    wanted_ = count_before_;
    settled_ = true;
    return;
  }
  rate_before_ = rate;
  count_before_ = wanted_;
  if (wanted_ >= most_) {
    settled_ = true;
    return;
  }
  wanted_ = std::min(most_, wanted_ * 2);
}

void StreamCount::refused() {
  wanted_ = std::max(1U, wanted_ / 2);
  settled_ = true;
}

}  // namespace fetch
