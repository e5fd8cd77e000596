#include "reconciler/pod/agent/statistics.hpp"

#include <chrono>

namespace agent {

std::span<const base::MetricInfo> metric_rows() {
  using enum base::MetricType;
  static const std::vector<base::MetricInfo> rows{
      {"router_agent_llama_server_up", gauge, "1 when llama-server answers.", {}, {}},
      {"router_agent_ready", gauge, "1 when /readyz answers 200.", {}, {}},
      {"router_agent_model_resident", gauge, "1 for each model that is loaded or sleeping.", {"model"}, {}},
      {"router_agent_swaps_total", counter, "Models loaded in the place of another one.", {}, {}},
      {"router_agent_load_seconds",
       histogram,
       "Seconds from the start of a load to the model being loaded.",
       {"model"},
       {0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600}},
      {"router_agent_load_failures_total", counter, "Loads that failed.", {"model"}, {}},
      {"router_agent_model_crashes_total",
       counter,
       "Loaded models whose process ended by itself or had to be killed.",
       {"model"},
       {}},
      {"router_agent_preset_reloads_total",
       counter,
       "Reloads of the preset, by result: taken or refused.",
       {"result"},
       {}},
      {"router_agent_gate_requests_total",
       counter,
       "Requests for a model at the gate, by result: admitted, waited_too_long, draining, load_failed; tried_again: "
       "admitted, and again.",
       {"model", "result"},
       {}},
      {"router_agent_gate_wait_seconds",
       histogram,
       "Seconds that a request waited at the gate.",
       {"model"},
       {0.001, 0.01, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600}},
      {"router_agent_gate_waiting", gauge, "Requests that wait at the gate.", {"model"}, {}},
      {"router_agent_gate_in_flight", gauge, "Requests that the gate let in and that have not ended.", {}, {}},
      {"router_agent_gate_swaps_total", counter, "Places that the gate gave to another model.", {}, {}},
      {"router_agent_gate_drains_total", counter, "Turns that the gate ended because others waited.", {}, {}},
  };
  return rows;
}

void Statistics::heard(const ModelEvent& event) {
  if (event.model.empty()) return;
  const std::lock_guard lock(mutex_);
  changed(event.model, models_[event.model], event.state, event.exit_code);
}

void Statistics::heard(const Listing& listing) {
  const std::lock_guard lock(mutex_);
  for (const auto& listed : listing)
    changed(listed.name, models_[listed.name], listed.state, listed.failed ? listed.exit_code : 0);
}

void Statistics::forget() {
  const std::lock_guard lock(mutex_);
  models_.clear();
  last_loaded_.clear();
  unloaded_since_ = false;
}

void Statistics::changed(const std::string& name, Model& model, ServerState state, int exit_code) {
  if (model.state == state) return;
  const auto before = std::exchange(model.state, state);
  switch (state) {
    case ServerState::loading:
      model.waking = before == ServerState::sleeping;
      model.loading_since = clock_.steady();
      return;
    case ServerState::sleeping:
      return;
    case ServerState::loaded:
      if (before == ServerState::sleeping || model.waking) return;
      if (before == ServerState::loading) {
        const std::chrono::duration<double> took = clock_.steady() - model.loading_since;
        table_.observe("router_agent_load_seconds", {name}, took.count());
      }
      if (unloaded_since_ && !last_loaded_.empty() && last_loaded_ != name) table_.add("router_agent_swaps_total");
      last_loaded_ = name;
      unloaded_since_ = false;
      return;
    case ServerState::unloaded:
      if (before == ServerState::loading && !model.waking) {
        if (exit_code != 0) table_.add("router_agent_load_failures_total", {name});
        return;
      }
      unloaded_since_ = true;
      if (exit_code != 0) table_.add("router_agent_model_crashes_total", {name});
  }
}

}  // namespace agent
