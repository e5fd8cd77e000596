#include "reconciler/pod/agent/gate/scheduler.hpp"

#include <algorithm>
#include <utility>

namespace agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// A pause of work this short is none: clients in a loop send their next request at once.
constexpr milliseconds kLinger{50};
/// A model whose load failed is not tried again for a new request before this: each try would evict a model that works.
constexpr milliseconds kFailedFor{10'000};
/// Longer than llama-server needs to notice that a process has gone.
constexpr milliseconds kDoubtedFor{1'000};

std::string seconds_text(std::chrono::nanoseconds time) {
  return std::to_string(std::chrono::duration_cast<seconds>(time).count()) + " s";
}

}  // namespace

// Events.

void Scheduler::observe(const std::vector<Observed>& models, base::SteadyTime asked_at) {
  const auto now = clock_.steady();
  for (auto& [name, model] : models_) {
    const auto seen = std::ranges::find(models, name, &Observed::name);
    const bool resident = seen != models.end() && seen->resident;
    const bool loaded = seen != models.end() && seen->loaded;
    if (!loaded && model.doubted_at < asked_at) model.doubted_at.reset();
    if (!resident && model.open && model.in_flight == 0 && model.opened_at < asked_at) close(model);
  }
  for (const auto& seen : models) {
    auto& model = models_[seen.name];
    if (seen.loaded && opening_ == seen.name && model.dispatched_at < asked_at) end_opening(model);
    if (seen.resident || seen.failure.empty()) {
      model.failed_at.reset();
      model.failure.clear();
    } else if (model.failure != seen.failure || model.answered_badly) {
      model.failed_at = now;
      model.failure = seen.failure;
    }
    model.answered_badly = false;
    if (seen.resident && !model.open && model.closed_at < asked_at) open(*models_.find(seen.name));
  }
  // More than fit: someone was evicted whom the gate did not expect. The next listing will say who.
  while (count_open() > places_) {
    auto* idle = least_recently_used();
    if (idle == nullptr) break;
    close(idle->second);
  }
}

Scheduler::Ticket Scheduler::arrive(const std::string& model) {
  const Ticket ticket = ++last_ticket_;
  const auto now = clock_.steady();
  requests_.emplace(ticket, Request{model, now, now});
  models_[model].queue.push_back(ticket);
  return ticket;
}

void Scheduler::doubt(Ticket ticket) {
  const auto request = requests_.find(ticket);
  if (request == requests_.end()) return;
  auto& model = models_.find(request->second.model)->second;
  if (!is_doubted(model)) model.doubted_at = clock_.steady();
}

std::optional<Scheduler::Ticket> Scheduler::arrive_again(Ticket ticket) {
  const auto request = requests_.find(ticket);
  if (request == requests_.end()) return std::nullopt;
  const auto before = request->second;
  if (clock_.steady() - before.first_arrived >= scheduling_.max_wait) return std::nullopt;
  leave(ticket);
  const Ticket next = arrive(before.model);
  requests_.find(next)->second.first_arrived = before.first_arrived;
  return next;
}

void Scheduler::leave(Ticket ticket) {
  const auto request = requests_.find(ticket);
  if (request == requests_.end()) return;
  auto& model = models_.find(request->second.model)->second;
  if (request->second.admitted) {
    --model.in_flight;
    model.ended_at = clock_.steady();
    if (model.in_flight == 0 && opening_ == request->second.model) opening_.clear();
  } else {
    std::erase(model.queue, ticket);
  }
  requests_.erase(request);
}

void Scheduler::answered(Ticket ticket, bool failed) {
  const auto request = requests_.find(ticket);
  if (request == requests_.end() || request->second.model != opening_) return;
  auto& model = models_.find(opening_)->second;
  end_opening(model);
  model.answered_badly = failed;
}

/// The swap is over; the turn begins when the model is there, not when its load began.
void Scheduler::end_opening(Model& model) {
  opening_.clear();
  model.opened_at = clock_.steady();
}

std::optional<Scheduler::Ticket> Scheduler::begin_load(const std::string& model) {
  auto& entry = *models_.try_emplace(model).first;
  if (scheduling_.policy == Policy::fair && !entry.second.open) {
    if (count_open() >= places_ || !opening_.empty() || frozen_ || closed_from_ || next_waiting() != nullptr)
      return std::nullopt;
    open(entry);
    opening_ = model;
  }
  const Ticket ticket = ++last_ticket_;
  const auto now = clock_.steady();
  requests_.emplace(ticket, Request{model, now, now, true});
  ++entry.second.in_flight;
  entry.second.dispatched_at = now;
  return ticket;
}

bool Scheduler::hold(std::set<std::string, std::less<>> models, bool frozen) {
  if (models == held_ && frozen == frozen_) return false;
  held_ = std::move(models);
  frozen_ = frozen;
  return true;
}

void Scheduler::close(milliseconds grace) {
  if (!closed_from_) closed_from_ = clock_.steady() + grace;
}

// Decisions.

std::vector<Scheduler::Decision> Scheduler::decide() {
  std::vector<Decision> decisions;
  refuse_what_must_be(decisions);
  if (scheduling_.policy == Policy::direct) {
    for (auto& entry : models_) {
      if (!is_doubted(entry.second)) admit_queue(entry, decisions);
    }
    return decisions;
  }
  admit_open(decisions);
  swap(decisions);
  return decisions;
}

/// Gives places to waiting models, as far as that is possible now.
void Scheduler::swap(std::vector<Decision>& decisions) {
  while (true) {
    auto* next = next_waiting();
    if (next == nullptr) {
      reopen_drained();
      admit_open(decisions);
      return;
    }
    if (!opening_.empty() || frozen_) return;
    if (count_open() >= places_) {
      auto* idle = least_recently_used();
      if (idle == nullptr) return drain_one();
      if (!is_settled(idle->second)) return;
      close(idle->second);
      ++counts_.swaps;
    }
    open(*next);
    opening_ = next->first;
    admit_queue(*next, decisions);
  }
}

/// No place is idle: one whose turn is over gets no new requests, so that it becomes so.
void Scheduler::drain_one() {
  Model* first = nullptr;
  for (auto& [name, model] : models_) {
    if (!model.open) continue;
    if (model.draining) return;
    if (turn_is_over(model) && (first == nullptr || model.opened_at < first->opened_at)) first = &model;
  }
  if (first == nullptr) return;
  first->draining = true;
  ++counts_.drains;
}

void Scheduler::reopen_drained() {
  for (auto& [name, model] : models_) model.draining = false;
}

void Scheduler::open(Entry& entry) {
  entry.second.open = true;
  entry.second.draining = false;
  entry.second.doubted_at.reset();
  entry.second.opened_at = clock_.steady();
}

void Scheduler::close(Model& model) {
  model.open = false;
  model.draining = false;
  model.doubted_at.reset();
  model.closed_at = clock_.steady();
}

void Scheduler::admit_open(std::vector<Decision>& decisions) {
  for (auto& entry : models_) {
    const auto& model = entry.second;
    if (model.open && !model.draining && !is_doubted(model) && !held_.contains(entry.first))
      admit_queue(entry, decisions);
  }
}

void Scheduler::admit_queue(Entry& entry, std::vector<Decision>& decisions) {
  const auto now = clock_.steady();
  for (const auto ticket : std::exchange(entry.second.queue, {})) {
    auto& request = requests_.find(ticket)->second;
    request.admitted = true;
    ++entry.second.in_flight;
    entry.second.dispatched_at = now;
    decisions.push_back({ticket, Refusal::none, {}, now - request.arrived});
  }
}

void Scheduler::refuse(Ticket ticket, Refusal why, std::string message, std::vector<Decision>& decisions) {
  const auto request = requests_.find(ticket);
  decisions.push_back({ticket, why, std::move(message), clock_.steady() - request->second.arrived});
  ++counts_.refused;
  leave(ticket);
}

void Scheduler::refuse_what_must_be(std::vector<Decision>& decisions) {
  const auto now = clock_.steady();
  for (auto& [name, model] : models_) {
    if (model.queue.empty()) continue;
    const bool stopping = closed_from_ && (!model.open || now >= *closed_from_);
    const auto queue = model.queue;
    for (const auto ticket : queue) {
      const auto waited = now - requests_.find(ticket)->second.first_arrived;
      if (stopping) {
        refuse(ticket, Refusal::draining, "this Pod is being stopped", decisions);
      } else if (scheduling_.policy == Policy::direct) {
        break;
      } else if (fails_fast(model)) {
        refuse(ticket, Refusal::load_failed,
               "model " + name + " " + (model.failure.empty() ? "failed to load" : model.failure), decisions);
      } else if (waited >= scheduling_.max_wait) {
        refuse(ticket, Refusal::waited_too_long,
               "waited " + seconds_text(waited) + " for model " + name + "; ahead of it: " + ahead_of(name), decisions);
      }
    }
  }
}

std::optional<base::SteadyTime> Scheduler::next_wakeup() const {
  std::optional<base::SteadyTime> next;
  const auto at = [&next](base::SteadyTime time) {
    if (!next || time < *next) next = time;
  };
  bool anyone_waits = false;
  for (const auto& entry : models_) {
    if (entry.second.queue.empty()) continue;
    at(first_arrival(entry.second) + scheduling_.max_wait);
    if (is_doubted(entry.second)) at(*entry.second.doubted_at + kDoubtedFor);
    if (closed_from_) at(*closed_from_);
    anyone_waits = anyone_waits || is_waiting(entry);
  }
  if (!anyone_waits || !opening_.empty() || frozen_) return next;
  for (const auto& [name, model] : models_) {
    if (!model.open) continue;
    if (model.in_flight == 0 && !is_settled(model)) at(*model.ended_at + kLinger);
    if (model.in_flight > 0 && !model.draining && !turn_is_over(model)) at(model.opened_at + scheduling_.max_turn);
  }
  return next;
}

// What is known.

bool Scheduler::is_waiting(const Entry& entry) const {
  return !entry.second.queue.empty() && !entry.second.open && !held_.contains(entry.first);
}

bool Scheduler::fails_fast(const Model& model) const {
  return model.failed_at && clock_.steady() - *model.failed_at < kFailedFor;
}

bool Scheduler::is_doubted(const Model& model) const {
  return model.doubted_at && clock_.steady() - *model.doubted_at < kDoubtedFor;
}

/// Idle, and not only for a moment.
bool Scheduler::is_settled(const Model& model) const {
  if (model.in_flight > 0) return false;
  if (model.draining || !model.ended_at) return true;
  const auto now = clock_.steady();
  return now - model.opened_at >= scheduling_.min_residency || now - *model.ended_at >= kLinger;
}

bool Scheduler::turn_is_over(const Model& model) const {
  return clock_.steady() - model.opened_at >= scheduling_.max_turn;
}

std::size_t Scheduler::count_open() const {
  return static_cast<std::size_t>(std::ranges::count_if(models_, [](const Entry& entry) { return entry.second.open; }));
}

base::SteadyTime Scheduler::first_arrival(const Model& model) const {
  auto first = base::SteadyTime::max();
  // One that waits again stands behind younger ones.
  for (const auto ticket : model.queue) first = std::min(first, requests_.find(ticket)->second.first_arrived);
  return first;
}

Scheduler::Entry* Scheduler::next_waiting() {
  Entry* next = nullptr;
  for (auto& entry : models_) {
    if (!is_waiting(entry)) continue;
    // Tickets rise with arrival, also within one tick of the clock.
    if (next == nullptr || entry.second.queue.front() < next->second.queue.front()) next = &entry;
  }
  return next;
}

/// The idle model that llama-server would evict.
Scheduler::Entry* Scheduler::least_recently_used() {
  Entry* oldest = nullptr;
  for (auto& entry : models_) {
    const auto& model = entry.second;
    if (!model.open || model.in_flight > 0) continue;
    if (oldest == nullptr || model.dispatched_at < oldest->second.dispatched_at) oldest = &entry;
  }
  return oldest;
}

std::string Scheduler::ahead_of(const std::string& model) const {
  const auto now = clock_.steady();
  std::string out;
  for (const auto& [name, other] : models_) {
    if (!other.open || name == model) continue;
    out += (out.empty() ? "" : ", ") + name + " with " + std::to_string(other.in_flight) + " requests in flight, for " +
           seconds_text(now - other.opened_at);
  }
  for (const auto& [name, other] : models_) {
    if (other.open || other.queue.empty() || name == model) continue;
    out += (out.empty() ? "" : ", ") + name + " with " + std::to_string(other.queue.size()) + " requests waiting";
  }
  return out.empty() ? "nothing" : out;
}

std::size_t Scheduler::in_flight() const {
  std::size_t sum = 0;
  for (const auto& [name, model] : models_) sum += model.in_flight;
  return sum;
}

std::size_t Scheduler::in_flight(const std::string& model) const {
  const auto found = models_.find(model);
  return found == models_.end() ? 0 : found->second.in_flight;
}

std::map<std::string, std::size_t> Scheduler::waiting() const {
  std::map<std::string, std::size_t> out;
  for (const auto& [name, model] : models_) {
    if (!model.queue.empty()) out[name] = model.queue.size();
  }
  return out;
}

bool Scheduler::is_open(const std::string& model) const {
  const auto found = models_.find(model);
  return found != models_.end() && found->second.open && !found->second.draining;
}

}  // namespace agent
