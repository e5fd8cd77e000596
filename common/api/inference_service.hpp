#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/json.hpp"
#include "common/kube/object_meta.hpp"

/// InferenceService as a typed view. Decoding never fails: what is absent or has an odd type is empty, nothing or the
/// default (rules::validate names such mistakes). Fields that hold a Kubernetes type are kept as JSON text, empty when
/// absent, and go into Pods as they are.
namespace api {

/// How one model is served. They stand on the service (for all its models) and on each entry of `spec.models`
/// (for that one; it wins).
struct ModelSettings {
  std::optional<std::int64_t> context_size;
  std::optional<std::int64_t> parallel_slots;
  std::optional<bool> flash_attention;
  /// KV cache types; on the service `cacheTypeCustomK/V`, where set, replace them.
  std::string cache_type_k;
  std::string cache_type_v;
  std::optional<std::int64_t> batch_size;
  std::optional<std::int64_t> u_batch_size;
  std::vector<std::string> extra_args;

  bool operator==(const ModelSettings&) const = default;
};

/// One entry of `spec.models`.
struct ModelEntry {
  /// The name of a Model in the same namespace, and the name that clients ask for.
  std::string name;
  std::vector<std::string> aliases;
  /// Unset: the Model's `hardware.gpu.layers`. -1 and 0 mean all.
  std::optional<std::int64_t> gpu_layers;
  ModelSettings settings;

  bool operator==(const ModelEntry&) const = default;
};

/// `spec.router.scheduling`: who decides when a request goes in.
struct Scheduling {
  /// "Fair" (through the agent's gate) or "Direct" (to llama-server).
  std::string policy = "Fair";
  std::int64_t min_residency_seconds = 5;
  std::int64_t max_turn_seconds = 30;
  std::int64_t max_wait_seconds = 600;
  bool loading_signal = false;

  bool operator==(const Scheduling&) const = default;
};

/// `spec.router`, with its defaults filled in.
struct RouterSettings {
  std::int64_t max_loaded_models = 1;
  /// Names; when the field is absent, the first of `spec.models`. An empty list in the manifest stays empty.
  std::vector<std::string> preload;
  std::optional<std::int64_t> idle_unload_seconds;
  std::int64_t stop_timeout_seconds = 5;
  Scheduling scheduling;

  bool operator==(const RouterSettings&) const = default;
};

struct GpuSharing {
  /// "exclusive", "shared" or "partitioned".
  std::string mode = "exclusive";
  std::string profile;

  bool operator==(const GpuSharing&) const = default;
};

/// `spec.resources` in both shapes, as written: quantities are not parsed.
struct Resources {
  /// Kubernetes' shape: resource name to quantity ("nvidia.com/gpu": "1"). Numbers become their text.
  std::map<std::string, std::string> requests;
  std::map<std::string, std::string> limits;
  /// LLMKube's shape.
  std::optional<std::int64_t> gpu;
  std::optional<GpuSharing> gpu_sharing;
  std::string cpu;
  std::string memory;
  std::string host_memory;
  std::string ephemeral_storage;

  bool operator==(const Resources&) const = default;
};

struct AutoscalingMetric {
  std::string name;
  /// "Pods" or "Resource".
  std::string type;
  std::string target_average_value;
  std::optional<std::int64_t> target_average_utilization;

  bool operator==(const AutoscalingMetric&) const = default;
};

struct Autoscaling {
  std::int64_t min_replicas = 1;
  std::int64_t max_replicas = 1;
  std::vector<AutoscalingMetric> metrics;

  bool operator==(const Autoscaling&) const = default;
};

struct Endpoint {
  /// "ClusterIP", "NodePort" or "LoadBalancer".
  std::string type = "ClusterIP";
  std::int64_t port = 8080;
  std::optional<std::int64_t> node_port;
  std::string path = "/v1/chat/completions";

  bool operator==(const Endpoint&) const = default;
};

struct ModelCache {
  std::string claim_name;
  /// "Cached", "Ephemeral" or empty.
  std::string persistence;

  bool operator==(const ModelCache&) const = default;
};

struct RopeScaling {
  /// "linear", "yarn" or "longrope".
  std::string type;
  std::string factor;
  std::optional<std::int64_t> original_context;

  bool operator==(const RopeScaling&) const = default;
};

struct SpeculativeDecoding {
  std::string type;
  std::string draft_model_ref;
  std::optional<std::int64_t> n_draft_max;
  std::optional<double> p_min;

  bool operator==(const SpeculativeDecoding&) const = default;
};

/// JSON texts of `spec.probeOverrides`; empty where the default probe stays.
struct ProbeOverrides {
  std::string startup;
  std::string liveness;
  std::string readiness;

  bool operator==(const ProbeOverrides&) const = default;
};

struct Disruption {
  bool protect_always = false;

  bool operator==(const Disruption&) const = default;
};

/// `spec`. Fields that do nothing here (docs/fields.md: kept) are not in it, nor are such members of its parts.
struct InferenceServiceSpec {
  std::string runtime = "llamacpp";
  std::string model_ref;
  std::vector<ModelEntry> models;
  /// Meaningful for router runtimes only; defaults elsewhere.
  RouterSettings router;
  Resources resources;

  std::int64_t replicas = 1;
  bool suspend = false;
  std::optional<Autoscaling> autoscaling;
  Endpoint endpoint;
  std::optional<std::int64_t> container_port;
  std::string bind_address;
  /// "chat", "embedding", "rerank" or empty.
  std::string mode;

  std::string image;
  /// How models are served, for all of them.
  ModelSettings settings;
  std::string cache_type_custom_k;
  std::string cache_type_custom_v;
  std::optional<bool> jinja;
  bool no_kv_offload = false;
  bool no_warmup = false;
  bool moe_cpu_offload = false;
  std::optional<std::int64_t> moe_cpu_layers;
  std::vector<std::string> tensor_overrides;
  std::vector<std::string> metadata_overrides;
  std::optional<std::int64_t> reasoning_budget;
  std::string reasoning_budget_message;
  std::optional<RopeScaling> rope_scaling;
  std::optional<SpeculativeDecoding> speculative_decoding;

  ModelCache model_cache;

  std::map<std::string, std::string> node_selector;
  std::map<std::string, std::string> pod_labels;
  std::map<std::string, std::string> pod_annotations;
  /// "critical", "high", "normal", "low" or "batch".
  std::string priority = "normal";
  std::string priority_class_name;
  std::string runtime_class_name;
  std::optional<std::int64_t> revision_history_limit;
  Disruption disruption;
  ProbeOverrides probe_overrides;

  /// JSON texts of Kubernetes types: lists where the name is a plural, else objects.
  std::string affinity;
  std::string tolerations;
  std::string topology_spread_constraints;
  std::string env;
  std::string extra_volumes;
  std::string extra_volume_mounts;
  std::string image_pull_secrets;
  std::string pod_security_context;
  std::string security_context;

  bool operator==(const InferenceServiceSpec&) const = default;
};

struct InferenceService {
  kube::ObjectMeta metadata;
  InferenceServiceSpec spec;

  bool operator==(const InferenceService&) const = default;
};

[[nodiscard]] InferenceService decode_inference_service(const base::JsonValue& object);

/// A runtime whose name ends in "-router" serves `spec.models`; every other one serves `spec.modelRef`.
[[nodiscard]] bool is_router_runtime(std::string_view runtime);

/// The names of all Models that the service needs: `models` in order, or `modelRef`, then `draftModelRef`.
[[nodiscard]] std::vector<std::string> model_names(const InferenceServiceSpec& spec);

}  // namespace api
