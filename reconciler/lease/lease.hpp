#pragma once
#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "common/base/clock.hpp"
#include "common/net/api_client.hpp"

namespace reconciler {

/// Who leads, by a coordination.k8s.io Lease. Times are judged by this machine's monotonic clock alone: a lease counts
/// as expired once it was seen unchanged for its whole duration, and we stop to write well before another one can
/// think that of ours. So there is never more than one writer, whatever the wall clocks say.
///
///                    released, expired, absent                 deadline passed without a renewal
///     ┌──────────▶ following ───────────────────▶ leading ───────────────────────────┐
///     └───────────────────────────────────────────────────────────────────────────────┘
///
/// A following replica watches the Lease, so that a released one is taken within milliseconds.
class LeaderLease {
 public:
  struct Options {
    std::string name_space;
    std::string name;
    /// Unique per process: the Pod's name and something random.
    std::string identity;
    std::chrono::milliseconds duration{15000};
    /// How often the leader renews.
    std::chrono::milliseconds renew{5000};
    /// Without a renewal for this long the leader stops to write; shorter than `duration`.
    std::chrono::milliseconds deadline{10000};
    std::chrono::milliseconds retry{1000};
  };

  /// `api` needs timeouts shorter than `deadline`. `on_change` is called with true when we became the leader and
  /// with false when we stopped to be: from the thread of `run`, or at the deadline from one of its own.
  LeaderLease(net::ApiClient& api, const base::Clock& clock, Options options, std::function<void(bool)> on_change);

  /// Until `stop`; then releases the lease if we hold it. `before_release` runs first.
  void run(const std::function<void()>& before_release = {});
  void stop();

  /// Whether we may write at this moment. Thread-safe.
  [[nodiscard]] bool holds() const;

 private:
  struct Record {
    std::string holder;
    std::chrono::milliseconds duration{};
    std::string resource_version;
    std::string acquired;
    std::int64_t transitions = 0;
  };

  void follow();
  void lead();
  void renew_until_lost();
  void guard_deadline(net::Cancellation& ended);
  /// Reads the Lease; nothing when it is not there or could not be read.
  [[nodiscard]] std::optional<Record> read();
  void note_seen(const Record& record);
  [[nodiscard]] bool is_free(const Record& record) const;
  [[nodiscard]] bool take(const std::optional<Record>& record);
  [[nodiscard]] bool write(const Record& record, bool is_new);
  void release();
  void wait_for_change(const Record& record);
  void set_leading(bool leading);
  [[nodiscard]] std::string path() const;
  [[nodiscard]] std::string collection() const;
  void note(const std::string& problem);

  net::ApiClient& api_;
  const base::Clock& clock_;
  const Options options_;
  const std::function<void(bool)> on_change_;
  net::Cancellation stopping_;
  /// Steady time in nanoseconds until which we may write; 0: we may not.
  std::atomic<std::int64_t> valid_until_ = 0;
  std::mutex mutex_;  // one change at a time
  std::atomic<bool> leading_ = false;
  Record held_;
  std::string seen_version_;
  base::SteadyTime seen_at_{};
  std::string last_problem_;
};

}  // namespace reconciler
