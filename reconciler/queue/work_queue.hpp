#pragma once
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include "reconciler/queue/key.hpp"

namespace reconciler {

/// Which objects are due, each at most once, and never at two workers at a time: as client-go's rate-limited queue.
/// An object that is added while it is being worked on comes again afterwards, and one that was worked on rests a
/// moment, so that what happens to it in one go costs one pass. Services go first: what is recorded of
/// Models can wait until a moment has passed and while children are to be made, but not for ever. Thread-safe.
class WorkQueue {
 public:
  using Duration = std::chrono::milliseconds;
  struct Delays {
    /// After the first failure of a key in a row; doubles with each one more, with jitter.
    Duration first_retry{200};
    Duration longest_retry{std::chrono::minutes{2}};
    /// Between two passes of one service.
    Duration rest{200};
    /// From what happened to a Model until its pass, and between two: records that nobody waits for are kept of it.
    Duration models_rest{1000};
    /// From when on a Model that waits takes every fourth turn.
    Duration models_wait{10000};
  };

  WorkQueue() : WorkQueue(Delays()) {}
  explicit WorkQueue(Delays delays) : delays_(delays) {}

  /// Something happened to it: a service is due at once, a Model after its rest.
  void add(const Key& key);
  /// Due after `delay` (0: at once), or earlier when it is due earlier anyway.
  void add_after(const Key& key, Duration delay);
  /// Due after the key's backoff, at least after `floor` (a server's Retry-After); counts a failure.
  void retry(const Key& key, Duration floor = Duration{0});
  /// The key's failures are forgotten.
  void succeeded(const Key& key);

  /// Waits for a key that is due; the caller ends with `done(key)`. Nothing once the queue is shut down.
  [[nodiscard]] std::optional<Key> take();
  void done(const Key& key);

  /// `take` gives nothing from now on.
  void shut_down();

  /// Keys that are due and wait for a worker.
  [[nodiscard]] std::size_t depth() const;
  /// How long the one that waits longest has waited.
  [[nodiscard]] Duration oldest() const;

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Entry {
    /// queued: in its lane. working: at a worker. again: was added meanwhile.
    bool queued = false;
    Time since{};
    bool working = false;
    bool again = false;
    unsigned failures = 0;
    std::optional<Time> due;
    Time rests_until{};
  };

  void add_locked(const Key& key);
  void add_after_locked(const Key& key, Duration delay);
  void wait_until_locked(const Key& key, Entry& entry, Time due);
  /// What is due and what has rested.
  void promote_due_locked(Time now);
  /// Keys of `entries_`, where those that are queued stay: all objects are at a start.
  using Lane = std::deque<const Key*>;
  [[nodiscard]] Lane& lane_of(const Key& key) { return key.kind == Key::Kind::service ? services_ : models_; }
  [[nodiscard]] bool is_empty_locked() const { return services_.empty() && models_.empty(); }
  /// The lane whose turn it is; one of them holds something.
  [[nodiscard]] Lane& next_lane_locked(Time now);
  void tidy_locked(const Key& key);

  const Delays delays_;
  mutable std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::map<Key, Entry> entries_;
  Lane services_;
  Lane models_;
  unsigned turns_ = 0;
  std::set<std::pair<Time, Key>> waiting_;
  std::deque<std::pair<Time, Key>> resting_services_;
  std::deque<std::pair<Time, Key>> resting_models_;
  bool shut_down_ = false;
};

}  // namespace reconciler
