#include "reconciler/pod/agent/gate/shared_scheduler.hpp"

#include <utility>

namespace agent {
namespace {

std::string_view result_name(Scheduler::Refusal refusal) {
  switch (refusal) {
    case Scheduler::Refusal::none:
      return "admitted";
    case Scheduler::Refusal::waited_too_long:
      return "waited_too_long";
    case Scheduler::Refusal::draining:
      return "draining";
    case Scheduler::Refusal::load_failed:
      return "load_failed";
  }
  return "admitted";
}

}  // namespace

void SharedScheduler::set_on_change(std::function<void()> on_change) {
  const std::lock_guard lock(mutex_);
  on_change_ = std::move(on_change);
}

void SharedScheduler::set_cause(std::function<std::string(const std::string&)> cause_of) {
  const std::lock_guard lock(mutex_);
  cause_of_ = std::move(cause_of);
}

std::string SharedScheduler::cause(Scheduler::Ticket ticket) const {
  const std::lock_guard lock(mutex_);
  const auto request = undelivered_.find(ticket);
  return cause_of_ && request != undelivered_.end() ? cause_of_(request->second) : std::string();
}

void SharedScheduler::changed() {
  if (on_change_) on_change_();
}

void SharedScheduler::configure(const Scheduling& scheduling) {
  const std::lock_guard lock(mutex_);
  scheduling_ = scheduling;
  scheduler_.configure(scheduling);
  changed();
}

void SharedScheduler::observe(const std::vector<Known>& models, base::SteadyTime asked_at) {
  std::vector<Scheduler::Observed> observed;
  const std::lock_guard lock(mutex_);
  server_up_ = true;
  names_.clear();
  for (const auto& model : models) {
    observed.push_back({model.name, model.resident, model.loaded, model.failure});
    names_[model.name] = model.name;
  }
  for (const auto& model : models) {
    for (const auto& alias : model.aliases) names_.emplace(alias, model.name);
  }
  scheduler_.observe(observed, asked_at);
  changed();
}

void SharedScheduler::server_lost() {
  const std::lock_guard lock(mutex_);
  server_up_ = false;
}

std::optional<Scheduler::Ticket> SharedScheduler::begin_load(const std::string& model) {
  const std::lock_guard lock(mutex_);
  return scheduler_.begin_load(model);
}

void SharedScheduler::end_load(Scheduler::Ticket ticket) {
  const std::lock_guard lock(mutex_);
  scheduler_.leave(ticket);
  changed();
}

void SharedScheduler::hold(const std::set<std::string, std::less<>>& models, bool frozen) {
  const std::lock_guard lock(mutex_);
  if (!scheduler_.hold(models, frozen)) return;
  changed();
}

void SharedScheduler::close(std::chrono::milliseconds grace) {
  const std::lock_guard lock(mutex_);
  scheduler_.close(grace);
  closing_ = true;
  changed();
}

void SharedScheduler::reopen() {
  const std::lock_guard lock(mutex_);
  scheduler_.reopen();
  closing_ = false;
}

std::size_t SharedScheduler::in_flight(const std::string& model) const {
  const std::lock_guard lock(mutex_);
  return scheduler_.in_flight(model);
}

std::size_t SharedScheduler::unfinished() const {
  const std::lock_guard lock(mutex_);
  return undelivered_.size();
}

void SharedScheduler::write_metrics() {
  const std::lock_guard lock(mutex_);
  const auto waiting = scheduler_.waiting();
  metrics_.replace("router_agent_gate_waiting", {waiting.begin(), waiting.end()});
  metrics_.set("router_agent_gate_in_flight", {}, static_cast<double>(scheduler_.in_flight()));
  const auto counts = scheduler_.counts();
  metrics_.add("router_agent_gate_swaps_total", {}, static_cast<double>(counts.swaps - counted_.swaps));
  metrics_.add("router_agent_gate_drains_total", {}, static_cast<double>(counts.drains - counted_.drains));
  counted_ = counts;
}

bool SharedScheduler::server_up() const {
  const std::lock_guard lock(mutex_);
  return server_up_;
}

std::optional<Scheduler::Ticket> SharedScheduler::arrive(std::string_view name) {
  const std::lock_guard lock(mutex_);
  const auto known = names_.find(name);
  if (known == names_.end()) return std::nullopt;
  const auto ticket = scheduler_.arrive(known->second);
  undelivered_.emplace(ticket, known->second);
  return ticket;
}

void SharedScheduler::answered(Scheduler::Ticket ticket, bool failed) {
  const std::lock_guard lock(mutex_);
  scheduler_.answered(ticket, failed);
}

void SharedScheduler::doubt(Scheduler::Ticket ticket) {
  const std::lock_guard lock(mutex_);
  scheduler_.doubt(ticket);
}

std::optional<Scheduler::Ticket> SharedScheduler::arrive_again(Scheduler::Ticket ticket) {
  const std::lock_guard lock(mutex_);
  const auto next = scheduler_.arrive_again(ticket);
  if (!next) return next;
  auto request = undelivered_.extract(ticket);
  metrics_.add("router_agent_gate_requests_total", {request.mapped(), "tried_again"});
  request.key() = *next;
  undelivered_.insert(std::move(request));
  return next;
}

void SharedScheduler::leave(Scheduler::Ticket ticket) {
  const std::lock_guard lock(mutex_);
  scheduler_.leave(ticket);
}

void SharedScheduler::delivered(Scheduler::Ticket ticket) {
  const std::lock_guard lock(mutex_);
  undelivered_.erase(ticket);
}

std::vector<Scheduler::Decision> SharedScheduler::decide(std::optional<base::SteadyTime>& next_wakeup) {
  const std::lock_guard lock(mutex_);
  auto decisions = scheduler_.decide();
  next_wakeup = scheduler_.next_wakeup();
  for (const auto& decision : decisions) {
    const auto request = undelivered_.find(decision.ticket);
    if (request == undelivered_.end()) continue;
    const std::chrono::duration<double> waited = decision.waited;
    metrics_.add("router_agent_gate_requests_total", {request->second, result_name(decision.refusal)});
    metrics_.observe("router_agent_gate_wait_seconds", {request->second}, waited.count());
  }
  return decisions;
}

bool SharedScheduler::is_closing() const {
  const std::lock_guard lock(mutex_);
  return closing_;
}

bool SharedScheduler::loading_signal() const {
  const std::lock_guard lock(mutex_);
  return scheduling_.loading_signal;
}

}  // namespace agent
