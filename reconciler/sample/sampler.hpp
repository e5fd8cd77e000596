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
#include "common/base/rare.hpp"
#include "reconciler/queue/key.hpp"
#include "reconciler/reconcile/observed.hpp"
#include "reconciler/sample/fetch.hpp"

namespace reconciler {

/// Asks the programs in Pods how they are: the agents for /state, the fetchers for /progress, by the Pod's IP and with
/// short timeouts. A Pod is asked at once when it is first wanted, every 2 s while its service is on the way and for
/// 20 s after it or its answer changed, else every 10 s; with many settled Pods more seldom, so that all of them
/// together are asked 3 times a second, but each at least once in three minutes. Every 250 ms for a few seconds when
/// the next answer is waited for: of an agent that is about to see a preset, of a fetcher that is nearly done. Pods
/// whose time comes within an eighth of their pace are asked at once, up to 32 of them, since a wake-up costs more than
/// an answer; one that hangs holds up nobody but the thread that asked. It also knocks at Services, every 250 ms for at
/// most 10 s, until they no longer refuse. Of one that still does, or gives no answer, the API server is asked whether
/// it has an endpoint; while it has none, both are asked at the pace of settled Pods. One that gave no answer at all is
/// asked once more before: a refusal may have been lost on its way. Thread-safe.
class Sampler {
 public:
  /// As `fetch_from_pods`.
  using Fetch = std::function<void(const std::vector<Question>& questions, const PodAnswered& answered)>;
  using KnockAt = std::function<Knock(const std::string& ip, int port)>;
  /// Whether a Service has a ready endpoint, or why that is not known.
  using HasEndpoint = std::function<base::Result<bool>(const std::string& namespace_, const std::string& service)>;
  /// An answer about this object differs from the one before.
  using Changed = std::function<void(const Key&)>;

  struct Timing {
    std::chrono::milliseconds busy{2000};
    std::chrono::milliseconds settled{10000};
    /// How long a service counts as on the way after its last change.
    std::chrono::milliseconds busy_after_change{20000};
    /// Of one whose answer is about to change, and for how long that is believed.
    std::chrono::milliseconds soon{250};
    std::chrono::milliseconds soon_for{5000};
    /// Of all settled Pods together, as long as each is asked this often.
    double settled_per_second = 3;
    std::chrono::milliseconds settled_longest{180000};
    /// Between two knocks at a Service that refuses, and after how long it is asked whether it has an endpoint at all.
    /// One that has counts as one of which nothing is known.
    std::chrono::milliseconds knock{250};
    std::chrono::milliseconds knock_for{10000};
    /// When so many Services in a row gave no answer at all, we cannot reach any: nobody is asked for a while.
    int blind_after = 3;
    std::chrono::milliseconds blind_for{std::chrono::minutes{10}};
  };

  Sampler(Fetch fetch, KnockAt knock, HasEndpoint has_endpoint, Changed changed, Timing timing);

  /// The agent or the fetcher in a Pod, or the front of a Service.
  enum class What { agent, progress, front };
  struct Target {
    What what = What::agent;
    /// Of the Pod or the Service.
    std::string name;
    std::string ip;
    int port = 0;
    /// The Pod turned ready: what it said before counts no more, so it is asked anew.
    bool ready = false;
    /// Its answer is about to change.
    bool soon = false;
  };
  /// What `key` wants to know from now on, in place of what it wanted before; `on_the_way` says that it just changed.
  void want(const Key& key, const std::vector<Target>& targets, bool on_the_way);
  /// Nobody wants to know anything any more.
  void forget();

  /// Whether each of the Pods and Services that `key` wants was asked at least once, whatever came of it.
  [[nodiscard]] bool asked_all(const Key& key) const;
  /// The latest answers about what `key` wants; a Pod that was never asked is not among them.
  [[nodiscard]] std::vector<AgentSample> agents(const Key& key) const;
  [[nodiscard]] std::map<std::string, FetchProgress, std::less<>> progress(const Key& key) const;
  [[nodiscard]] std::optional<Knock> front(const Key& key) const;
  /// The latest word of every fetcher that anybody wants to know about.
  [[nodiscard]] std::vector<FetchProgress> downloads() const;

  /// Asks until `stop`; any number of threads may.
  void run();

  using Time = std::chrono::steady_clock::time_point;
  /// When one that was asked at `asked` is due again: up to an eighth of its pace early, so that those of one span have
  /// one time and are asked at once.
  [[nodiscard]] static Time next_turn(Time asked, std::chrono::nanoseconds pace);
  void stop();

 private:
  /// What is asked, and where it is.
  struct Place {
    What what;
    std::string namespace_;
    std::string name;
    auto operator<=>(const Place&) const = default;
  };
  struct State {
    Target target;
    std::set<Key> wanted_by;
    Time due{};
    /// Until when it is asked more often: it or its answer changed, its service is on the way, it is about to change.
    Time busy_until{};
    Time way_until{};
    Time soon_until{};
    Time asked{};
    bool asking = false;
    /// Of the latest answer, 0 when there was none: the same bytes say nothing new.
    std::size_t answer_hash = 0;
    std::optional<AgentSample> agent;
    base::Rare<FetchProgress> progress;
    std::optional<Knock> front;
    Time first_knock{};
    /// The latest knock was not answered at all; after a refusal that is another one, which was lost.
    bool silent = false;
    bool has_refused = false;
  };

  // Places are keys of `places_`, which stay there while they are being asked.
  void schedule(const Place& place, State& state, Time due);
  /// With the lock. Who is being asked goes once the answer is there.
  void drop_want(const Key& key, const Place& place);
  /// Takes off the schedule whose time has come: one Service, or Pods.
  [[nodiscard]] std::vector<const Place*> take_due(Time now);
  /// Asks Pods, or knocks at a Service, without the lock.
  void ask_pods(std::unique_lock<std::mutex>& lock, const std::vector<const Place*>& pods);
  void ask_service(std::unique_lock<std::mutex>& lock, const Place& place);
  /// Its question was answered, by the target that it was then: it gets its next turn, and who is concerned hears of
  /// news.
  void settle(std::unique_lock<std::mutex>& lock, const Place& place, const Target& asked_of, bool is_news);
  /// True when the answer says something new.
  [[nodiscard]] bool knock(std::unique_lock<std::mutex>& lock, const Place& place);
  /// What a refusal after `knock_for` means, and no answer at all: the API server is asked. It may take long, so it is
  /// asked by one thread at a time; meanwhile the other Services are as they were.
  [[nodiscard]] Knock ask_for_endpoint(std::unique_lock<std::mutex>& lock, const Place& place);
  [[nodiscard]] bool take_answer(State& state, const base::Result<std::string>& body) const;
  [[nodiscard]] std::chrono::nanoseconds interval(const State& state, Time now) const;
  [[nodiscard]] Time due_after(Time asked, const State& state, Time now) const;
  /// Calls `visit` for the state of each place that `key` wants.
  template <class Visit>
  void each_wanted(const Key& key, Visit visit) const;

  const Fetch fetch_;
  const KnockAt knock_at_;
  const HasEndpoint has_endpoint_;
  const Changed changed_;
  const Timing timing_;
  mutable std::mutex mutex_;  // guards all below
  std::condition_variable wake_;
  /// One thread at a time watches the clock, so that a sample that is due wakes one and not all.
  bool has_watcher_ = false;
  std::condition_variable earlier_;
  std::map<Place, State> places_;
  /// Keys of `places_`, of which none goes while it is wanted.
  std::map<Key, std::vector<const Place*>> wanted_;
  /// Keys of `places_`.
  std::set<std::pair<Time, const Place*>> schedule_;
  bool api_is_asked_ = false;
  int silent_services_ = 0;
  Time blind_until_{};
  bool stopped_ = false;
};

}  // namespace reconciler
