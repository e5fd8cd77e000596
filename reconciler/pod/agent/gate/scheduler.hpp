#pragma once
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/clock.hpp"
#include "reconciler/pod/agent/config.hpp"

namespace agent {

/// Decides when each request may go into llama-server, so that a swap, a reload and a shutdown happen with nothing in
/// flight and every model gets its turn. llama-server still loads, evicts and dispatches; this only holds back.
///
/// There are as many places as models fit (`--models-max`). A model in the gate's eyes:
///
///                request                 a place is free, or that of an idle model
///     closed ─────────────► waiting ────────────────────────────────────────────────► open
///       ▲                    │   ▲                                                   │  ▲ │
///       │ all left, refused  │   │ its place went to another,      its turn is over, │  │ │ unloaded, crashed, or
///       ├────────────────────┘   │ and it has requests queued      a model waits, no │  │ │ idle and its place is
///       │                        │                                 place is idle     ▼  │ │ taken
///       │                        └──────────────────────────────────────────── draining │ │
///       │                                                                        │  │   │ │
///       │                                    its place went to another, no queue │  └───┘ │
///       ├────────────────────────────────────────────────────────────────────────┘ nobody │
///       └─────────────────────────────────────────────────────────────────────────  waits ┘
///
/// - A request for an open model goes in at once; for a draining or closed one it waits, in order of arrival.
/// - The model whose first request has waited longest is next. It takes a free place, else that of the idle model whose
///   last request was dispatched longest ago: llama-server evicts just that one (measured on build 11669).
/// - When no place is idle, the open model whose turn is over (`max_turn` since it was opened) and that was opened
///   first is drained. A model is not evicted in a short pause of its work within `min_residency`.
/// - One swap at a time: the next begins when the model of the last is loaded, or its first request answered.
/// - A model whose process may have died gets no new requests until a listing shows that it has, or for a second:
///   llama-server notices only a moment later, and answers 500 until then (up to 0.2 s, measured on build 11669).
///
/// So a request waits at most one `max_turn`, the longest request in flight and one load, for each model that was
/// waiting before it and once for itself. Not thread-safe; time comes from the clock.
class Scheduler {
 public:
  using Ticket = std::uint64_t;

  enum class Refusal {
    none,
    /// Longer than `max_wait`.
    waited_too_long,
    /// The Pod is being stopped; the next one serves it.
    draining,
    /// The model's load failed a moment ago.
    load_failed,
  };

  struct Decision {
    Ticket ticket = 0;
    /// `none`: the request goes in.
    Refusal refusal = Refusal::none;
    /// For the client, when refused.
    std::string message;
    std::chrono::nanoseconds waited{0};
  };

  /// What the agent knows of a model from `GET /models`.
  struct Observed {
    std::string name;
    /// Loaded, sleeping or loading: it holds a place in llama-server.
    bool resident = false;
    /// Loaded or sleeping: its load is over.
    bool loaded = false;
    /// Why its last load failed; empty when it did not.
    std::string failure;
  };

  /// For metrics.
  struct Counts {
    std::uint64_t swaps = 0;
    std::uint64_t drains = 0;
    std::uint64_t refused = 0;
  };

  Scheduler(std::size_t places, const base::Clock& clock) : places_(places), clock_(clock) {}

  void configure(const Scheduling& scheduling) { scheduling_ = scheduling; }
  /// A listing that was asked for at `asked_at`: what was decided later is not in it.
  void observe(const std::vector<Observed>& models, base::SteadyTime asked_at);

  /// A request for a model, by its own name.
  [[nodiscard]] Ticket arrive(const std::string& model);
  /// A request ended, its client went away, or its refusal was delivered.
  void leave(Ticket ticket);
  /// The first bytes of llama-server's answer to a request that went in. `failed`: it answered 5xx.
  void answered(Ticket ticket, bool failed);
  /// llama-server could not reach the model's process for this request, which is in flight.
  void doubt(Ticket ticket);
  /// Such a request waits again, behind all that wait already, and `max_wait` counts from its first arrival. The ticket
  /// is replaced. Nothing when that time is over: then it stays as it is.
  [[nodiscard]] std::optional<Ticket> arrive_again(Ticket ticket);
  /// The agent wants to load a model (preload, healing): only into a free place, and only when nobody waits. The ticket
  /// is `leave`d when the load has ended.
  [[nodiscard]] std::optional<Ticket> begin_load(const std::string& model);
  /// These models get no new requests: a reload is about to unload them. `frozen`: and nothing is swapped. False when
  /// that was so already.
  bool hold(std::set<std::string, std::less<>> models, bool frozen);
  /// The Pod is being stopped: what waits is refused, what is in flight ends, open models serve for `grace` more (their
  /// clients do not know yet).
  void close(std::chrono::milliseconds grace);

  /// The Pod was not stopped after all: llama-server's container alone was restarted.
  void reopen() { closed_from_.reset(); }

  /// What is decided by now.
  [[nodiscard]] std::vector<Decision> decide();
  /// When `decide` has something to say again without a new event; nothing when never.
  [[nodiscard]] std::optional<base::SteadyTime> next_wakeup() const;

  [[nodiscard]] std::size_t in_flight() const;
  [[nodiscard]] std::size_t in_flight(const std::string& model) const;
  /// By model, only those with any.
  [[nodiscard]] std::map<std::string, std::size_t> waiting() const;
  [[nodiscard]] const Counts& counts() const { return counts_; }
  /// May requests for it go in now? For tests.
  [[nodiscard]] bool is_open(const std::string& model) const;

 private:
  struct Request {
    std::string model;
    base::SteadyTime arrived;
    /// Earlier for one that waits again.
    base::SteadyTime first_arrived;
    bool admitted = false;
  };
  struct Model {
    std::deque<Ticket> queue;
    std::size_t in_flight = 0;
    bool open = false;
    bool draining = false;
    base::SteadyTime opened_at;
    base::SteadyTime closed_at;
    std::optional<base::SteadyTime> dispatched_at;
    std::optional<base::SteadyTime> ended_at;
    std::optional<base::SteadyTime> failed_at;
    /// Since when its process may be dead.
    std::optional<base::SteadyTime> doubted_at;
    std::string failure;
    /// The first answer after its swap was 5xx: the next listing tells whether its load failed.
    bool answered_badly = false;
  };
  using Entry = std::pair<const std::string, Model>;

  [[nodiscard]] bool is_waiting(const Entry& entry) const;
  [[nodiscard]] bool fails_fast(const Model& model) const;
  [[nodiscard]] bool is_doubted(const Model& model) const;
  [[nodiscard]] bool is_settled(const Model& model) const;
  [[nodiscard]] bool turn_is_over(const Model& model) const;
  [[nodiscard]] std::size_t count_open() const;
  [[nodiscard]] std::string ahead_of(const std::string& model) const;
  /// Of those in its queue, which must not be empty.
  [[nodiscard]] base::SteadyTime first_arrival(const Model& model) const;
  Entry* next_waiting();
  Entry* least_recently_used();
  void swap(std::vector<Decision>& decisions);
  void drain_one();
  void reopen_drained();
  void open(Entry& entry);
  void end_opening(Model& model);
  void close(Model& model);
  void admit_queue(Entry& entry, std::vector<Decision>& decisions);
  void admit_open(std::vector<Decision>& decisions);
  void refuse(Ticket ticket, Refusal why, std::string message, std::vector<Decision>& decisions);
  void refuse_what_must_be(std::vector<Decision>& decisions);

  const std::size_t places_;
  const base::Clock& clock_;
  Scheduling scheduling_;
  std::map<std::string, Model, std::less<>> models_;
  std::map<Ticket, Request> requests_;
  Ticket last_ticket_ = 0;
  /// The model of the swap under way: its first request went in and is not answered yet.
  std::string opening_;
  std::set<std::string, std::less<>> held_;
  bool frozen_ = false;
  std::optional<base::SteadyTime> closed_from_;
  Counts counts_;
};

}  // namespace agent
