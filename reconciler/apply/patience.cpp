#include "reconciler/apply/patience.hpp"

#include <algorithm>

namespace reconciler {

using std::chrono::milliseconds;

std::optional<milliseconds> Patience::wait(const Key& key, std::uint64_t mark) {
  const std::lock_guard lock(mutex_);
  const auto now = clock_.steady();
  const auto [found, is_new] = entries_.try_emplace(key, Entry{mark, now, now});
  Entry& entry = found->second;
  if (entry.mark != mark) {
    entry.mark = mark;
    entry.same_since = now;
  }
  const auto due = std::min(entry.same_since + timing_.quiet, entry.first + timing_.longest);
  if (now >= due) return std::nullopt;
  return std::chrono::ceil<milliseconds>(due - now);
}

void Patience::settled(const Key& key) {
  const std::lock_guard lock(mutex_);
  entries_.erase(key);
}

}  // namespace reconciler
