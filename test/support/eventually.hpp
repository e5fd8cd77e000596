#pragma once
#include <chrono>
#include <functional>
#include <thread>

namespace test {

/// A busy machine may put any thread aside for seconds. What takes milliseconds
/// is waited for this long, and what would come late by a fault comes later
/// still, or never: so it tells the two apart everywhere.
inline constexpr std::chrono::seconds kPatience{60};

/// Whether the condition becomes true.
[[nodiscard]] inline bool eventually(const std::function<bool()>& condition,
                                     std::chrono::milliseconds limit = kPatience) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  return true;
}

}  // namespace test
