#include "reconciler/queue/work_queue.hpp"

#include <algorithm>
#include <functional>

#include "common/base/backoff.hpp"

namespace reconciler {

void WorkQueue::add(const Key& key) {
  const std::lock_guard lock(mutex_);
  if (key.kind == Key::Kind::service) {
    add_locked(key);
  } else {
    add_after_locked(key, delays_.models_rest);
  }
}

void WorkQueue::add_locked(const Key& key) {
  if (shut_down_) return;
  const auto found = entries_.try_emplace(key).first;
  Entry& entry = found->second;
  if (entry.due) {
    waiting_.erase({*entry.due, key});
    entry.due.reset();
  }
  const Time now = std::chrono::steady_clock::now();
  if (entry.working) {
    entry.again = true;
  } else if (!entry.queued && now < entry.rests_until) {
    wait_until_locked(key, entry, entry.rests_until);
  } else if (!entry.queued) {
    entry.queued = true;
    entry.since = now;
    lane_of(key).push_back(&found->first);
    changed_.notify_one();
  }
}

void WorkQueue::add_after(const Key& key, Duration delay) {
  const std::lock_guard lock(mutex_);
  add_after_locked(key, delay);
}

void WorkQueue::add_after_locked(const Key& key, Duration delay) {
  if (shut_down_) return;
  if (delay <= Duration::zero()) return add_locked(key);
  Entry& entry = entries_[key];
  if (entry.queued || entry.again) return;
  const Time due = std::chrono::steady_clock::now() + delay;
  if (entry.due && *entry.due <= due) return;
  if (entry.due) waiting_.erase({*entry.due, key});
  wait_until_locked(key, entry, due);
}

void WorkQueue::wait_until_locked(const Key& key, Entry& entry, Time due) {
  entry.due = due;
  const bool is_next = waiting_.empty() || due < waiting_.begin()->first;
  waiting_.emplace(due, key);
  if (is_next) changed_.notify_one();
}

void WorkQueue::retry(const Key& key, Duration floor) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[key];
  const unsigned failures = entry.failures++;
  // A seed per key and failure spreads the retries of objects that failed together.
  const auto seed = std::hash<std::string>{}(key.to_string()) + failures;
  const auto base = delays_.first_retry * (1LL << std::min(failures, 20U));
  base::Backoff backoff(std::min<Duration>(base, delays_.longest_retry), delays_.longest_retry, seed);
  if (floor > Duration::zero()) entry.rests_until = std::chrono::steady_clock::now() + floor;
  add_after_locked(key, std::max(backoff.next(), floor));
}

void WorkQueue::succeeded(const Key& key) {
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.find(key);
  if (entry != entries_.end()) entry->second.failures = 0;
}

WorkQueue::Lane& WorkQueue::next_lane_locked(Time now) {
  constexpr unsigned kTurns = 4;
  if (services_.empty()) return models_;
  if (models_.empty() || ++turns_ % kTurns != 0) return services_;
  return now - entries_.at(*models_.front()).since >= delays_.models_wait ? models_ : services_;
}

std::optional<Key> WorkQueue::take() {
  std::unique_lock lock(mutex_);
  while (!shut_down_) {
    const Time now = std::chrono::steady_clock::now();
    promote_due_locked(now);
    if (!is_empty_locked()) {
      Lane& lane = next_lane_locked(now);
      Key key = *lane.front();
      lane.pop_front();
      Entry& entry = entries_[key];
      entry.queued = false;
      entry.working = true;
      // Another worker may sleep longer than it should: without a time, or until one that is no longer the first.
      if (!is_empty_locked() || !waiting_.empty()) changed_.notify_one();
      return key;
    }
    if (waiting_.empty()) {
      changed_.wait(lock);
    } else {
      const Time next = waiting_.begin()->first;  // a copy: the set changes while we wait
      changed_.wait_until(lock, next);
    }
  }
  return std::nullopt;
}

void WorkQueue::promote_due_locked(Time now) {
  while (!waiting_.empty() && waiting_.begin()->first <= now) {
    const Key key = waiting_.begin()->second;
    add_locked(key);  // takes it out of waiting_
  }
  for (auto* resting : {&resting_services_, &resting_models_}) {
    while (!resting->empty() && resting->front().first <= now) {
      tidy_locked(resting->front().second);
      resting->pop_front();
    }
  }
}

void WorkQueue::done(const Key& key) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[key];
  entry.working = false;
  const bool is_service = key.kind == Key::Kind::service;
  const Time rested = std::chrono::steady_clock::now() + (is_service ? delays_.rest : delays_.models_rest);
  entry.rests_until = std::max(entry.rests_until, rested);
  (is_service ? resting_services_ : resting_models_).emplace_back(entry.rests_until, key);
  if (std::exchange(entry.again, false)) add_locked(key);
}

void WorkQueue::tidy_locked(const Key& key) {
  const auto entry = entries_.find(key);
  if (entry == entries_.end()) return;
  const Entry& state = entry->second;
  if (!state.queued && !state.working && !state.due && state.failures == 0 &&
      std::chrono::steady_clock::now() >= state.rests_until)
    entries_.erase(entry);
}

void WorkQueue::shut_down() {
  const std::lock_guard lock(mutex_);
  shut_down_ = true;
  changed_.notify_all();
}

std::size_t WorkQueue::depth() const {
  const std::lock_guard lock(mutex_);
  return services_.size() + models_.size();
}

WorkQueue::Duration WorkQueue::oldest() const {
  const std::lock_guard lock(mutex_);
  Time since = std::chrono::steady_clock::now();
  const Time now = since;
  for (const auto* lane : {&services_, &models_})
    if (!lane->empty()) since = std::min(since, entries_.at(*lane->front()).since);
  return std::chrono::duration_cast<Duration>(now - since);
}

}  // namespace reconciler
