#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.hpp"
#include "common/base/json.hpp"
#include "common/base/rare.hpp"
#include "common/kube/object_meta.hpp"
#include "common/rules/validate.hpp"
#include "reconciler/reconcile/fetch_result.hpp"

namespace api {
struct InferenceService;
struct Model;
}  // namespace api

/// What the reconciler knows of the cluster, as small typed views: a decoder reads what decisions need and the body is
/// dropped. Decoders take any JSON; what is missing or of another type is empty.
namespace reconciler {

using kube::ObjectMeta;
using kube::UidMark;

/// An InferenceService: the typed view, what the rules say of it, and the status as it stands.
struct ServiceObject {
  std::shared_ptr<const api::InferenceService> view;
  ObjectMeta meta;
  /// Every mistake of the object, one line each as admission would say it; empty: valid.
  std::string mistakes;
  /// `status` as compact JSON text; "{}" when there is none.
  std::string status = "{}";
  /// status.advertisedModels names some.
  bool advertises = false;
};

/// A Model, likewise.
struct ModelObject {
  std::shared_ptr<const api::Model> view;
  ObjectMeta meta;
  std::string mistakes;
  std::string status = "{}";
};

/// `waiting` or `terminated` of one container, or of its last run.
struct ContainerState {
  /// CamelCase reason: ImagePullBackOff, CrashLoopBackOff, OOMKilled, Error, Completed.
  std::string reason;
  std::string message;
  std::int64_t exit_code = 0;
  bool operator==(const ContainerState&) const = default;
};

struct ContainerView {
  std::string name;
  bool ready = false;
  bool running = false;
  base::Rare<ContainerState> waiting;
  base::Rare<ContainerState> terminated;
  base::Rare<ContainerState> last_terminated;
  bool operator==(const ContainerView&) const = default;
};

/// A Pod of a service, or of a fetch Job.
struct PodView {
  ObjectMeta meta;
  /// Label inference.llmkube.dev/service; empty for fetch Pods.
  std::string service;
  /// Label inference.llmkube.dev/model; empty for a service's Pods.
  std::string model;
  std::string phase;
  std::string ip;
  std::string node;
  bool ready = false;
  /// Reason and message of condition PodScheduled while it is False.
  base::Rare<ContainerState> unschedulable;
  /// Init containers first.
  std::vector<ContainerView> containers;
  /// Annotation inference.llmkube.dev/preset-hash, as preset_nudge.hpp writes it.
  std::string preset_hash;
  bool operator==(const PodView&) const = default;
};

struct JobView {
  ObjectMeta meta;
  std::string model;
  /// Annotation inference.llmkube.dev/fetched: what model-fetch said last, as JSON text.
  std::string fetched;
  bool complete = false;
  /// lastTransitionTime of condition Complete.
  std::optional<base::WallTime> completed_at;
  /// Annotation inference.llmkube.dev/claim: UID of the claim that it fills.
  UidMark claim_uid;
  /// Condition Failed with its reason; `failed_at` is its lastTransitionTime.
  base::Rare<ContainerState> failed;
  std::optional<base::WallTime> failed_at;
  bool operator==(const JobView&) const = default;
};

struct DeploymentView {
  ObjectMeta meta;
  std::int64_t observed_generation = 0;
  /// spec.replicas
  std::int64_t wanted = 0;
  /// status.replicas, .updatedReplicas, .readyReplicas
  std::int64_t replicas = 0;
  std::int64_t updated = 0;
  std::int64_t ready = 0;
  /// Condition ReplicaFailure while True: quota, a denial.
  base::Rare<ContainerState> failure;
  /// Condition Progressing while False: the rollout is past its deadline.
  base::Rare<ContainerState> overdue;
  /// Annotation inference.llmkube.dev/template-hash: which Pod template it was given.
  std::string template_hash;
  /// Image of the container router-agent in its template; empty when there is none.
  std::string agent_image;
  /// PriorityClass in its template; empty when there is none.
  std::string priority_class;
  /// Annotation inference.llmkube.dev/priority: spec.priority when it was applied.
  std::string priority;
  /// Someone else sets spec.replicas through the scale subresource: an autoscaler at work.
  bool scaled = false;
  bool operator==(const DeploymentView&) const = default;
};

struct ClaimView {
  ObjectMeta meta;
  std::string phase;
  std::string storage_class;
  std::vector<std::string> access_modes;
  /// Owner label: true when it has app.kubernetes.io/component: model-cache.
  bool cache = false;
  bool operator==(const ClaimView&) const = default;
};

/// The files of one section of a models.ini.
struct PresetFiles {
  std::string model;
  std::string mmproj;
  bool operator==(const PresetFiles&) const = default;
};

/// Service, ConfigMap or HorizontalPodAutoscaler: that it is there, and whose it is.
struct ChildView {
  ObjectMeta meta;
  /// Label inference.llmkube.dev/service.
  std::string service;
  /// Of the Service: spec.clusterIP; empty when it has none ("None" counts as none).
  std::string cluster_ip;
  /// Of the ConfigMap: first 16 hex of sha256 of models.ini, as the agent reports it.
  std::string preset_hash;
  /// Of the ConfigMap: the files that models.ini names for each model.
  std::map<std::string, PresetFiles, std::less<>> preset_files;
  bool operator==(const ChildView&) const = default;
};

/// One model in an agent's /state.
struct AgentModel {
  std::string name;
  std::vector<std::string> aliases;
  /// unloaded, loading, loaded, sleeping, failed
  std::string state;
  std::string failure;
  bool operator==(const AgentModel&) const = default;
};

/// GET /state of the agent in one Pod.
struct AgentSample {
  std::string pod;
  /// Why there is no answer; empty when there is one.
  std::string error;
  std::string preset_hash;
  bool ready = false;
  std::string reload_error;
  /// settled, waiting or reloading: anything but settled has seen a new file.
  std::string reload;
  std::vector<AgentModel> models;
  bool operator==(const AgentSample&) const = default;
};

/// GET /progress of one fetch Pod.
struct FetchProgress {
  std::int64_t bytes_done = 0;
  std::optional<std::int64_t> bytes_total;
  /// How it ended, when it ended well: what its termination message will say.
  std::optional<FetchResult> result;
  bool operator==(const FetchProgress&) const = default;
};

/// What came of a request to a Service: somebody answers; it is refused, as long as kube-proxy knows no endpoint of it
/// or only a Pod that is being stopped; it is refused for long, and the API server knows no ready endpoint of it
/// either; or nothing can be said, say because a policy keeps us from it.
enum class Knock { open, refused, no_endpoint, unknown };

/// A child that the API server refused at the last apply.
struct ApplyProblem {
  /// Kind and name of the child.
  std::string kind;
  std::string name;
  /// Kubernetes' reason: Conflict, Forbidden, Invalid, ...
  std::string reason;
  std::string message;
  /// Of a conflict: who holds the field.
  std::string manager;
};

/// Everything that the decision about one InferenceService rests on.
struct Observed {
  ServiceObject service;
  /// Those of `models_of` that exist, by name.
  std::map<std::string, ModelObject, std::less<>> models;
  std::optional<DeploymentView> deployment;
  std::optional<ChildView> network_service;
  std::optional<ChildView> config_map;
  std::optional<ChildView> autoscaler;
  /// Pods with this service's label.
  std::vector<PodView> pods;
  /// Jobs of its Models, and their Pods.
  std::vector<JobView> jobs;
  std::vector<PodView> fetch_pods;
  /// Those of `claims_of` that exist, by name.
  std::map<std::string, ClaimView, std::less<>> claims;
  /// The latest sample of each Pod that was asked.
  std::vector<AgentSample> agents;
  /// By name of the fetch Pod.
  std::map<std::string, FetchProgress, std::less<>> progress;
  /// What came of the latest knock at the Service's cluster IP; nothing: not asked for, or not done yet.
  std::optional<Knock> front;
  std::vector<ApplyProblem> problems;
  /// Names of the cluster's PriorityClasses; null: not known, then only a class named by the user is passed on.
  std::shared_ptr<const std::set<std::string>> priority_classes;
  /// Fields of ours that the cluster's CRD lacks; null: none, or not known.
  std::shared_ptr<const std::vector<std::string>> missing_fields;
};

/// Everything that the decision about one Model rests on.
struct ObservedModel {
  ModelObject model;
  /// Its Jobs and their Pods.
  std::vector<JobView> jobs;
  std::vector<PodView> fetch_pods;
  /// The services that name it (ours only).
  std::vector<ServiceObject> services;
  /// Claims of those services, by name.
  std::map<std::string, ClaimView, std::less<>> claims;
};

/// `status` as compact JSON text; "{}" when there is none.
[[nodiscard]] std::string status_text(const base::JsonValue& object);
/// Whether status.advertisedModels of a service names some.
[[nodiscard]] bool advertises_some(const base::JsonValue& object);
[[nodiscard]] ServiceObject decode_service(const base::JsonValue& object, const rules::Site& site);
[[nodiscard]] ModelObject decode_model(const base::JsonValue& object);
[[nodiscard]] PodView decode_pod(const base::JsonValue& object);
[[nodiscard]] JobView decode_job(const base::JsonValue& object);
[[nodiscard]] DeploymentView decode_deployment(const base::JsonValue& object);
[[nodiscard]] ClaimView decode_claim(const base::JsonValue& object);
/// A Service, a ConfigMap or a HorizontalPodAutoscaler.
[[nodiscard]] ChildView decode_child(const base::JsonValue& object);
/// The body of a 200 from an agent's /state.
[[nodiscard]] AgentSample decode_agent_state(std::string pod, const base::JsonValue& body);
/// The body of a 200 from a fetch Pod's /progress.
[[nodiscard]] FetchProgress decode_progress(const base::JsonValue& body);

}  // namespace reconciler
