#pragma once
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.hpp"

namespace agent {

/// Who decides when a request may go to llama-server.
enum class Policy {
  /// The gate: every model gets its turn, a swap happens with nothing in flight.
  fair,
  /// Nobody: the gate passes everything straight through.
  direct,
};

/// `spec.router.scheduling`.
struct Scheduling {
  Policy policy = Policy::fair;
  /// A model with work stays at least so long before another takes its place.
  std::chrono::milliseconds min_residency{5'000};
  /// A model with work stays at most so long while others wait.
  std::chrono::milliseconds max_turn{30'000};
  /// A request that waits longer is answered 503.
  std::chrono::milliseconds max_wait{600'000};
  /// Streams get 200 and comments while they wait, so that no proxy in between times out.
  bool loading_signal = false;
  bool operator==(const Scheduling&) const = default;
};

/// agent.json: what may change without a restart of the Pod. Rendered by the reconciler beside models.ini.
struct Config {
  /// Names of models to load at start, in this order.
  std::vector<std::string> preload;
  Scheduling scheduling;
  bool operator==(const Config&) const = default;
};

/// Reads agent.json. Absent keys mean their defaults, unknown keys are ignored (a newer reconciler may know more).
[[nodiscard]] base::Result<Config> parse_config(std::string_view text);

}  // namespace agent
