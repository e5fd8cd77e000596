#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/json.hpp"
#include "reconciler/cache/ownership.hpp"
#include "reconciler/cache/resource.hpp"
#include "reconciler/queue/key.hpp"
#include "reconciler/reconcile/reconcile.hpp"

namespace reconciler {

/// The cluster as far as we care: by namespace and name, and who has to be looked at again when one changes. Of
/// children and Pods typed views are kept and the bodies dropped, of services and Models spec and status as text.
/// Thread-safe; every call is short.
class ClusterCache {
 public:
  /// Called, without a lock held, with each object whose decision may be another one now.
  using Notify = std::function<void(const Key&)>;
  /// Called when a child that is not being deleted by us vanished or came anew, so that what was last applied to it
  /// counts no more.
  using Vanished = std::function<void(Resource, const std::string& namespace_, const std::string& name)>;

  ClusterCache(Settings settings, Notify notify, Vanished vanished = {});
  ~ClusterCache();

  /// A list item or a watch event. States older than what is kept are ignored, and one in which nothing is other than
  /// before that a decision rests on concerns nobody.
  void upsert(Resource resource, const base::JsonValue& object) { store(resource, object, Source::watch); }
  /// The answer to our own write: as `upsert`, but what the watch saw deleted since is not kept, and the status of a
  /// service or Model concerns nobody, unless its spec came along. Nor does a Job's record of what its Pod said,
  /// whoever tells of it.
  void record_write(Resource resource, const base::JsonValue& object) { store(resource, object, Source::write); }
  /// A complete list: states count even when they look older (a server that was restored from a backup).
  void upsert_listed(Resource resource, const base::JsonValue& object) { store(resource, object, Source::list); }
  /// A write of ours to the status of a service or Model, while it is under way: the watch may be faster than the
  /// answer, and then it tells what concerns nobody. What others wrote meanwhile is announced at the end.
  class StatusWrite {
   public:
    StatusWrite(ClusterCache& cache, Key key);
    ~StatusWrite();
    StatusWrite(const StatusWrite&) = delete;
    StatusWrite& operator=(const StatusWrite&) = delete;
    /// As `record_write`.
    void answered(const base::JsonValue& object);

   private:
    ClusterCache& cache_;
    const Key key_;
    std::string version_;
  };
  void remove(Resource resource, const base::JsonValue& object);
  /// After a complete list of a namespace ("" = all): what is not in it ("namespace/name") is gone.
  void retain(Resource resource, const std::string& namespace_, const std::set<std::string, std::less<>>& listed);

  /// All that the decision about one service rests on, without samples and problems; nothing when it is not there or
  /// not ours. Claims that it needs and the cache lacks go to `missing_claims`.
  [[nodiscard]] std::optional<Observed> observe_service(const std::string& namespace_, const std::string& name,
                                                        std::vector<std::string>* missing_claims) const;
  [[nodiscard]] std::optional<ObservedModel> observe_model(const std::string& namespace_, const std::string& name,
                                                           std::vector<std::string>* missing_claims) const;

  /// A service whose runtime is another's now, while its status still tells what we wrote.
  [[nodiscard]] std::optional<ObjectMeta> left_service(const std::string& namespace_, const std::string& name) const;

  [[nodiscard]] std::optional<LiveObject> live(Resource resource, const std::string& namespace_,
                                               const std::string& name) const;

  /// Every Model, and every service that is ours or was.
  [[nodiscard]] std::vector<Key> keys() const;

  /// For the metrics: phase of each service of ours, and of each Model, with how many have it.
  struct Phases {
    std::map<std::string, int> services;
    std::map<std::string, int> models;
  };
  [[nodiscard]] Phases phases() const;

 private:
  enum class Source { list, watch, write };
  struct Namespace;

  void store(Resource resource, const base::JsonValue& object, Source source);
  void tell(const std::set<Key>& keys) const;
  /// True when a write of ours is under way, which may be what the watch told. With the lock.
  [[nodiscard]] bool hold(Resource resource, const ObjectMeta& meta, const std::set<Key>& keys);

  const Settings settings_;
  const Notify notify_;
  const Vanished vanished_;
  mutable std::mutex mutex_;  // guards all below
  std::map<std::string, std::unique_ptr<Namespace>, std::less<>> namespaces_;
  /// resourceVersion of the last deletion seen. One for all names: an answer to a write that it wrongly holds back
  /// comes through the watch anyway, so no record of each deleted name is needed.
  std::map<Resource, std::string> newest_deletion_;
  /// Status writes under way: the versions that the watch told meanwhile, and whom each concerns.
  std::map<Key, std::vector<std::pair<std::string, std::set<Key>>>> writing_;
};

}  // namespace reconciler
