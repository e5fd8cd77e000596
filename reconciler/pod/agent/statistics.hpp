#pragma once
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>

#include "common/base/clock.hpp"
#include "common/base/metrics.hpp"
#include "reconciler/pod/agent/listing.hpp"

namespace agent {

/// The agent's own metrics, by name (docs/metrics.md is made from these rows).
[[nodiscard]] std::span<const base::MetricInfo> metric_rows();

/// Counts loads, swaps, failed loads and crashes from what llama-server says of its models, whichever way it is heard:
/// hearing the same thing twice counts it once. Thread-safe.
class Statistics {
 public:
  Statistics(base::MetricTable& table, const base::Clock& clock) : table_(table), clock_(clock) {}

  /// A line of the event stream.
  void heard(const ModelEvent& event);
  /// A listing, when the event stream is not followed.
  void heard(const Listing& listing);
  /// llama-server went away.
  void forget();

 private:
  struct Model {
    ServerState state = ServerState::unloaded;
    bool waking = false;
    base::SteadyTime loading_since;
  };
  void changed(const std::string& name, Model& model, ServerState state, int exit_code);

  base::MetricTable& table_;
  const base::Clock& clock_;
  std::mutex mutex_;  // guards all below
  std::map<std::string, Model, std::less<>> models_;
  std::string last_loaded_;
  bool unloaded_since_ = false;
};

}  // namespace agent
