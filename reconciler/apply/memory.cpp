#include "reconciler/apply/memory.hpp"

#include <functional>

namespace reconciler {
namespace {

/// How long our own write may take to come back through the watch before we believe that the child is not there.
constexpr std::chrono::seconds kWatchLag{5};
constexpr std::size_t kReclaims = 3;
constexpr std::chrono::minutes kReclaimWindow{10};

std::uint64_t hash(std::string_view text) { return std::hash<std::string_view>{}(text); }

/// Changes when somebody changes what the object should be, not when its status does.
std::uint64_t state_of(const std::optional<LiveObject>& live) {
  if (!live) return 0;
  const std::string change = live->generation > 0 ? std::to_string(live->generation) : std::string{};
  return hash(live->uid + change) + live->ownership.others + 31 * live->ownership.ours + 1;
}

}  // namespace

ApplyMemory::Verdict ApplyMemory::judge(const ChildKey& child, std::string_view body,
                                        const std::optional<LiveObject>& live) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(child);
  if (found == entries_.end()) return Verdict::apply;
  const Entry& entry = found->second;
  if (entry.body != hash(body)) return Verdict::apply;
  if (entry.problem) {
    const bool is_blind_and_old = !live && clock_.steady() - entry.at >= kBlindRetry;
    return entry.refused_state == state_of(live) && !is_blind_and_old ? Verdict::refused : Verdict::apply;
  }
  if (!live) return clock_.steady() - entry.at < kWatchLag ? Verdict::settled : Verdict::apply;
  if (live->resource_version == entry.resource_version) return Verdict::settled;
  // Only a list brings what is older than our write: it crossed it, or the server was restored from a backup.
  if (is_earlier(live->resource_version, entry.resource_version)) return Verdict::apply;
  if (hash(live->uid) != entry.uid) return Verdict::apply;
  return live->ownership.ours == entry.ours ? Verdict::settled : Verdict::apply;
}

bool ApplyMemory::was_applied(const ChildKey& child) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(child);
  return found != entries_.end() && found->second.uid != 0;
}

bool ApplyMemory::may_reclaim(const ChildKey& child) {
  const std::lock_guard lock(mutex_);
  auto& times = reclaims_[child];
  const auto now = clock_.steady();
  while (!times.empty() && now - times.front() > kReclaimWindow) times.pop_front();
  if (times.size() >= kReclaims) return false;
  times.push_back(now);
  return true;
}

void ApplyMemory::applied(const ChildKey& child, std::string_view body, const LiveObject& result) {
  const std::lock_guard lock(mutex_);
  entries_[child] = Entry{hash(body),
                          result.uid.empty() ? 0 : hash(result.uid),
                          result.resource_version,
                          result.ownership.ours,
                          clock_.steady(),
                          std::nullopt,
                          0};
}

void ApplyMemory::refused(const ChildKey& child, std::string_view body, const std::optional<LiveObject>& live,
                          ApplyProblem problem) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[child];
  entry.body = hash(body);
  entry.problem = std::move(problem);
  entry.refused_state = state_of(live);
  entry.at = clock_.steady();
}

std::optional<ApplyProblem> ApplyMemory::problem(const ChildKey& child) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(child);
  if (found == entries_.end()) return std::nullopt;
  return found->second.problem;
}

void ApplyMemory::forget(const ChildKey& child) {
  const std::lock_guard lock(mutex_);
  entries_.erase(child);
}

void ApplyMemory::forget() {
  const std::lock_guard lock(mutex_);
  entries_.clear();
}

}  // namespace reconciler
