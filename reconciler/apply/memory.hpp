#pragma once
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "common/base/clock.hpp"
#include "common/base/rare.hpp"
#include "reconciler/cache/ownership.hpp"
#include "reconciler/cache/resource.hpp"
#include "reconciler/reconcile/observed.hpp"

namespace reconciler {

/// One child, by where it is.
struct ChildKey {
  Resource resource;
  std::string namespace_;
  std::string name;
  auto operator<=>(const ChildKey&) const = default;
};

/// What was last applied to each child, and what came of it: how a converged cluster sees no calls at all, and how a
/// refusal is not repeated until something changes. Only an optimisation: once forgotten (a restart), a child is looked
/// at anew (`content_of_ours`), and applied once more where that does not tell. Thread-safe.
class ApplyMemory {
 public:
  /// A refusal by an object that the watch does not show, for want of our label, is tried again after this time.
  static constexpr std::chrono::seconds kBlindRetry{60};

  explicit ApplyMemory(const base::Clock& clock) : clock_(clock) {}

  enum class Verdict {
    /// It is as we left it, or our write has not come back yet.
    settled,
    /// It is not there, is not ours as it should be, or was never seen to.
    apply,
    /// It was refused, and nothing changed since.
    refused,
  };
  [[nodiscard]] Verdict judge(const ChildKey& child, std::string_view body,
                              const std::optional<LiveObject>& live) const;

  /// Whether our fields were in force once, so that a conflict now is somebody's edit.
  [[nodiscard]] bool was_applied(const ChildKey& child) const;
  /// Takes one of the few times that an edit may be overruled: 3 within 10 minutes, then it is a conflict.
  [[nodiscard]] bool may_reclaim(const ChildKey& child);

  void applied(const ChildKey& child, std::string_view body, const LiveObject& result);
  /// `live`: the state that was there when it was refused.
  void refused(const ChildKey& child, std::string_view body, const std::optional<LiveObject>& live,
               ApplyProblem problem);
  [[nodiscard]] std::optional<ApplyProblem> problem(const ChildKey& child) const;
  /// It vanished: what was applied to it counts no more.
  void forget(const ChildKey& child);
  /// Of all of them.
  void forget();

 private:
  struct Entry {
    std::uint64_t body = 0;
    /// Hash of the object's; 0: it was never in force.
    std::uint64_t uid = 0;
    std::string resource_version;
    std::uint64_t ours = 0;
    base::SteadyTime at{};
    base::Rare<ApplyProblem> problem;
    /// Of the object that refused: it has to change before another try.
    std::uint64_t refused_state = 0;
  };

  const base::Clock& clock_;
  mutable std::mutex mutex_;  // guards all below
  std::map<ChildKey, Entry> entries_;
  std::map<ChildKey, std::deque<base::SteadyTime>> reclaims_;
};

}  // namespace reconciler
