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
  if (asked_) return;
  asked_ = true;
  if (time < kShort) return;
  wanted_ = std::min(most_, time < kLong ? 4U : 8U);
}

void StreamCount::observe(std::uint64_t bytes, base::SteadyTime now) {
  if (settled_ || bytes == 0) return;  // the wait for the first byte says nothing of the rate
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
  judge(static_cast<double>(bytes - window_bytes_) / seconds);
  window_begin_ = now + kSettle;
  window_bytes_ = bytes;
}

void StreamCount::judge(double rate) {
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
