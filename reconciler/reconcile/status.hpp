#pragma once
#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.hpp"
#include "reconciler/reconcile/diagnosis.hpp"
#include "reconciler/reconcile/plan.hpp"
#include "reconciler/reconcile/reconcile.hpp"

namespace reconciler {

/// Asks for another pass after this time, or sooner if one is asked for already.
void look_again(Decision& decision, std::chrono::milliseconds after);

/// Whether the status comes before all else: a name leaves it. While the agent of a ready Pod has not been asked yet,
/// nothing will be written: it is asked at once.
void decide_order(const Plan& plan, const Diagnosis& diagnosis, Decision& decision);

/// Writes the status that follows from plan and diagnosis into the decision, with the events of its transitions; leaves
/// both out when the status says it already. Samples (`bytesDone`, `loaded`) alone are written at most every 10 s.
/// `decide_order` comes before it.
void decide_status(const Plan& plan, const Diagnosis& diagnosis, base::WallTime now, Decision& decision);

/// The status of a service that breaks rules: what runs is left running, and said to be wrong.
void decide_invalid_status(const Observed& observed, base::WallTime now, Decision& decision);

/// The status of a service that a finalizer keeps: written only when names end that it advertises.
void decide_deleting_status(const Observed& observed, base::WallTime now, Decision& decision);

// Parts that the status of a Model is made of as well.

/// One condition as it should be.
struct Condition {
  std::string_view type;
  bool status = false;
  std::string reason;
  std::string message;
};

/// metav1.Condition list: `lastTransitionTime` is the previous one unless the status turned.
[[nodiscard]] nlohmann::json render_conditions(const std::vector<Condition>& conditions, const nlohmann::json& previous,
                                               std::int64_t generation, base::WallTime now);

/// Whether `previous` says all of `wanted`: each of `fields` equal or absent in both, and conditions of `types`
/// likewise. What other managers added counts for nothing.
[[nodiscard]] bool says_already(const nlohmann::json& previous, const nlohmann::json& wanted,
                                const std::vector<std::string_view>& fields,
                                const std::vector<std::string_view>& types);

/// `status` of an object as it stands; an empty object when the text is none.
[[nodiscard]] nlohmann::json parse_status(const std::string& text);

/// Equal for statuses that differ in their times alone.
[[nodiscard]] std::uint64_t mark_of(nlohmann::json status);

/// The body of a server-side apply to the status subresource; null takes back all that was applied.
[[nodiscard]] std::string status_body(std::string_view kind, const ObjectMeta& meta, const nlohmann::json& status);

}  // namespace reconciler
