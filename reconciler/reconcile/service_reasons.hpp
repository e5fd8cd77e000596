#pragma once
#include <span>
#include <string_view>

namespace reconciler {

/// Phases are LLMKube's words only.
enum class Phase { pending, creating, progressing, ready, waiting_for_gpu, stopped, suspended, failed };
[[nodiscard]] std::string_view to_string(Phase phase);

/// One row of docs/status.md: what can keep a service from being Ready. Rows stand in the order in which they are
/// named: the first that holds is the reason of condition Ready, the first that degrades that of Degraded.
struct ServiceReason {
  std::string_view reason;
  /// The phase while no replica is ready.
  Phase phase;
  /// Somebody has to act; else it resolves by itself.
  bool degrades;
  /// Ready is False while it holds.
  bool blocks;
  std::string_view meaning;
};
[[nodiscard]] std::span<const ServiceReason> service_reasons();

/// The row; the name must be one.
[[nodiscard]] const ServiceReason& service_reason(std::string_view reason);

/// One row of docs/status.md: a condition of an InferenceService.
struct ConditionInfo {
  std::string_view type;
  std::string_view meaning;
};
[[nodiscard]] std::span<const ConditionInfo> conditions();

/// One row of docs/status.md: an Event of a transition. What turns Degraded true is an Event of that reason as well.
struct EventInfo {
  std::string_view reason;
  bool warning;
  std::string_view meaning;
};
[[nodiscard]] std::span<const EventInfo> events();
/// Whether it is of type Warning; every reason that is no row is one.
[[nodiscard]] bool is_warning(std::string_view event);

}  // namespace reconciler
