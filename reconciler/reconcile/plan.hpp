#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/api/inference_service.hpp"
#include "common/api/model.hpp"
#include "reconciler/reconcile/fetch_result.hpp"
#include "reconciler/reconcile/hardware.hpp"
#include "reconciler/reconcile/model_reasons.hpp"
#include "reconciler/reconcile/observed.hpp"
#include "reconciler/reconcile/settings.hpp"

namespace reconciler {

/// Where the files of a service's Models lie.
struct CachePlan {
  enum class Kind {
    none,       ///< all its Models lie on claims of their own (pvc://)
    claim,      ///< a claim, mounted at /models
    ephemeral,  ///< an emptyDir of each Pod, filled by init containers
  };
  Kind kind = Kind::claim;
  /// Name of the claim.
  std::string claim{};
  /// The user's own (modelCache.claimName): never made by us.
  bool foreign = false;
  /// One per service: it goes with the service.
  bool owned = false;
  /// As observed; null while it is not there.
  const ClaimView* observed = nullptr;
};

/// One model of a service: what is asked, and where its files stand.
struct ServedModel {
  api::ModelEntry entry;
  /// Null while there is no such Model.
  const ModelObject* object = nullptr;
  /// The claim that its files go to, or lie on (pvc://); empty in an ephemeral cache.
  std::string claim;
  const ClaimView* claim_view = nullptr;
  /// pvc://: the files are the user's and only verified.
  bool on_own_claim = false;
  /// Name of the Job that fetches exactly this; empty while it cannot be known.
  std::string job_name;
  const JobView* job = nullptr;
  const PodView* fetch_pod = nullptr;
  ModelState state = ModelState::pending;
  std::string reason;
  std::string message;
  std::optional<Artifact> artifact;
  std::int64_t bytes_done = 0;

  [[nodiscard]] const api::Model& model() const { return *object->view; }
  /// A fetch is at work, or about to be.
  [[nodiscard]] bool is_on_its_way() const {
    return state == ModelState::downloading || (state == ModelState::pending && job != nullptr);
  }
};

/// What follows from a service and what is observed, worked out once for rendering and for the status. Refers to both;
/// must not outlive them.
struct Plan {
  const Settings& settings;
  const Observed& observed;
  const api::InferenceService& service;
  /// Serves `spec.models` by llama-server's router mode; else `spec.modelRef` alone.
  bool router = false;
  /// Requests pass through the agent's gate.
  bool gate = false;
  Gpu gpu{};
  std::string accelerator{};
  /// Our own image in the service's Pods: the settings', or the one that runs while nothing else changes.
  std::string own_image{};
  /// PriorityClass of the service's Pods, likewise: the user's, or that of spec.priority where it exists; empty: none.
  std::string priority_class{};
  /// Image of llama-server; empty when none is known for the accelerator.
  std::string image{};
  CachePlan cache{};
  /// Claims of the user that pvc:// Models name, sorted, each once.
  std::vector<std::string> source_claims{};
  /// In spec order; one when it is not a router.
  std::vector<ServedModel> models{};
  /// `speculativeDecoding.draftModelRef`.
  std::optional<ServedModel> draft{};
  /// Replicas that should run: 0 when suspended.
  std::int64_t replicas = 0;
  /// Files models.ini and agent.json, and the hash of the first.
  std::string preset{};
  std::string preset_hash{};
  std::string agent_config{};

  [[nodiscard]] const api::InferenceServiceSpec& spec() const { return service.spec; }
  [[nodiscard]] const std::string& name() const { return service.metadata.name; }
  [[nodiscard]] const std::string& name_space() const { return service.metadata.namespace_; }
};

/// Whether a child of this name has an owner, and that is not this service: then it is never touched.
[[nodiscard]] bool is_anothers(const Plan& plan, const ObjectMeta& child);

[[nodiscard]] Plan make_plan(const Settings& settings, const Observed& observed);

/// The Models that the service names and that exist, in spec order.
[[nodiscard]] std::vector<const api::Model*> existing_models(const Observed& observed);

/// The PriorityClass that stands for spec.priority: LLMKube's name for it.
[[nodiscard]] std::string class_of_priority(const api::InferenceServiceSpec& spec);

/// Where the service's files lie, as spec and settings say, without what is observed.
[[nodiscard]] CachePlan choose_cache(const Settings& settings, const api::InferenceService& service);

/// Name of the Job that puts this Model's files on this claim. A changed Model or a recreated claim has another name.
[[nodiscard]] std::string fetch_job_name(const api::Model& model, std::string_view claim_uid);

}  // namespace reconciler
