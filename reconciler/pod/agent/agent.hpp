#pragma once
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "common/base/clock.hpp"
#include "common/base/file.hpp"
#include "common/base/metrics.hpp"
#include "common/net/http_client.hpp"
#include "reconciler/pod/agent/child_logs.hpp"
#include "reconciler/pod/agent/config.hpp"
#include "reconciler/pod/agent/gate/shared_scheduler.hpp"
#include "reconciler/pod/agent/llama_server.hpp"
#include "reconciler/pod/agent/residency.hpp"
#include "reconciler/pod/agent/statistics.hpp"

namespace agent {

/// Residency's hands: reads the mounted files, listens to llama-server, and does what `Residency::decide` says.
/// Two threads: one that decides and acts, one that follows the event stream and wakes the first.
class Agent {
 public:
  struct Options {
    std::string config_path;
    std::string preset_path;
    /// Where llama-server's children log, one file each; empty: nowhere.
    std::string child_logs{};
    Residency::Settings residency;
    std::chrono::milliseconds drain_timeout{55'000};
    /// The Pod's terminationGracePeriodSeconds.
    std::chrono::milliseconds grace_period{60'000};
    /// How often llama-server is asked while its event stream is not followed, and while it is.
    std::chrono::milliseconds ask_alone{1'000};
    std::chrono::milliseconds ask_following{3'000};
  };

  /// `gate`: null when requests do not come through it; then what is in flight is only known from llama-server.
  Agent(Options options, LlamaServer& server, SharedScheduler* gate, base::MetricTable& metrics,
        const base::Clock& clock);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  void start();
  void stop();

  // What the routes answer; all thread-safe.

  /// Ready, and when not, why.
  [[nodiscard]] bool ready(std::string& why) const;
  /// The body of `/state`, or nothing and the reason while llama-server does not answer.
  [[nodiscard]] base::Result<std::string> state() const;
  /// The agent's metrics and those of every resident model. Loads, wakes and evicts nothing.
  [[nodiscard]] std::string metrics() const;
  /// Blocks until no request is in flight in any model; false when the drain timeout came first. Not ready from then
  /// on, until llama-server has gone and come back: a container that is restarted alone has its preStop hook called,
  /// too. Anyone may call it: with a llama-server that still answers after the grace period no SIGTERM has followed,
  /// and the drain is void.
  [[nodiscard]] bool drain();

 private:
  [[nodiscard]] Residency::Settings residency_settings() const;
  void run();
  void follow_events();
  void read_files();
  void list();
  void carry_out(const Action& action);
  void load(const std::string& name);
  void note_overdue();
  [[nodiscard]] std::string cause_of_failed_load(const std::string& model) const;
  void tell_gate(base::SteadyTime asked_at);
  void reload();
  void log_notes();
  void read_build();
  void end_drain(bool restarted);
  [[nodiscard]] bool wait_until_quiet();
  [[nodiscard]] bool is_quiet();

  const Options options_;
  LlamaServer& server_;
  SharedScheduler* const gate_;
  base::MetricTable& metrics_;
  const base::Clock& clock_;
  Statistics statistics_;
  const ChildLogs logs_;

  mutable std::mutex mutex_;  // guards all up to stopping_
  std::condition_variable changed_;
  Residency residency_;
  std::string build_;
  bool heard_ = false;
  bool draining_ = false;
  /// Calls of `drain` that have not returned.
  int drains_ = 0;
  /// Counted from the last call.
  base::SteadyTime drain_void_at_;
  bool stopping_ = false;

  /// Of two scrapes at once none sees what the other clears. Taken first.
  mutable std::mutex scrape_mutex_;

  /// The gate asks from its own thread, with its mutex held: this one is taken last.
  mutable std::mutex overdue_mutex_;  // guards overdue_
  std::set<std::string> overdue_;

  std::atomic<bool> following_ = false;

  // Only the deciding thread touches these.
  std::optional<base::FileStamp> preset_stamp_;
  std::optional<base::FileStamp> config_stamp_;
  base::SteadyTime listed_at_;
  bool listed_ok_ = false;
  bool list_now_ = true;
  /// The gate's place for a load of ours, until it has ended.
  std::optional<std::pair<std::string, Scheduler::Ticket>> our_load_;

  net::Cancellation cancellation_;
  std::thread decider_;
  std::thread follower_;
};

}  // namespace agent
