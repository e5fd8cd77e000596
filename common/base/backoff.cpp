#include "common/base/backoff.hpp"

#include <algorithm>
#include <random>

namespace base {

Backoff::Backoff(std::chrono::milliseconds initial, std::chrono::milliseconds longest, std::uint64_t seed)
    : initial_(initial), longest_(longest), state_(seed != 0 ? seed : std::random_device{}()) {}

std::chrono::milliseconds Backoff::next() {
  // splitmix64: a few well-mixed bits are all that jitter needs.
  std::uint64_t mixed = (state_ += 0x9e3779b97f4a7c15U);
  mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
  mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
  mixed ^= mixed >> 31U;

  const unsigned doublings = std::min(failures_, 30U);
  ++failures_;
  const auto delay = std::min<std::int64_t>(initial_.count() << doublings, longest_.count());
  const auto half = delay / 2;
  return std::chrono::milliseconds{delay - half +
                                   static_cast<std::int64_t>(mixed % static_cast<std::uint64_t>(half + 1))};
}

}  // namespace base
