#pragma once
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.hpp"
#include "common/base/metrics.hpp"
#include "reconciler/pod/agent/gate/scheduler.hpp"

namespace agent {

/// The scheduler as the proxy's thread and the agent's threads share it, with the names that clients may use for
/// models. Thread-safe. What the agent changes may let requests in: then `on_change` is called (it must only wake the
/// proxy, which asks `decide`).
class SharedScheduler {
 public:
  struct Known {
    std::string name;
    std::vector<std::string> aliases;
    bool resident = false;
    bool loaded = false;
    std::string failure;
  };

  SharedScheduler(std::size_t places, base::MetricTable& metrics, const base::Clock& clock)
      : metrics_(metrics), scheduler_(places, clock) {}

  void set_on_change(std::function<void()> on_change);
  /// Who knows why a model's load failed: its own words, or nothing.
  void set_cause(std::function<std::string(const std::string&)> cause_of);

  // For the agent.
  void configure(const Scheduling& scheduling);
  /// A listing that was asked for at `asked_at`.
  void observe(const std::vector<Known>& models, base::SteadyTime asked_at);
  /// llama-server does not answer.
  void server_lost();
  [[nodiscard]] std::optional<Scheduler::Ticket> begin_load(const std::string& model);
  void end_load(Scheduler::Ticket ticket);
  void hold(const std::set<std::string, std::less<>>& models, bool frozen);
  void close(std::chrono::milliseconds grace);
  void reopen();
  [[nodiscard]] std::size_t in_flight(const std::string& model) const;
  /// Requests that wait, are in llama-server, or whose answer is not delivered yet.
  [[nodiscard]] std::size_t unfinished() const;
  /// Sets the gauges.
  void write_metrics();

  // For the proxy.

  /// Whether llama-server answered when it was last asked.
  [[nodiscard]] bool server_up() const;
  /// A request for a model by name or alias; nothing when there is no such model (llama-server says so itself).
  [[nodiscard]] std::optional<Scheduler::Ticket> arrive(std::string_view name);
  void answered(Scheduler::Ticket ticket, bool failed);
  /// `Scheduler::doubt` and `arrive_again`: still one request, that is not delivered yet.
  void doubt(Scheduler::Ticket ticket);
  [[nodiscard]] std::optional<Scheduler::Ticket> arrive_again(Scheduler::Ticket ticket);
  /// Why the load of this request's model failed, where that is known.
  [[nodiscard]] std::string cause(Scheduler::Ticket ticket) const;
  /// The request ended in llama-server, was refused, or its client went away.
  void leave(Scheduler::Ticket ticket);
  /// Its answer is delivered, or never will be.
  void delivered(Scheduler::Ticket ticket);
  [[nodiscard]] std::vector<Scheduler::Decision> decide(std::optional<base::SteadyTime>& next_wakeup);
  [[nodiscard]] bool loading_signal() const;
  /// `close` was called.
  [[nodiscard]] bool is_closing() const;

 private:
  void changed();

  base::MetricTable& metrics_;
  mutable std::mutex mutex_;  // guards all below
  Scheduler scheduler_;
  Scheduling scheduling_;
  bool server_up_ = false;
  bool closing_ = false;
  /// Name or alias -> name.
  std::map<std::string, std::string, std::less<>> names_;
  std::map<Scheduler::Ticket, std::string> undelivered_;
  Scheduler::Counts counted_;
  std::function<void()> on_change_;
  std::function<std::string(const std::string&)> cause_of_;
};

}  // namespace agent
