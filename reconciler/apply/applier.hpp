#pragma once
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.hpp"
#include "common/net/api_client.hpp"
#include "reconciler/apply/memory.hpp"
#include "reconciler/cache/cache.hpp"
#include "reconciler/queue/key.hpp"
#include "reconciler/reconcile/reconcile.hpp"

namespace reconciler {

/// How far a decision was carried out.
struct Outcome {
  /// Children that were refused, now or before, in the order of the decision.
  std::vector<ApplyProblem> problems;
  /// Each child was looked at: none of those behind one at which the server had no time was left out.
  bool all_applied = true;
  /// Something did not work that may work later: the key goes back into the queue with backoff.
  std::optional<base::Error> error;
  /// The server asked for this much patience.
  std::chrono::seconds retry_after{0};
  /// Nobody will tell us what we wait for (a write that has not come back yet, an object without our label): look again
  /// after this time.
  std::optional<std::chrono::milliseconds> look_again;
  /// Children that are other than before now, as the cache knows.
  int changes = 0;

  /// A request that says nothing about the object: it ends the pass, and the key comes again.
  void put_off(net::NotNow failure) {
    error = std::move(failure.error);
    retry_after = failure.retry_after;
  }
};

/// Carries out decisions through the API: server-side apply, not forced. A field that another manager applied is left
/// alone and reported; an edit of a field that was ours is taken back, a few times. Thread-safe for different keys.
class Applier {
 public:
  /// Takes the body of an Event and where to create it.
  using RecordEvent = std::function<void(std::string path, std::string body)>;

  /// `may_write` is asked before every write: whether we are the leader still.
  Applier(net::ApiClient& api, ClusterCache& cache, const base::Clock& clock, std::function<bool()> may_write,
          RecordEvent record_event);

  /// What was applied so far: another one may have written since.
  void forget();

  /// Children, deletions and annotations, in this order. Stops at the first failure that is not a refusal of the child.
  [[nodiscard]] Outcome carry_out(const Key& key, const Decision& decision);
  /// The status, then the events if it was written.
  [[nodiscard]] Outcome write_status(const Key& key, const ObjectMeta& meta, const Decision& decision);

  /// The child is gone or is another one: see ClusterCache::Vanished.
  void forget(Resource resource, const std::string& name_space, const std::string& name) {
    memory_.forget({resource, name_space, name});
  }

 private:
  /// False when the pass must end.
  [[nodiscard]] bool apply_child(const Key& key, const DesiredObject& desired, Outcome& outcome);
  [[nodiscard]] bool create_child(const Key& key, const DesiredObject& desired, Outcome& outcome);
  [[nodiscard]] bool remove(const Key& key, const Deletion& deletion, Outcome& outcome);
  [[nodiscard]] bool annotate(const Key& key, const AnnotationPatch& patch, Outcome& outcome);
  [[nodiscard]] bool settle(const ChildKey& child, const DesiredObject& desired, const std::optional<LiveObject>& live,
                            const base::Result<net::ApiResponse>& response, Outcome& outcome);
  void record_events(const Key& key, const ObjectMeta& meta, const std::vector<Event>& events);
  [[nodiscard]] bool allowed(Outcome& outcome) const;

  net::ApiClient& api_;
  ClusterCache& cache_;
  const base::Clock& clock_;
  const std::function<bool()> may_write_;
  const RecordEvent record_event_;
  ApplyMemory memory_;
};

}  // namespace reconciler
