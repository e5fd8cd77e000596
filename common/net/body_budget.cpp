#include "common/net/body_budget.hpp"

#include <algorithm>

namespace net {

std::size_t BodyBudget::cost(std::size_t bytes) const { return bytes <= kSmall ? 0 : std::min(bytes, total_); }

bool BodyBudget::take(std::size_t bytes, std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto price = cost(bytes);
  if (price <= free_) {
    free_ -= price;
    return true;
  }
  line_.emplace(bytes, id);
  return false;
}

void BodyBudget::give_back(std::size_t bytes, const std::function<void(std::uint64_t id)>& wake) {
  Line waiting;
  {
    const std::lock_guard lock(mutex_);
    const auto price = cost(bytes);
    if (price == 0) return;
    free_ += price;
    // All of them try again, in this order; who fails stands in line again.
    waiting.swap(line_);
  }
  for (const auto& [size, id] : waiting) wake(id);
}

}  // namespace net
