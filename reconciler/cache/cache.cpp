#include "reconciler/cache/cache.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "common/kube/names.hpp"
#include "reconciler/cache/kept.hpp"
#include "reconciler/cache/name_index.hpp"
#include "reconciler/reconcile/model_progress.hpp"

namespace reconciler {
namespace {

/// Of the kinds that are made by server-side apply it is known what of them is ours: see LiveObject::content.
template <class View>
inline constexpr bool kIsApplied = std::is_same_v<View, DeploymentView> || std::is_same_v<View, ChildView>;
struct NoContent {};

template <class View>
struct Stored {
  using Kept = View;
  View view;
  Ownership ownership;
  [[no_unique_address]] std::conditional_t<kIsApplied<View>, std::uint64_t, NoContent> content{};
};

template <class View>
using Table = std::map<std::string, Stored<View>, std::less<>>;

/// What decisions see of what is kept: most kinds are kept as they are seen.
template <class View>
const View& view_of(const View& view) {
  return view;
}

template <class Kept>
auto copy_of(const Table<Kept>& table, std::string_view name) {
  using View = std::remove_cvref_t<decltype(view_of(std::declval<const Kept&>()))>;
  const auto found = table.find(name);
  return found == table.end() ? std::nullopt : std::optional<View>(view_of(found->second.view));
}

template <class View>
void append(const Table<View>& table, const NameIndex::Names& names, std::vector<View>& to) {
  for (const auto& name : names)
    if (const auto found = table.find(name); found != table.end()) to.push_back(found->second.view);
}

template <class Kept, class View>
void copy_named(const Table<Kept>& table, const std::vector<std::string>& names,
                std::map<std::string, View, std::less<>>& to, std::vector<std::string>* missing = nullptr) {
  for (const auto& name : names) {
    if (const auto found = table.find(name); found != table.end()) {
      to.emplace(name, view_of(found->second.view));
    } else if (missing != nullptr && std::find(missing->begin(), missing->end(), name) == missing->end()) {
      missing->push_back(name);
    }
  }
}

/// Of the objects that users write we write the status alone.
bool has_own_status(Resource resource) { return resource == Resource::service || resource == Resource::model; }

/// It is another operator's, and its status still tells what we wrote.
bool is_left(const Settings& settings, const KeptService& service) {
  if (is_ours(settings, service.runtime)) return false;
  const auto status = base::parse_json(service.status, "status");
  return status && base::find(*status, "advertisedModels") != nullptr;
}

/// The spec is the one that we know: the API server counts its changes, and no label that it lets in is a mistake.
bool is_generation_of(const LiveObject& known, const base::JsonValue& object) {
  return known.generation != 0 && known.generation == base::int_at(object, {"metadata", "generation"}) &&
         known.uid == base::string_at(object, {"metadata", "uid"});
}

bool same_generation(const ObjectMeta& a, const ObjectMeta& b) {
  return a.uid == b.uid && a.generation == b.generation && a.deleting == b.deleting;
}

}  // namespace

struct ClusterCache::Namespace {
  Table<KeptService> services;
  Table<KeptModel> models;
  Table<DeploymentView> deployments;
  Table<ChildView> network_services;
  Table<ChildView> config_maps;
  Table<ChildView> autoscalers;
  Table<PodView> pods;
  Table<JobView> jobs;
  Table<PodView> fetch_pods;
  Table<ClaimView> claims;

  NameIndex services_by_model;
  /// Those with a dot in their name, by the name of their Service, which has none.
  NameIndex services_by_front;
  NameIndex pods_by_service;
  NameIndex jobs_by_model;
  NameIndex fetch_pods_by_model;

  [[nodiscard]] bool is_empty() const {
    return services.empty() && models.empty() && deployments.empty() && network_services.empty() &&
           config_maps.empty() && autoscalers.empty() && pods.empty() && jobs.empty() && fetch_pods.empty() &&
           claims.empty();
  }

  /// Calls `visit(pointer to the table, decoder)` for the resource.
  template <class Visit>
  static auto of(Resource resource, Visit visit) {
    switch (resource) {
      case Resource::service:
        return visit(&Namespace::services, keep_service);
      case Resource::model:
        return visit(&Namespace::models, keep_model);
      case Resource::deployment:
        return visit(&Namespace::deployments, decode_deployment);
      case Resource::network_service:
        return visit(&Namespace::network_services, decode_child);
      case Resource::config_map:
        return visit(&Namespace::config_maps, decode_child);
      case Resource::autoscaler:
        return visit(&Namespace::autoscalers, decode_child);
      case Resource::pod:
        return visit(&Namespace::pods, decode_pod);
      case Resource::job:
        return visit(&Namespace::jobs, decode_job);
      case Resource::fetch_pod:
        return visit(&Namespace::fetch_pods, decode_pod);
      case Resource::claim:
        return visit(&Namespace::claims, decode_claim);
    }
    std::unreachable();
  }

  // Keeping the indices: `update` is NameIndex::insert or ::erase.
  template <class Update>
  void index(Resource, const KeptService& service, Update update) {
    for (const auto& model : service.models) update(services_by_model, model, service.meta.name);
    if (const auto front = kube::service_name(service.meta.name); front != service.meta.name)
      update(services_by_front, front, service.meta.name);
  }
  template <class Update>
  void index(Resource resource, const PodView& pod, Update update) {
    if (resource == Resource::pod) {
      update(pods_by_service, pod.service, pod.meta.name);
    } else {
      update(fetch_pods_by_model, pod.model, pod.meta.name);
    }
  }
  template <class Update>
  void index(Resource, const JobView& job, Update update) {
    update(jobs_by_model, job.model, job.meta.name);
  }
  template <class View, class Update>
  void index(Resource, const View&, Update) {}

  template <class View>
  void insert_into_index(Resource resource, const View& view) {
    index(resource, view, [](NameIndex& at, const std::string& key, const std::string& name) { at.insert(key, name); });
  }
  template <class View>
  void erase_from_index(Resource resource, const View& view) {
    index(resource, view, [](NameIndex& at, const std::string& key, const std::string& name) { at.erase(key, name); });
  }
};

namespace {

/// What its Pod said stands on the Job, so the Pod says nothing more: thousands of them would be kept for nothing.
bool is_recorded(const JobView& job) { return job.complete && !job.fetched.empty(); }

template <class Tables, class View>
void drop_pods_of(Tables&, Resource, const View&) {}
template <class Tables>
void drop_pods_of(Tables& tables, Resource, const JobView& job) {
  if (!is_recorded(job)) return;
  for (const auto& name : tables.fetch_pods_by_model.at(job.model)) {
    const auto pod = tables.fetch_pods.find(name);
    if (pod == tables.fetch_pods.end() || pod->second.view.meta.owner_uid != job.meta.uid) continue;
    tables.erase_from_index(Resource::fetch_pod, pod->second.view);
    tables.fetch_pods.erase(pod);
  }
}

template <class Tables, class View>
bool is_of_recorded_job(const Tables&, Resource, const View&) {
  return false;
}
template <class Tables>
bool is_of_recorded_job(const Tables& tables, Resource resource, const PodView& pod) {
  if (resource != Resource::fetch_pod) return false;
  const auto jobs = tables.jobs_by_model.at(pod.model);
  return std::any_of(jobs.begin(), jobs.end(), [&](const auto& name) {
    const auto& job = tables.jobs.find(name)->second.view;
    return job.meta.uid == pod.meta.owner_uid && is_recorded(job);
  });
}

template <class Tables, class View>
bool is_record_of_pod(const Tables&, const View&, const View&) {
  return false;
}
/// The Job has got the record of what its only Pod said when it ended: decisions read the Pod's word as they read the
/// record, so nobody learns anything.
template <class Tables>
bool is_record_of_pod(const Tables& tables, const JobView& before, const JobView& after) {
  if (!before.complete || !before.fetched.empty() || !is_recorded(after)) return false;
  JobView recorded = before;
  recorded.fetched = after.fetched;
  recorded.meta.resource_version = after.meta.resource_version;
  if (recorded != after) return false;
  int pods = 0;
  for (const auto& name : tables.fetch_pods_by_model.at(after.model)) {
    const auto pod = tables.fetch_pods.find(name);
    if (pod == tables.fetch_pods.end() || pod->second.view.meta.owner_uid != after.meta.uid) continue;
    if (pod->second.view.phase == "Running" || last_word(pod->second.view) != after.fetched) return false;
    ++pods;
  }
  return pods == 1;
}

/// Nothing that a decision rests on is another than before; what is kept gets the new version.
template <class View>
bool is_repetition(Stored<View>& before, const Stored<View>& after) {
  const auto version = std::exchange(before.view.meta.resource_version, after.view.meta.resource_version);
  if (before.ownership == after.ownership && before.view == after.view) {
    before.content = after.content;
    return true;
  }
  before.view.meta.resource_version = version;
  return false;
}

/// Collects whose decision a change may alter.
class Concerned {
 public:
  Concerned(const Settings& settings, std::string name_space)
      : settings_(settings), namespace_(std::move(name_space)) {}

  template <class Tables>
  void service(const Tables& tables, std::string_view name) {
    const auto found = tables.services.find(name);
    if (found != tables.services.end() && is_ours(settings_, found->second.view.runtime))
      add_service(std::string(name));
  }
  template <class Tables>
  void model(const Tables& tables, const std::string& name) {
    if (name.empty()) return;
    add_model(name);
    for (const auto& service_name : tables.services_by_model.at(name)) service(tables, service_name);
  }

  template <class Tables>
  void by(const Tables& tables, Resource, const KeptService& view) {
    service(tables, view.meta.name);
  }
  template <class Tables>
  void by(const Tables& tables, Resource, const KeptModel& view) {
    model(tables, view.meta.name);
  }
  template <class Tables>
  void by(const Tables& tables, Resource, const DeploymentView& view) {
    service(tables, view.meta.name);
  }
  template <class Tables>
  void by(const Tables& tables, Resource resource, const ChildView& view) {
    service(tables, view.service);
    if (resource != Resource::network_service) return;
    // Whom it kept from having one of that name, too.
    service(tables, view.meta.name);
    for (const auto& name : tables.services_by_front.at(view.meta.name)) service(tables, name);
  }
  template <class Tables>
  void by(const Tables& tables, Resource resource, const PodView& view) {
    if (resource == Resource::pod) {
      service(tables, view.service);
    } else {
      model(tables, view.model);
    }
  }
  template <class Tables>
  void by(const Tables& tables, Resource, const JobView& view) {
    model(tables, view.model);
  }
  /// Claims change a few times in their life, so all services of the namespace are asked.
  template <class Tables>
  void by(const Tables& tables, Resource, const ClaimView& view) {
    for (const auto& [name, stored] : tables.services) {
      std::map<std::string, ModelObject, std::less<>> models;
      copy_named(tables.models, stored.view.models, models);
      const auto claims = claims_of(settings_, *view_of(stored.view).view, models);
      if (std::find(claims.begin(), claims.end(), view.meta.name) == claims.end()) continue;
      service(tables, name);
      for (const auto& model_name : stored.view.models) add_model(model_name);
    }
  }
  /// A service of another shape than before, or gone: its Models' Jobs may be wanted, or not any more.
  void models_of_service(const KeptService& view) {
    for (const auto& name : view.models) add_model(name);
  }

  [[nodiscard]] const std::set<Key>& keys() const { return keys_; }

 private:
  void add_service(std::string name) { keys_.insert({Key::Kind::service, namespace_, std::move(name)}); }
  void add_model(std::string name) { keys_.insert({Key::Kind::model, namespace_, std::move(name)}); }

  const Settings& settings_;
  std::string namespace_;
  std::set<Key> keys_;
};

void note_service_change(Concerned& concerned, const KeptService* before, const KeptService* after) {
  if (before != nullptr && after != nullptr && same_generation(before->meta, after->meta)) return;
  if (before != nullptr) concerned.models_of_service(*before);
  if (after != nullptr) concerned.models_of_service(*after);
}
template <class View>
void note_service_change(Concerned&, const View*, const View*) {}

/// A service is judged on the way, by the rules of this site. `same`: what is kept of this very spec, or null.
template <class Decode, class View>
View decode_here(Decode decode, const base::JsonValue& object, const Settings& settings, const View* same) {
  if constexpr (std::is_same_v<View, KeptService>) {
    return decode(object, settings.site(), same);
  } else if constexpr (std::is_same_v<View, KeptModel>) {
    return decode(object, same);
  } else {
    return decode(object);
  }
}

}  // namespace

ClusterCache::ClusterCache(Settings settings, Notify notify, Vanished vanished)
    : settings_(std::move(settings)), notify_(std::move(notify)), vanished_(std::move(vanished)) {}

ClusterCache::~ClusterCache() = default;

void ClusterCache::tell(const std::set<Key>& keys) const {
  for (const auto& key : keys) notify_(key);
}

void ClusterCache::store(Resource resource, const base::JsonValue& object, Source source) {
  const std::string namespace_ = base::string_at(object, {"metadata", "namespace"});
  const std::string name = base::string_at(object, {"metadata", "name"});
  // The watch tells of our own writes what their answers told already.
  const auto known = live(resource, namespace_, name);
  if (known && known->resource_version == base::string_at(object, {"metadata", "resourceVersion"})) return;
  const bool same_spec = has_own_status(resource) && known && is_generation_of(*known, object);
  Concerned concerned(settings_, namespace_);
  bool replaced = false;
  bool is_held = false;
  Namespace::of(resource, [&](auto table_of, auto decode) {
    using View = std::remove_cvref_t<decltype(std::declval<Namespace&>().*table_of)>::mapped_type::Kept;
    std::optional<View> same;
    if (same_spec) {
      const std::lock_guard lock(mutex_);
      if (const auto slot = namespaces_.find(namespace_); slot != namespaces_.end()) {
        const auto& table = (*slot->second).*table_of;
        if (const auto found = table.find(name); found != table.end()) same = found->second.view;
      }
    }
    // Outside the lock: this is the long part.
    Stored<View> now{decode_here(decode, object, settings_, same ? &*same : nullptr), read_ownership(object)};
    // Who applied it remembers what it was; this is for those who come later.
    if constexpr (kIsApplied<View>) {
      const bool is_own = source == Source::write || (known && known->ownership.ours != 0 && known->content == 0);
      now.content = is_own ? 0 : content_of_ours(object);
    }
    const View& view = now.view;

    const std::lock_guard lock(mutex_);
    auto& slot = namespaces_[namespace_];
    if (slot == nullptr) slot = std::make_unique<Namespace>();
    if (is_of_recorded_job(*slot, resource, view)) return;
    auto& table = (*slot).*table_of;
    const auto found = table.find(name);
    if (found != table.end()) {
      const auto& before = found->second.view.meta;
      if (before.resource_version == view.meta.resource_version) return;
      if (source != Source::list && is_earlier(view.meta.resource_version, before.resource_version)) return;
      replaced = before.uid != view.meta.uid;
      const bool is_status = has_own_status(resource) && same_generation(before, view.meta);
      const bool is_own_status = source == Source::write && is_status;
      if (source == Source::watch && is_repetition(found->second, now)) return;
      const bool is_known = is_own_status || is_record_of_pod(*slot, found->second.view, view);
      slot->erase_from_index(resource, found->second.view);
      if (!is_known) concerned.by(*slot, resource, found->second.view);  // whom it belonged to before
      note_service_change(concerned, &found->second.view, &view);
      found->second = std::move(now);
      slot->insert_into_index(resource, found->second.view);
      drop_pods_of(*slot, resource, found->second.view);
      if (!is_known) concerned.by(*slot, resource, found->second.view);
      is_held = source == Source::watch && is_status && hold(resource, found->second.view.meta, concerned.keys());
    } else {
      // The watch can be faster than the answer to a write: what it already saw deleted must not come back for good.
      if (source == Source::write && is_earlier(view.meta.resource_version, newest_deletion_[resource])) return;
      const auto added = table.emplace(name, std::move(now)).first;
      slot->insert_into_index(resource, added->second.view);
      drop_pods_of(*slot, resource, added->second.view);
      note_service_change(concerned, static_cast<decltype(&added->second.view)>(nullptr), &added->second.view);
      concerned.by(*slot, resource, added->second.view);
    }
  });
  if (replaced && vanished_) vanished_(resource, namespace_, name);
  if (!is_held) tell(concerned.keys());
}

bool ClusterCache::hold(Resource resource, const ObjectMeta& meta, const std::set<Key>& keys) {
  const auto kind = resource == Resource::service ? Key::Kind::service : Key::Kind::model;
  const auto writing = writing_.find({kind, meta.namespace_, meta.name});
  if (writing == writing_.end()) return false;
  writing->second.emplace_back(meta.resource_version, keys);
  return true;
}

ClusterCache::StatusWrite::StatusWrite(ClusterCache& cache, Key key) : cache_(cache), key_(std::move(key)) {
  const std::lock_guard lock(cache_.mutex_);
  cache_.writing_[key_];
}

ClusterCache::StatusWrite::~StatusWrite() {
  auto held = [this] {
    const std::lock_guard lock(cache_.mutex_);
    return std::move(cache_.writing_.extract(key_).mapped());
  }();
  for (const auto& [version, keys] : held)
    if (version != version_) cache_.tell(keys);
}

void ClusterCache::StatusWrite::answered(const base::JsonValue& object) {
  version_ = base::string_at(object, {"metadata", "resourceVersion"});
  cache_.record_write(key_.kind == Key::Kind::service ? Resource::service : Resource::model, object);
}

void ClusterCache::remove(Resource resource, const base::JsonValue& object) {
  const std::string namespace_ = base::string_at(object, {"metadata", "namespace"});
  const std::string name = base::string_at(object, {"metadata", "name"});
  const std::string uid = base::string_at(object, {"metadata", "uid"});
  const std::string version = base::string_at(object, {"metadata", "resourceVersion"});  // of the deletion itself
  Concerned concerned(settings_, namespace_);
  bool removed = false;
  Namespace::of(resource, [&](auto table_of, auto) {
    const std::lock_guard lock(mutex_);
    if (auto& newest = newest_deletion_[resource]; newest.empty() || is_earlier(newest, version)) newest = version;
    const auto slot = namespaces_.find(namespace_);
    if (slot == namespaces_.end()) return;
    Namespace& tables = *slot->second;
    auto& table = tables.*table_of;
    const auto found = table.find(name);
    if (found == table.end() || (!uid.empty() && found->second.view.meta.uid != uid))
      return;  // a newer one of that name
    concerned.by(tables, resource, found->second.view);
    note_service_change(concerned, &found->second.view, static_cast<decltype(&found->second.view)>(nullptr));
    tables.erase_from_index(resource, found->second.view);
    table.erase(found);
    removed = true;
    if (tables.is_empty()) namespaces_.erase(slot);  // namespaces come and go: previews, tests
  });
  if (removed && vanished_) vanished_(resource, namespace_, name);
  tell(concerned.keys());
}

void ClusterCache::retain(Resource resource, const std::string& namespace_,
                          const std::set<std::string, std::less<>>& listed) {
  std::vector<std::pair<std::string, std::string>> gone;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [at, tables] : namespaces_) {
      if (!namespace_.empty() && at != namespace_) continue;
      Namespace::of(resource, [&](auto table_of, auto) {
        for (const auto& [name, stored] : (*tables).*table_of)
          if (!listed.contains(at + "/" + name)) gone.emplace_back(at, name);
      });
    }
  }
  for (const auto& [at, name] : gone) {
    base::JsonDocument object;
    object.SetObject();
    base::JsonValue metadata(rapidjson::kObjectType);
    auto& allocator = object.GetAllocator();
    metadata.AddMember("namespace", base::JsonValue(at.c_str(), allocator), allocator);
    metadata.AddMember("name", base::JsonValue(name.c_str(), allocator), allocator);
    object.AddMember("metadata", metadata, allocator);
    remove(resource, object);
  }
}

std::optional<Observed> ClusterCache::observe_service(const std::string& namespace_, const std::string& name,
                                                      std::vector<std::string>* missing_claims) const {
  const std::lock_guard lock(mutex_);
  const auto slot = namespaces_.find(namespace_);
  if (slot == namespaces_.end()) return std::nullopt;
  const Namespace& tables = *slot->second;
  const auto found = tables.services.find(name);
  if (found == tables.services.end() || !is_ours(settings_, found->second.view.runtime)) return std::nullopt;

  Observed observed;
  observed.service = view_of(found->second.view);
  const auto& models = found->second.view.models;
  copy_named(tables.models, models, observed.models);
  observed.deployment = copy_of(tables.deployments, name);
  observed.network_service = copy_of(tables.network_services, kube::service_name(name));
  observed.config_map = copy_of(tables.config_maps, name + "-models");
  observed.autoscaler = copy_of(tables.autoscalers, name);
  append(tables.pods, tables.pods_by_service.at(name), observed.pods);
  for (const auto& model : models) {
    append(tables.jobs, tables.jobs_by_model.at(model), observed.jobs);
    append(tables.fetch_pods, tables.fetch_pods_by_model.at(model), observed.fetch_pods);
  }
  copy_named(tables.claims, claims_of(settings_, *observed.service.view, observed.models), observed.claims,
             missing_claims);
  return observed;
}

std::optional<ObjectMeta> ClusterCache::left_service(const std::string& namespace_, const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto slot = namespaces_.find(namespace_);
  if (slot == namespaces_.end()) return std::nullopt;
  const auto found = slot->second->services.find(name);
  if (found == slot->second->services.end() || !is_left(settings_, found->second.view)) return std::nullopt;
  return found->second.view.meta;
}

std::optional<ObservedModel> ClusterCache::observe_model(const std::string& namespace_, const std::string& name,
                                                         std::vector<std::string>* missing_claims) const {
  const std::lock_guard lock(mutex_);
  const auto slot = namespaces_.find(namespace_);
  if (slot == namespaces_.end()) return std::nullopt;
  const Namespace& tables = *slot->second;
  auto model = copy_of(tables.models, name);
  if (!model) return std::nullopt;

  ObservedModel observed;
  observed.model = std::move(*model);
  append(tables.jobs, tables.jobs_by_model.at(name), observed.jobs);
  append(tables.fetch_pods, tables.fetch_pods_by_model.at(name), observed.fetch_pods);
  for (const auto& service_name : tables.services_by_model.at(name)) {
    const auto found = tables.services.find(service_name);
    if (found == tables.services.end() || !is_ours(settings_, found->second.view.runtime)) continue;
    observed.services.push_back(view_of(found->second.view));
    std::map<std::string, ModelObject, std::less<>> models;
    copy_named(tables.models, found->second.view.models, models);
    copy_named(tables.claims, claims_of(settings_, *observed.services.back().view, models), observed.claims,
               missing_claims);
  }
  return observed;
}

std::optional<LiveObject> ClusterCache::live(Resource resource, const std::string& namespace_,
                                             const std::string& name) const {
  return Namespace::of(resource, [&](auto table_of, auto) -> std::optional<LiveObject> {
    const std::lock_guard lock(mutex_);
    const auto slot = namespaces_.find(namespace_);
    if (slot == namespaces_.end()) return std::nullopt;
    const auto& table = (*slot->second).*table_of;
    const auto found = table.find(name);
    if (found == table.end()) return std::nullopt;
    const auto& meta = found->second.view.meta;
    LiveObject live{meta.uid, meta.resource_version, meta.generation, found->second.ownership};
    if constexpr (kIsApplied<std::remove_cvref_t<decltype(found->second.view)>>) live.content = found->second.content;
    return live;
  });
}

std::vector<Key> ClusterCache::keys() const {
  std::vector<Key> keys;
  const std::lock_guard lock(mutex_);
  for (const auto& [at, tables] : namespaces_) {
    for (const auto& [name, stored] : tables->models) keys.push_back({Key::Kind::model, at, name});
    for (const auto& [name, stored] : tables->services)
      if (is_ours(settings_, stored.view.runtime) || is_left(settings_, stored.view))
        keys.push_back({Key::Kind::service, at, name});
  }
  return keys;
}

ClusterCache::Phases ClusterCache::phases() const {
  Phases phases;
  const std::lock_guard lock(mutex_);
  for (const auto& [at, tables] : namespaces_) {
    for (const auto& [name, stored] : tables->services)
      if (is_ours(settings_, stored.view.runtime)) ++phases.services[stored.view.phase];
    for (const auto& [name, stored] : tables->models) ++phases.models[stored.view.phase];
  }
  return phases;
}

}  // namespace reconciler
