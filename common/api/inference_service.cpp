#include "common/api/inference_service.hpp"

#include "common/api/decode.hpp"

namespace api {
namespace {

using base::JsonValue;

ModelSettings decode_settings(const JsonValue& object) {
  ModelSettings out;
  out.context_size = decode::integer(object, "contextSize");
  out.parallel_slots = decode::integer(object, "parallelSlots");
  out.flash_attention = decode::boolean(object, "flashAttention");
  out.cache_type_k = decode::text(object, "cacheTypeK");
  out.cache_type_v = decode::text(object, "cacheTypeV");
  out.batch_size = decode::integer(object, "batchSize");
  out.u_batch_size = decode::integer(object, "uBatchSize");
  out.extra_args = decode::texts(object, "extraArgs");
  return out;
}

std::vector<ModelEntry> decode_models(const JsonValue& spec) {
  std::vector<ModelEntry> out;
  const JsonValue* list = base::find(spec, "models");
  if (list == nullptr || !list->IsArray()) return out;
  for (const auto& item : list->GetArray()) {
    if (!item.IsObject()) continue;
    out.push_back({decode::text(item, "name"), decode::texts(item, "aliases"), decode::integer(item, "gpuLayers"),
                   decode_settings(item)});
  }
  return out;
}

Scheduling decode_scheduling(const JsonValue& router) {
  Scheduling out;
  const JsonValue* from = decode::object(router, "scheduling");
  if (from == nullptr) return out;
  out.policy = decode::text(*from, "policy", out.policy);
  out.min_residency_seconds = decode::integer(*from, "minResidencySeconds").value_or(out.min_residency_seconds);
  out.max_turn_seconds = decode::integer(*from, "maxTurnSeconds").value_or(out.max_turn_seconds);
  out.max_wait_seconds = decode::integer(*from, "maxWaitSeconds").value_or(out.max_wait_seconds);
  out.loading_signal = decode::flag(*from, "loadingSignal");
  return out;
}

RouterSettings decode_router(const JsonValue& spec, const std::vector<ModelEntry>& models) {
  RouterSettings out;
  if (!models.empty()) out.preload = {models.front().name};
  const JsonValue* from = decode::object(spec, "router");
  if (from == nullptr) return out;
  out.max_loaded_models = decode::integer(*from, "maxLoadedModels").value_or(out.max_loaded_models);
  const JsonValue* preload = base::find(*from, "preload");
  if (preload != nullptr && preload->IsArray()) out.preload = decode::texts(*from, "preload");
  out.idle_unload_seconds = decode::integer(*from, "idleUnloadSeconds");
  out.stop_timeout_seconds = decode::integer(*from, "stopTimeoutSeconds").value_or(out.stop_timeout_seconds);
  out.scheduling = decode_scheduling(*from);
  return out;
}

/// A quantity map: numbers are as good as strings there.
std::map<std::string, std::string> decode_quantities(const JsonValue& resources, std::string_view key) {
  std::map<std::string, std::string> out;
  const JsonValue* map = decode::object(resources, key);
  if (map == nullptr) return out;
  for (const auto& member : map->GetObject()) {
    const auto name = std::string(base::as_string(&member.name).value_or(""));
    if (const auto text = base::as_string(&member.value)) {
      out.emplace(name, *text);
    } else if (member.value.IsNumber()) {
      out.emplace(name, base::to_text(member.value));
    }
  }
  return out;
}

std::optional<GpuSharing> decode_gpu_sharing(const JsonValue& resources) {
  const JsonValue* from = decode::object(resources, "gpuSharing");
  if (from == nullptr) return std::nullopt;
  GpuSharing out;
  out.mode = decode::text(*from, "mode", out.mode);
  out.profile = decode::text(*from, "profile");
  return out;
}

Resources decode_resources(const JsonValue& spec) {
  Resources out;
  const JsonValue* from = decode::object(spec, "resources");
  if (from == nullptr) return out;
  out.requests = decode_quantities(*from, "requests");
  out.limits = decode_quantities(*from, "limits");
  out.gpu = decode::integer(*from, "gpu");
  out.gpu_sharing = decode_gpu_sharing(*from);
  out.cpu = decode::text(*from, "cpu");
  out.memory = decode::text(*from, "memory");
  out.host_memory = decode::text(*from, "hostMemory");
  out.ephemeral_storage = decode::text(*from, "ephemeralStorage");
  return out;
}

std::optional<Autoscaling> decode_autoscaling(const JsonValue& spec) {
  const JsonValue* from = decode::object(spec, "autoscaling");
  if (from == nullptr) return std::nullopt;
  Autoscaling out;
  out.min_replicas = decode::integer(*from, "minReplicas").value_or(out.min_replicas);
  out.max_replicas = decode::integer(*from, "maxReplicas").value_or(out.max_replicas);
  const JsonValue* metrics = base::find(*from, "metrics");
  if (metrics == nullptr || !metrics->IsArray()) return out;
  for (const auto& item : metrics->GetArray()) {
    if (!item.IsObject()) continue;
    out.metrics.push_back({decode::text(item, "name"), decode::text(item, "type"),
                           decode::text(item, "targetAverageValue"),
                           decode::integer(item, "targetAverageUtilization")});
  }
  return out;
}

Endpoint decode_endpoint(const JsonValue& spec) {
  Endpoint out;
  const JsonValue* from = decode::object(spec, "endpoint");
  if (from == nullptr) return out;
  out.type = decode::text(*from, "type", out.type);
  out.port = decode::integer(*from, "port").value_or(out.port);
  out.node_port = decode::integer(*from, "nodePort");
  out.path = decode::text(*from, "path", out.path);
  return out;
}

ModelCache decode_model_cache(const JsonValue& spec) {
  const JsonValue* from = decode::object(spec, "modelCache");
  if (from == nullptr) return {};
  return {decode::text(*from, "claimName"), decode::text(*from, "persistence")};
}

std::optional<RopeScaling> decode_rope_scaling(const JsonValue& spec) {
  const JsonValue* from = decode::object(spec, "ropeScaling");
  if (from == nullptr) return std::nullopt;
  return RopeScaling{decode::text(*from, "type"), decode::text(*from, "factor"),
                     decode::integer(*from, "originalContext")};
}

std::optional<SpeculativeDecoding> decode_speculative_decoding(const JsonValue& spec) {
  const JsonValue* from = decode::object(spec, "speculativeDecoding");
  if (from == nullptr) return std::nullopt;
  return SpeculativeDecoding{decode::text(*from, "type"), decode::text(*from, "draftModelRef"),
                             decode::integer(*from, "nDraftMax"), decode::number(*from, "pMin")};
}

ProbeOverrides decode_probe_overrides(const JsonValue& spec) {
  const JsonValue* from = decode::object(spec, "probeOverrides");
  if (from == nullptr) return {};
  return {decode::json(*from, "startup"), decode::json(*from, "liveness"), decode::json(*from, "readiness")};
}

Disruption decode_disruption(const JsonValue& spec) {
  Disruption out;
  const JsonValue* from = decode::object(spec, "disruption");
  if (from == nullptr) return out;
  out.protect_always = decode::flag(*from, "protectAlways");
  return out;
}

/// What concerns the models: which, where from, how they are served.
void decode_serving(const JsonValue& from, InferenceServiceSpec& out) {
  out.runtime = decode::text(from, "runtime", out.runtime);
  out.model_ref = decode::text(from, "modelRef");
  out.models = decode_models(from);
  out.router = decode_router(from, out.models);
  out.mode = decode::text(from, "mode");
  out.settings = decode_settings(from);
  out.cache_type_custom_k = decode::text(from, "cacheTypeCustomK");
  out.cache_type_custom_v = decode::text(from, "cacheTypeCustomV");
  out.jinja = decode::boolean(from, "jinja");
  out.no_kv_offload = decode::flag(from, "noKvOffload");
  out.no_warmup = decode::flag(from, "noWarmup");
  out.moe_cpu_offload = decode::flag(from, "moeCPUOffload");
  out.moe_cpu_layers = decode::integer(from, "moeCPULayers");
  out.tensor_overrides = decode::texts(from, "tensorOverrides");
  out.metadata_overrides = decode::texts(from, "metadataOverrides");
  out.reasoning_budget = decode::integer(from, "reasoningBudget");
  out.reasoning_budget_message = decode::text(from, "reasoningBudgetMessage");
  out.rope_scaling = decode_rope_scaling(from);
  out.speculative_decoding = decode_speculative_decoding(from);
  out.model_cache = decode_model_cache(from);
}

/// What concerns the workload: how many, how reached, how sized.
void decode_workload(const JsonValue& from, InferenceServiceSpec& out) {
  out.resources = decode_resources(from);
  out.replicas = decode::integer(from, "replicas").value_or(out.replicas);
  out.suspend = decode::flag(from, "suspend");
  out.autoscaling = decode_autoscaling(from);
  out.endpoint = decode_endpoint(from);
  out.container_port = decode::integer(from, "containerPort");
  out.bind_address = decode::text(from, "bindAddress");
  out.image = decode::text(from, "image");
  out.disruption = decode_disruption(from);
  out.revision_history_limit = decode::integer(from, "revisionHistoryLimit");
}

/// What is passed on to the Pod.
void decode_pod(const JsonValue& from, InferenceServiceSpec& out) {
  out.node_selector = kube::decode_string_map(base::find(from, "nodeSelector"));
  out.pod_labels = kube::decode_string_map(base::find(from, "podLabels"));
  out.pod_annotations = kube::decode_string_map(base::find(from, "podAnnotations"));
  out.priority = decode::text(from, "priority", out.priority);
  out.priority_class_name = decode::text(from, "priorityClassName");
  out.runtime_class_name = decode::text(from, "runtimeClassName");
  out.probe_overrides = decode_probe_overrides(from);
  out.affinity = decode::json(from, "affinity");
  out.tolerations = decode::json(from, "tolerations");
  out.topology_spread_constraints = decode::json(from, "topologySpreadConstraints");
  out.env = decode::json(from, "env");
  out.extra_volumes = decode::json(from, "extraVolumes");
  out.extra_volume_mounts = decode::json(from, "extraVolumeMounts");
  out.image_pull_secrets = decode::json(from, "imagePullSecrets");
  out.pod_security_context = decode::json(from, "podSecurityContext");
  out.security_context = decode::json(from, "securityContext");
}

}  // namespace

InferenceService decode_inference_service(const base::JsonValue& object) {
  InferenceService out;
  out.metadata = kube::decode_object_meta(object);
  const JsonValue* spec = decode::object(object, "spec");
  if (spec == nullptr) return out;
  decode_serving(*spec, out.spec);
  decode_workload(*spec, out.spec);
  decode_pod(*spec, out.spec);
  return out;
}

bool is_router_runtime(std::string_view runtime) { return runtime.ends_with("-router"); }

std::vector<std::string> model_names(const InferenceServiceSpec& spec) {
  std::vector<std::string> out;
  for (const auto& entry : spec.models) out.push_back(entry.name);
  if (!spec.model_ref.empty()) out.push_back(spec.model_ref);
  if (spec.speculative_decoding && !spec.speculative_decoding->draft_model_ref.empty())
    out.push_back(spec.speculative_decoding->draft_model_ref);
  return out;
}

}  // namespace api
