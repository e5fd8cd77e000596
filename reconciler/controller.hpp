#pragma once
#include <atomic>
#include <chrono>
#include <expected>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "common/base/clock.hpp"
#include "common/base/metrics.hpp"
#include "common/net/api_client.hpp"
#include "reconciler/apply/applier.hpp"
#include "reconciler/apply/patience.hpp"
#include "reconciler/cache/cache.hpp"
#include "reconciler/cache/claim_reader.hpp"
#include "reconciler/queue/work_queue.hpp"
#include "reconciler/reconcile/reconcile.hpp"
#include "reconciler/sample/sampler.hpp"

namespace reconciler {

/// One pass over one object: observe, decide, carry out; the status when nothing was left to carry out. Everything
/// else serves this.
class Controller {
 public:
  struct Parts {
    const Settings& settings;
    const base::Clock& clock;
    net::ApiClient& api;
    ClusterCache& cache;
    WorkQueue& queue;
    Sampler& sampler;
    Applier& applier;
    base::MetricTable& metrics;
    Patience::Timing patience = Patience::Timing();
  };
  explicit Controller(Parts parts)
      : parts_(parts),
        claims_(parts.api, parts.clock),
        status_patience_(parts.clock, parts.patience),
        preset_patience_(parts.clock, parts.patience) {}

  /// Takes keys until the queue is shut down; each worker is one thread. While `active(false)` keys stay in the queue.
  void work();
  /// Whether workers may start passes: we are the leader and the cache is complete. When it becomes true, every object
  /// is due and nothing counts as applied; when it becomes false, nobody is asked any more.
  void set_active(bool active);

  /// Names of the cluster's PriorityClasses; null while not known.
  void set_priority_classes(std::shared_ptr<const std::set<std::string>> names);
  /// Fields of ours that the live CRD lacks. When they change, every object is due.
  void set_missing_fields(std::vector<std::string> fields);

 private:
  void pass(const Key& key);
  void add_all();
  [[nodiscard]] Outcome pass_service(const Key& key);
  [[nodiscard]] Outcome pass_model(const Key& key);
  /// A service that another operator serves from now on: what its status says of ours is taken back.
  [[nodiscard]] Outcome let_go(const Key& key);
  /// What takes a name away: nothing changes before the status says so, and that waits until all were asked.
  [[nodiscard]] Outcome say_then_do(const Key& key, const Observed& observed, ServiceDecision& deciding,
                                    bool all_asked);
  /// The status speaks of what is there, so after a write, or a problem that is new, the next pass says it.
  [[nodiscard]] Outcome do_then_say(const Key& key, const Observed& observed, ServiceDecision& deciding);
  /// While a Pod was never asked (it is new, or we are). It is asked within a moment, and then this comes again; until
  /// then nothing is said about it: else each restart of ours would write statuses that it takes back at once.
  [[nodiscard]] Outcome do_in_silence(const Key& key, const Observed& observed, Decision& decision);
  void want_samples(const Key& key, const Decision& decision, const Observed& observed);
  /// Whether what was observed holds the latest answer of each Pod and Service that the decision wants to hear. One may
  /// come while the decision is made, within a millisecond of the first question: then the key is due once more.
  [[nodiscard]] bool is_all_asked(const Key& key, const Observed& observed);
  /// Children, deletions and annotations, but for what waits for more to come.
  [[nodiscard]] Outcome carry_out(const Key& key, const Decision& decision);
  /// Writes the status, unless it waits for what comes next.
  [[nodiscard]] Outcome tell(const Key& key, const ObjectMeta& meta, const Decision& decision);
  void finish(const Key& key, const Outcome& outcome);
  void look_again(const Key& key, const Decision& decision, const Outcome& outcome);
  void report(const Key& key, const std::optional<base::Error>& error);
  /// Nothing when it is not there or not ours; an error when a claim of a user cannot be read.
  [[nodiscard]] std::expected<std::optional<Observed>, net::NotNow> observe_service(const Key& key);
  [[nodiscard]] std::expected<std::optional<ObservedModel>, net::NotNow> observe_model(const Key& key);
  [[nodiscard]] std::vector<ApplyProblem> problems_of(const Key& key) const;
  void keep_problems(const Key& key, const std::vector<ApplyProblem>& problems);

  const Parts parts_;
  ClaimReader claims_;
  Patience status_patience_;
  Patience preset_patience_;
  std::atomic<bool> active_ = false;
  mutable std::mutex mutex_;  // guards all below
  std::map<Key, std::string> errors_;
  std::map<Key, std::vector<ApplyProblem>> problems_;
  std::shared_ptr<const std::set<std::string>> priority_classes_;
  std::shared_ptr<const std::vector<std::string>> missing_fields_;
};

}  // namespace reconciler
