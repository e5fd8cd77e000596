#include "reconciler/reconcile/model_fields.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "common/base/text.hpp"
#include "reconciler/reconcile/preset.hpp"

namespace reconciler {
namespace {

using Source = const FieldSource&;

std::string number(const std::optional<std::int64_t>& value) { return value ? std::to_string(*value) : std::string{}; }

/// The shortest text that reads back as the same number: "0.75".
std::string number(const std::optional<double>& value) {
  if (!value) return {};
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), *value);
  return {text.data(), end.ptr};
}

std::string on_off(const std::optional<bool>& value) { return value ? (*value ? "on" : "off") : ""; }

/// Said only when set.
std::string when(bool set, const char* value) { return set ? value : ""; }

const api::GpuHardware* gpu_of(Source from) {
  if (from.model.object == nullptr) return nullptr;
  const auto& hardware = from.model.model().spec.hardware;
  return hardware && hardware->gpu ? &*hardware->gpu : nullptr;
}

/// The router takes "all"; a single server is told LLMKube's number.
std::string layers(Source from, const std::optional<std::int64_t>& said) {
  if (!from.plan.gpu.asked_for()) return {};
  if (said && *said > 0) return std::to_string(*said);
  return from.plan.router ? "all" : "99";
}

std::string gpu_layers(Source from) {
  const auto* gpu = gpu_of(from);
  return layers(from, gpu == nullptr ? std::nullopt : gpu->layers);
}

const api::GpuSharding* sharding_of(Source from) {
  const auto* gpu = gpu_of(from);
  return gpu != nullptr && gpu->sharding && from.plan.gpu.count > 1 ? &*gpu->sharding : nullptr;
}

/// LLMKube's "pipeline" is what llama.cpp calls layer.
std::string split_mode(Source from) {
  const auto* sharding = sharding_of(from);
  if (sharding == nullptr) return {};
  return sharding->strategy == "pipeline" ? "layer" : sharding->strategy;
}

/// A share per GPU: a number as it is, a range of layers ("0-19") by its length.
std::string share(const std::string& text) {
  std::int64_t first = 0;
  std::int64_t last = 0;
  const char* end = text.data() + text.size();
  const auto head = std::from_chars(text.data(), end, first);
  if (head.ec != std::errc{} || head.ptr == end || *head.ptr != '-') return text;
  const auto tail = std::from_chars(head.ptr + 1, end, last);
  return tail.ec == std::errc{} && tail.ptr == end && last >= first ? std::to_string(last - first + 1) : text;
}

std::string tensor_split(Source from) {
  const auto* sharding = sharding_of(from);
  if (sharding == nullptr) return {};
  std::vector<std::string> shares;
  for (const auto& part : sharding->layer_split) shares.push_back(share(part));
  return base::join(shares, ",");
}

std::string custom_or(const std::string& custom, const std::string& type) { return custom.empty() ? type : custom; }

/// LLMKube's names for llama.cpp's kinds of speculative decoding, where they differ.
std::string speculative_type(Source from) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kNames = {
      std::pair{"mtp", "draft-mtp"}, std::pair{"draft", "draft-simple"}, std::pair{"disabled", "none"}};
  const auto& decoding = from.plan.spec().speculative_decoding;
  if (!decoding) return {};
  const auto* row = std::ranges::find(kNames, decoding->type, &std::pair<std::string_view, std::string_view>::first);
  return row == kNames.end() ? decoding->type : std::string(row->second);
}

std::string draft_model(Source from) {
  const auto& draft = from.plan.draft;
  if (!draft) return {};
  if (!from.plan.router) return path_on_command_line(from.plan, *draft);
  return draft->artifact ? draft->artifact->path : std::string{};
}

/// llama.cpp has no "longrope": such a model says it itself.
std::string rope_type(Source from) {
  const auto& rope = from.plan.spec().rope_scaling;
  return rope && rope->type != "longrope" ? rope->type : std::string{};
}

const std::string& mode(Source from) { return from.plan.spec().mode; }

std::string pooling(Source from) {
  if (mode(from) == "embedding") return "last";
  return mode(from) == "rerank" ? "rank" : "";
}

bool embeds(Source from) { return mode(from) == "embedding" || mode(from) == "rerank"; }

const api::InferenceServiceSpec& spec(Source from) { return from.plan.spec(); }
const api::ModelSettings& common(Source from) { return from.plan.spec().settings; }
const api::ModelSettings& own(Source from) { return from.model.entry.settings; }

const ModelField kModelFields[] = {
    {"n-gpu-layers", "Model spec.hardware.gpu.layers", gpu_layers},
    {"split-mode", "Model spec.hardware.gpu.sharding.strategy", split_mode},
    {"tensor-split", "Model spec.hardware.gpu.sharding.layerSplit", tensor_split},
    {"ctx-size", "spec.contextSize", [](Source from) { return number(common(from).context_size); }},
    {"parallel", "spec.parallelSlots", [](Source from) { return number(common(from).parallel_slots); }},
    {"flash-attn", "spec.flashAttention", [](Source from) { return on_off(common(from).flash_attention); }},
    {"jinja", "spec.jinja",
     [](Source from) -> std::string { return spec(from).jinja ? (*spec(from).jinja ? "true" : "false") : ""; }},
    {"cache-type-k", "spec.cacheTypeK, cacheTypeCustomK",
     [](Source from) { return custom_or(spec(from).cache_type_custom_k, common(from).cache_type_k); }},
    {"cache-type-v", "spec.cacheTypeV, cacheTypeCustomV",
     [](Source from) { return custom_or(spec(from).cache_type_custom_v, common(from).cache_type_v); }},
    {"cpu-moe", "spec.moeCPUOffload", [](Source from) { return when(spec(from).moe_cpu_offload, "true"); }},
    {"n-cpu-moe", "spec.moeCPULayers", [](Source from) { return number(spec(from).moe_cpu_layers); }},
    {"kv-offload", "spec.noKvOffload", [](Source from) { return when(spec(from).no_kv_offload, "false"); }},
    {"override-tensor", "spec.tensorOverrides",
     [](Source from) { return base::join(spec(from).tensor_overrides, ","); }},
    {"batch-size", "spec.batchSize", [](Source from) { return number(common(from).batch_size); }},
    {"ubatch-size", "spec.uBatchSize", [](Source from) { return number(common(from).u_batch_size); }},
    {"warmup", "spec.noWarmup", [](Source from) { return when(spec(from).no_warmup, "false"); }},
    {"spec-type", "spec.speculativeDecoding.type", speculative_type},
    {"spec-draft-n-max", "spec.speculativeDecoding.nDraftMax",
     [](Source from) {
       return spec(from).speculative_decoding ? number(spec(from).speculative_decoding->n_draft_max) : std::string{};
     }},
    {"draft-p-min", "spec.speculativeDecoding.pMin",
     [](Source from) {
       return spec(from).speculative_decoding ? number(spec(from).speculative_decoding->p_min) : std::string{};
     }},
    {"model-draft", "spec.speculativeDecoding.draftModelRef", draft_model},
    {"reasoning-budget", "spec.reasoningBudget", [](Source from) { return number(spec(from).reasoning_budget); }},
    {"reasoning-budget-message", "spec.reasoningBudgetMessage",
     [](Source from) { return spec(from).reasoning_budget_message; }},
    {"mmproj", "Model spec.mmproj",
     [](Source from) { return from.model.artifact ? from.model.artifact->mmproj : std::string{}; }},
    {"override-kv", "spec.metadataOverrides",
     [](Source from) { return base::join(spec(from).metadata_overrides, ","); }},
    {"rope-scaling", "spec.ropeScaling.type", rope_type},
    {"rope-scale", "spec.ropeScaling.factor",
     [](Source from) { return spec(from).rope_scaling ? spec(from).rope_scaling->factor : std::string{}; }},
    {"yarn-orig-ctx", "spec.ropeScaling.originalContext",
     [](Source from) {
       return spec(from).rope_scaling ? number(spec(from).rope_scaling->original_context) : std::string{};
     }},
    {"embeddings", "spec.mode", [](Source from) { return when(embeds(from), "true"); }},
    {"reranking", "spec.mode", [](Source from) { return when(mode(from) == "rerank", "true"); }},
    {"pooling", "spec.mode", pooling},
    {"cache-ram", "spec.mode", [](Source from) { return when(embeds(from), "0"); }},
};

const ModelField kOverrideFields[] = {
    {"n-gpu-layers", "spec.models[].gpuLayers",
     [](Source from) {
       return from.model.entry.gpu_layers ? layers(from, from.model.entry.gpu_layers) : std::string{};
     }},
    {"ctx-size", "spec.models[].contextSize", [](Source from) { return number(own(from).context_size); }},
    {"parallel", "spec.models[].parallelSlots", [](Source from) { return number(own(from).parallel_slots); }},
    {"flash-attn", "spec.models[].flashAttention", [](Source from) { return on_off(own(from).flash_attention); }},
    {"cache-type-k", "spec.models[].cacheTypeK", [](Source from) { return own(from).cache_type_k; }},
    {"cache-type-v", "spec.models[].cacheTypeV", [](Source from) { return own(from).cache_type_v; }},
    {"batch-size", "spec.models[].batchSize", [](Source from) { return number(own(from).batch_size); }},
    {"ubatch-size", "spec.models[].uBatchSize", [](Source from) { return number(own(from).u_batch_size); }},
};

}  // namespace

std::span<const ModelField> model_fields() { return kModelFields; }
std::span<const ModelField> override_fields() { return kOverrideFields; }

}  // namespace reconciler
