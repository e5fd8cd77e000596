#include "reconciler/queue/work_queue.hpp"

#include <algorithm>
#include <functional>

#include "common/base/backoff.hpp"

namespace reconciler {

void WorkQueue::add(const Key& key) {
  const std::lock_guard lock(mutex_);
  add_locked(key);
}

void WorkQueue::add_locked(const Key& key) {
  if (shut_down_) return;
  Entry& entry = entries_[key];
  if (entry.due) {
    waiting_.erase({*entry.due, key});
    entry.due.reset();
  }
  if (entry.working) {
    entry.again = true;
  } else if (!entry.queued) {
    entry.queued = true;
    entry.since = std::chrono::steady_clock::now();
    ready_.push_back(key);
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
  add_after_locked(key, std::max(backoff.next(), floor));
}

void WorkQueue::succeeded(const Key& key) {
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.find(key);
  if (entry != entries_.end()) entry->second.failures = 0;
}

std::optional<Key> WorkQueue::take() {
  std::unique_lock lock(mutex_);
  while (!shut_down_) {
    promote_due_locked(std::chrono::steady_clock::now());
    if (!ready_.empty()) {
      Key key = std::move(ready_.front());
      ready_.pop_front();
      Entry& entry = entries_[key];
      entry.queued = false;
      entry.working = true;
      // Another worker may sleep longer than it should: without a time, or until one that is no longer the first.
      if (!ready_.empty() || !waiting_.empty()) changed_.notify_one();
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
}

void WorkQueue::done(const Key& key) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[key];
  entry.working = false;
  if (std::exchange(entry.again, false)) {
    add_locked(key);
  } else {
    tidy_locked(key);
  }
}

void WorkQueue::tidy_locked(const Key& key) {
  const auto entry = entries_.find(key);
  if (entry == entries_.end()) return;
  const Entry& state = entry->second;
  if (!state.queued && !state.working && !state.due && state.failures == 0) entries_.erase(entry);
}

void WorkQueue::shut_down() {
  const std::lock_guard lock(mutex_);
  shut_down_ = true;
  changed_.notify_all();
}

std::size_t WorkQueue::depth() const {
  const std::lock_guard lock(mutex_);
  return ready_.size();
}

WorkQueue::Duration WorkQueue::oldest() const {
  const std::lock_guard lock(mutex_);
  if (ready_.empty()) return Duration{0};
  return std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - entries_.at(ready_.front()).since);
}

}  // namespace reconciler
