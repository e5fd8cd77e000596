#include "reconciler/sample/sampler.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <functional>
#include <utility>

#include "common/base/json.hpp"
#include "reconciler/reconcile/names.hpp"

namespace reconciler {
namespace {

using Clock = std::chrono::steady_clock;

/// Pods that one thread asks at once.
constexpr std::size_t kAtOnce = 32;

/// What the one said does not count for the other.
bool differs(const Sampler::Target& now, const Sampler::Target& before) {
  return now.ip != before.ip || now.port != before.port || (now.ready && !before.ready);
}

/// At the rate between two answers the rest takes no longer than it takes until we would ask again.
bool is_nearly_done(const base::Rare<FetchProgress>& before, const FetchProgress& now,
                    std::chrono::duration<double> between, std::chrono::duration<double> pace) {
  if (now.result || !now.bytes_total) return false;
  const auto rest = static_cast<double>(*now.bytes_total - now.bytes_done);
  const auto came = static_cast<double>(now.bytes_done - (before ? before->bytes_done : 0));
  return rest * between.count() <= came * pace.count();
}

}  // namespace

Sampler::Sampler(Fetch fetch, KnockAt knock, HasEndpoint has_endpoint, Changed changed, Timing timing)
    : fetch_(std::move(fetch)),
      knock_at_(std::move(knock)),
      has_endpoint_(std::move(has_endpoint)),
      changed_(std::move(changed)),
      timing_(timing) {}

void Sampler::schedule(const Place& place, State& state, Time due) {
  schedule_.erase({state.due, &place});
  state.due = due;
  schedule_.emplace(due, &place);
  if (schedule_.begin()->second != &place) return;
  (has_watcher_ ? earlier_ : wake_).notify_one();
}

void Sampler::want(const Key& key, const std::vector<Target>& targets, bool on_the_way) {
  const std::lock_guard lock(mutex_);
  const Time now = Clock::now();
  std::vector<const Place*> fresh;
  for (const auto& target : targets) {
    const auto [found, is_unknown] = places_.try_emplace(Place{target.what, key.namespace_, target.name});
    fresh.push_back(&found->first);
    State& state = found->second;
    const bool is_new = differs(target, state.target);
    if (is_new) {
      state.asked = state.first_knock = Time{};
      state.front.reset();
      state.silent = state.has_refused = false;
    }
    if (target.soon && (is_new || !state.target.soon)) state.soon_until = now + timing_.soon_for;
    if (!target.soon && state.target.soon) state.soon_until = Time{};
    state.target = target;
    state.wanted_by.insert(key);
    if (is_new && !is_unknown) state.busy_until = now + timing_.busy_after_change;
    const bool has_arrived = !on_the_way && state.way_until != Time{};
    state.way_until = on_the_way ? now + timing_.busy_after_change : Time{};
    if (state.asking) continue;
    // Whatever led to this pass may have changed the answer too, but never more often than its pace.
    const Time due = is_new ? now : std::max(now, due_after(state.asked, state, now));
    const bool is_earlier = target.what != What::front && due < state.due;
    if (is_new || is_earlier || has_arrived) schedule(found->first, state, due);
  }
  auto& before = wanted_[key];
  for (const auto* place : before) {
    if (std::ranges::find(fresh, place) == fresh.end()) drop_want(key, *place);
  }
  before = std::move(fresh);
  if (before.empty()) wanted_.erase(key);
}

void Sampler::forget() {
  const std::lock_guard lock(mutex_);
  for (const auto& [key, places] : wanted_)
    for (const auto* place : places) drop_want(key, *place);
  wanted_.clear();
}

void Sampler::drop_want(const Key& key, const Place& place) {
  const auto found = places_.find(place);
  found->second.wanted_by.erase(key);
  if (!found->second.wanted_by.empty() || found->second.asking) return;
  schedule_.erase({found->second.due, &found->first});
  places_.erase(found);
}

template <class Visit>
void Sampler::each_wanted(const Key& key, Visit visit) const {
  const std::lock_guard lock(mutex_);
  const auto wanted = wanted_.find(key);
  if (wanted == wanted_.end()) return;
  for (const auto* place : wanted->second) visit(places_.at(*place));
}

bool Sampler::asked_all(const Key& key) const {
  bool all = true;
  each_wanted(key, [&](const State& state) { all = all && state.asked != Time{}; });
  return all;
}

std::vector<AgentSample> Sampler::agents(const Key& key) const {
  std::vector<AgentSample> samples;
  each_wanted(key, [&](const State& state) {
    if (state.agent) samples.push_back(*state.agent);
  });
  return samples;
}

std::map<std::string, FetchProgress, std::less<>> Sampler::progress(const Key& key) const {
  std::map<std::string, FetchProgress, std::less<>> samples;
  each_wanted(key, [&](const State& state) {
    if (state.progress) samples.emplace(state.target.name, *state.progress);
  });
  return samples;
}

std::optional<Knock> Sampler::front(const Key& key) const {
  std::optional<Knock> found;
  each_wanted(key, [&](const State& state) {
    if (state.front) found = state.front;
  });
  return found;
}

std::vector<FetchProgress> Sampler::downloads() const {
  const std::lock_guard lock(mutex_);
  std::vector<FetchProgress> all;
  for (const auto& [place, state] : places_)
    if (state.progress) all.push_back(*state.progress);
  return all;
}

std::chrono::nanoseconds Sampler::interval(const State& state, Time now) const {
  if (state.front == Knock::refused) return timing_.knock;
  if (now < state.soon_until && state.answer_hash != 0) return timing_.soon;  // who does not answer holds a thread
  const bool is_busy = now < std::max(state.busy_until, state.way_until);
  if (is_busy && state.front != Knock::no_endpoint) return timing_.busy;
  const std::chrono::duration<double> share(static_cast<double>(places_.size()) / timing_.settled_per_second);
  return std::clamp(std::chrono::duration_cast<std::chrono::nanoseconds>(share),
                    std::chrono::nanoseconds(timing_.settled), std::chrono::nanoseconds(timing_.settled_longest));
}

Sampler::Time Sampler::next_turn(Time asked, std::chrono::nanoseconds pace) {
  // A power of two: the turns of one pace are turns of every quicker one as well, however many there are.
  const std::chrono::nanoseconds span(
      std::bit_floor(std::max<std::uint64_t>(static_cast<std::uint64_t>(pace.count()) / 8, 1)));
  const Time due = asked + pace;
  return due - due.time_since_epoch() % span;
}

Sampler::Time Sampler::due_after(Time asked, const State& state, Time now) const {
  return next_turn(asked, interval(state, now));
}

void Sampler::run() {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    if (schedule_.empty() || has_watcher_) {
      wake_.wait(lock);
    } else if (const Time due = schedule_.begin()->first; due > Clock::now()) {
      has_watcher_ = true;
      earlier_.wait_until(lock, due);
      has_watcher_ = false;
    } else {
      const auto places = take_due(Clock::now());
      if (!schedule_.empty()) wake_.notify_one();  // another watches the clock: of these, one may hang
      if (places.front()->what == What::front) {
        ask_service(lock, *places.front());
      } else {
        ask_pods(lock, places);
      }
    }
  }
}

std::vector<const Sampler::Place*> Sampler::take_due(Time now) {
  std::vector<const Place*> due;
  for (auto at = schedule_.begin(); at != schedule_.end() && at->first <= now && due.size() < kAtOnce;) {
    const bool is_service = at->second->what == What::front;
    if (is_service && !due.empty()) {
      ++at;
      continue;
    }
    due.push_back(at->second);
    at = schedule_.erase(at);
    if (is_service) break;
  }
  for (const auto* place : due) places_.at(*place).asking = true;
  return due;
}

void Sampler::ask_pods(std::unique_lock<std::mutex>& lock, const std::vector<const Place*>& pods) {
  std::vector<Target> targets;
  std::vector<Question> questions;
  for (const auto* place : pods) {
    const bool is_agent = place->what == What::agent;
    targets.push_back(places_.at(*place).target);
    questions.push_back(
        {targets.back().ip, is_agent ? names::kAgentPort : names::kProgressPort, is_agent ? "/state" : "/progress"});
  }
  lock.unlock();
  fetch_(questions, [&](std::size_t i, const base::Result<std::string>& body) {
    lock.lock();
    const bool is_news = take_answer(places_.at(*pods[i]), body);
    settle(lock, *pods[i], targets[i], is_news);
    lock.unlock();
  });
  lock.lock();
}

void Sampler::ask_service(std::unique_lock<std::mutex>& lock, const Place& place) {
  const Target target = places_.at(place).target;
  const bool is_news = knock(lock, place);
  settle(lock, place, target, is_news);
}

void Sampler::settle(std::unique_lock<std::mutex>& lock, const Place& place, const Target& asked_of, bool is_news) {
  State& state = places_.at(place);
  state.asking = false;
  if (state.wanted_by.empty()) {
    places_.erase(places_.find(place));
    return;
  }
  const Time now = Clock::now();
  if (differs(state.target, asked_of))
    return schedule(place, state, now);  // it moved meanwhile: that was another's answer
  const bool is_first = std::exchange(state.asked, now) == Time{};
  if (is_news && !is_first) state.busy_until = now + timing_.busy_after_change;
  schedule(place, state, due_after(now, state, now));
  if (!is_news && !is_first) return;
  const auto concerned = state.wanted_by;
  lock.unlock();
  for (const auto& key : concerned) changed_(key);
  lock.lock();
}

bool Sampler::take_answer(State& state, const base::Result<std::string>& body) const {
  const auto hash = body ? std::hash<std::string>{}(*body) : 0;
  if (std::exchange(state.answer_hash, hash) == hash && body) return false;
  const auto parsed = body ? base::parse_json(*body, state.target.name) : std::unexpected(body.error());
  if (state.target.what == What::progress) {
    if (!parsed) return false;  // a fetcher that ended keeps its last word
    const auto progress = decode_progress(*parsed);
    const Time now = Clock::now();
    if (is_nearly_done(state.progress, progress, now - state.asked, timing_.busy))
      state.soon_until = now + timing_.busy;
    return std::exchange(state.progress, progress) != progress;
  }
  AgentSample sample;
  if (parsed) {
    sample = decode_agent_state(state.target.name, *parsed);
  } else {
    sample.pod = state.target.name;
    sample.error = parsed.error().what;
  }
  if (state.agent == sample) return false;
  state.agent = std::move(sample);
  return true;
}

bool Sampler::knock(std::unique_lock<std::mutex>& lock, const Place& place) {
  State& state = places_.at(place);
  Knock answer = Knock::unknown;
  if (Clock::now() >= blind_until_ || state.has_refused) {
    const Target target = state.target;
    lock.unlock();
    answer = knock_at_(target.ip, target.port);
    lock.lock();
    if (answer == Knock::refused) state.has_refused = true;
    const bool is_silent = answer == Knock::unknown;
    const bool was_silent = std::exchange(state.silent, is_silent);
    if (is_silent && (!was_silent || state.has_refused)) answer = Knock::refused;
    silent_services_ = answer == Knock::unknown ? silent_services_ + 1 : is_silent ? silent_services_ : 0;
    if (silent_services_ >= timing_.blind_after) {
      silent_services_ = 0;
      blind_until_ = Clock::now() + timing_.blind_for;
    }
  }
  const Time now = Clock::now();
  if (state.first_knock == Time{}) state.first_knock = now;
  const bool is_late = now - state.first_knock >= timing_.knock_for;
  if (answer == Knock::unknown || (answer == Knock::refused && is_late)) answer = ask_for_endpoint(lock, place);
  return std::exchange(state.front, answer) != answer;
}

Knock Sampler::ask_for_endpoint(std::unique_lock<std::mutex>& lock, const Place& place) {
  State& state = places_.at(place);
  const bool had_none = state.front == Knock::no_endpoint;
  if (std::exchange(api_is_asked_, true)) return had_none ? Knock::no_endpoint : Knock::refused;
  lock.unlock();
  const auto has_endpoint = has_endpoint_(place.namespace_, place.name);
  lock.lock();
  api_is_asked_ = false;
  const Time now = Clock::now();
  if (has_endpoint ? !*has_endpoint : had_none)
    return now - state.first_knock < timing_.knock_for ? Knock::refused : Knock::no_endpoint;
  if (!had_none) return Knock::unknown;
  state.first_knock = now;  // kube-proxy gets as long as with the first endpoints
  return Knock::refused;
}

void Sampler::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  wake_.notify_all();
  earlier_.notify_all();
}

}  // namespace reconciler
