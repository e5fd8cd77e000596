#pragma once
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/clock.hpp"
#include "common/base/error.hpp"
#include "reconciler/queue/key.hpp"
#include "reconciler/reconcile/observed.hpp"

namespace reconciler {

/// Asks the programs in Pods how they are: the agents for /state, the fetchers for /progress, by the Pod's IP and with
/// short timeouts. A Pod is asked at once when it is first wanted, every 2 s while its service is on the way, else
/// every 10 s; with many settled Pods more seldom, so that all of them together are asked at most 5 times a second.
/// Thread-safe.
class Sampler {
 public:
  /// Body of a 200, or why there is none.
  using Fetch = std::function<base::Result<std::string>(const std::string& ip, int port, const std::string& path)>;
  /// An answer about this object differs from the one before.
  using Changed = std::function<void(const Key&)>;

  struct Timing {
    std::chrono::milliseconds busy{2000};
    std::chrono::milliseconds settled{10000};
    /// How long a service counts as on the way after its last change.
    std::chrono::milliseconds busy_after_change{20000};
    /// Of all settled Pods together.
    double settled_per_second = 5;
  };

  Sampler(Fetch fetch, Changed changed) : Sampler(std::move(fetch), std::move(changed), Timing()) {}
  Sampler(Fetch fetch, Changed changed, Timing timing);

  enum class What { agent, progress };
  struct Target {
    What what = What::agent;
    std::string pod;
    std::string ip;
  };
  /// What `key` wants to know from now on, in place of what it wanted before; `on_the_way` says that it just changed.
  void want(const Key& key, const std::vector<Target>& targets, bool on_the_way);

  /// Whether each of the Pods that `key` wants was asked at least once, whatever came of it.
  [[nodiscard]] bool asked_all(const Key& key) const;
  /// The latest answers about what `key` wants; a Pod that was never asked is not among them.
  [[nodiscard]] std::vector<AgentSample> agents(const Key& key) const;
  [[nodiscard]] std::map<std::string, FetchProgress, std::less<>> progress(const Key& key) const;

  /// Asks until `stop`; any number of threads may.
  void run();
  void stop();

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct PodKey {
    What what;
    std::string namespace_;
    std::string pod;
    auto operator<=>(const PodKey&) const = default;
  };
  struct PodState {
    std::string ip;
    std::set<Key> wanted_by;
    Time due{};
    Time busy_until{};
    Time asked{};
    bool asking = false;
    std::optional<AgentSample> agent;
    std::optional<FetchProgress> progress;
  };

  void ask(std::unique_lock<std::mutex>& lock, const PodKey& pod);
  void schedule(const PodKey& pod, PodState& state, Time due);
  /// True when the answer says something new.
  [[nodiscard]] static bool take_answer(const PodKey& pod, PodState& state, const base::Result<std::string>& body);
  [[nodiscard]] std::chrono::nanoseconds interval(const PodState& state, Time now) const;

  const Fetch fetch_;
  const Changed changed_;
  const Timing timing_;
  mutable std::mutex mutex_;  // guards all below
  std::condition_variable wake_;
  std::map<PodKey, PodState> pods_;
  std::map<Key, std::set<PodKey>> wanted_;
  std::set<std::pair<Time, PodKey>> schedule_;
  bool stopped_ = false;
};

/// GET over plain HTTP, with at most 1.5 s for all of it.
[[nodiscard]] base::Result<std::string> fetch_from_pod(const std::string& ip, int port, const std::string& path);

}  // namespace reconciler
