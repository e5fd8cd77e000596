#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.hpp"
#include "reconciler/reconcile/observed.hpp"
#include "reconciler/reconcile/settings.hpp"

/// The decision: what the cluster should look like, from what it looks like. Pure: the same arguments give the same
/// bytes, and nothing here opens a socket, reads a clock or remembers a call.
namespace reconciler {

/// The kinds that we make, delete or patch.
enum class Kind { claim, job, config_map, deployment, service, autoscaler, pod };

/// How the API server spells a kind.
struct KindInfo {
  Kind kind;
  std::string_view api_version;  ///< "apps/v1"
  std::string_view name;         ///< "Deployment"
  std::string_view plural;       ///< "deployments"
};
[[nodiscard]] const KindInfo& info(Kind kind);

/// A child as it should be: the body of a server-side apply.
struct DesiredObject {
  Kind kind;
  std::string name;
  /// apiVersion, kind, metadata and all fields that are ours, as compact JSON with sorted keys.
  std::string body;
  /// Made once and never changed: claims and Jobs. It stands in a decision only while the object is not there.
  bool create_only = false;
  /// A change that may wait a moment for more of its kind: a preset, while more models are on their way to it.
  bool can_wait = false;
};

/// An object to delete, with the precondition that it is still the one that was seen.
struct Deletion {
  Kind kind;
  std::string name;
  std::string uid;
};

/// One annotation to set by a merge patch of `metadata.annotations`, likewise.
struct AnnotationPatch {
  Kind kind;  ///< pod or job
  std::string name;
  std::string uid;
  std::string key;
  std::string value;
};

/// An Event to record once the status is written; only transitions make one.
struct Event {
  bool warning = false;
  std::string reason;
  std::string message;
};

/// What to do about one object, in this order: apply `desired` as listed, delete, patch, write the status, record the
/// events; with `status_first` the status comes before all else. When the status write fails the events are dropped:
/// the next pass sees the same transition again.
struct Decision {
  std::vector<DesiredObject> desired;
  std::vector<Deletion> deletions;
  std::vector<AnnotationPatch> annotations;
  /// Body of a server-side apply to the status subresource (apiVersion, kind, metadata, status); nothing when the
  /// status says it already.
  std::optional<std::string> status;
  /// What the status says may wait a moment for what comes next: the object has one already, no name leaves it, and
  /// neither Ready nor Degraded turns.
  bool status_can_wait = false;
  /// Of one that can wait: equal for statuses that differ in their times alone.
  std::uint64_t status_mark = 0;
  std::vector<Event> events;
  /// A name leaves advertisedModels: clients must read that before the name stops answering.
  bool status_first = false;
  /// Look again after this time even if nothing changes.
  std::optional<std::chrono::milliseconds> requeue_after;
  /// Ask the agents of these Pods for /state (port 8081) and these fetch Pods for /progress (port 8081): at once when a
  /// Pod is new here, then after `sample_every`; decide again when an answer differs from the last.
  std::vector<std::string> sample_agents;
  std::vector<std::string> sample_progress;
  /// Those of `sample_agents` that are about to see another preset: asked several times a second, for a while.
  std::vector<std::string> sample_soon;
  std::chrono::milliseconds sample_every{2000};
  /// Knock at this Service, at once and again while it refuses: its first names wait for it. Nobody does any more once
  /// a status with names is written.
  struct Front {
    std::string ip;
    int port = 0;
  };
  std::optional<Front> knock;
};

/// Field manager of children, and of statuses.
inline constexpr std::string_view kFieldManager = "llmkube-reconciler";
inline constexpr std::string_view kStatusFieldManager = "llmkube-reconciler-status";

/// Whether a service of this runtime is one of ours to serve.
[[nodiscard]] bool is_ours(const Settings& settings, std::string_view runtime);
/// The Models that it names (models, modelRef, draftModelRef), each once: an event of one concerns the service.
[[nodiscard]] std::vector<std::string> models_of(const api::InferenceService& service);
/// The claims that it needs: the cache's, and those that its pvc:// Models name. `models` may lack some.
[[nodiscard]] std::vector<std::string> claims_of(const Settings& settings, const api::InferenceService& service,
                                                 const std::map<std::string, ModelObject, std::less<>>& models);

/// The decision about one InferenceService in two steps: the status is much of the work, and who has children to write
/// does not say it in the same pass. Refers to its arguments, which must outlive it.
class ServiceDecision {
 public:
  /// All but the status and its events; of a service that is invalid or being deleted they are all there is to decide.
  ServiceDecision(const Settings& settings, const Observed& observed, base::WallTime now);
  ~ServiceDecision();
  /// Adds the status and its events.
  void add_status();

  Decision decision;

 private:
  struct Basis;
  std::unique_ptr<const Basis> basis_;
  const base::WallTime now_;
};

/// Decides about one InferenceService of ours. One that is being deleted gets nothing, but for a status that takes its
/// names back when its Pods end before it does.
[[nodiscard]] Decision reconcile(const Settings& settings, const Observed& observed, base::WallTime now);

/// Decides about one Model: keeps its Jobs in order (records results, removes what nobody wants, retries failures after
/// ten minutes) and, where Models are ours, writes its status.
[[nodiscard]] Decision reconcile_model(const Settings& settings, const ObservedModel& observed, base::WallTime now);

/// The status of a service that is not ours any more: to apply it takes back every field that was.
[[nodiscard]] std::string empty_status(const ObjectMeta& service);

}  // namespace reconciler
