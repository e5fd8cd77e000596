#include <algorithm>
#include <optional>
#include <unordered_set>

#include "common/base/text.hpp"
#include "common/rules/gpu.hpp"
#include "common/rules/judges.hpp"

namespace rules::judge {
namespace {

using base::JsonValue;

const JsonValue* router_of(const Service& service) { return object_in(service.spec, "router"); }

const JsonValue* scheduling_of(const Service& service) {
  const JsonValue* router = router_of(service);
  return router == nullptr ? nullptr : object_in(*router, "scheduling");
}

std::int64_t integer_or(const JsonValue* object, std::string_view key, std::int64_t otherwise) {
  if (object == nullptr) return otherwise;
  return base::as_int(base::find(*object, key)).value_or(otherwise);
}

const JsonValue* preload_of(const Service& service) {
  const JsonValue* router = router_of(service);
  return router == nullptr ? nullptr : list_in(*router, "preload");
}

/// Fields that only other runtimes, or LLMKube, do something with. docs/make/uses.py reads them here.
constexpr std::string_view kIgnored[] = {
    "args",
    "command",
    "endpoint.gateway",
    "evictionProtection",
    "hotCacheMaxSize",
    "maxPodLifetimeIdleTimeoutSeconds",
    "maxPodLifetimeSeconds",
    "pagedSSDCacheDir",
    "pagedSSDCacheMaxSize",
    "personaPlexConfig",
    "resources.gpuMemory",
    "resources.gpuSharing.memoryLimitGiB",
    "rolloutPolicy",
    "sglangConfig",
    "skipModelInit",
    "slo",
    "tgiConfig",
    "turboQuantBits",
    "vllmConfig",
};

/// Reports the field that a path leads to, where it is set.
void judge_ignored(const JsonValue& owner, std::string_view field, const kube::FieldPath& path, const Report& report) {
  const auto dot = field.find('.');
  const auto name = field.substr(0, dot);
  if (dot == std::string_view::npos) {
    if (present(owner, name) != nullptr) report.at(path.child(name), nullptr);
  } else if (const JsonValue* inner = object_in(owner, name)) {
    judge_ignored(*inner, field.substr(dot + 1), path.child(name), report);
  }
}

/// The name of the model that has this alias; empty when none has.
std::string_view owner_of_alias(const Service& service, std::string_view alias) {
  for (const auto& model : service.models) {
    if (model.aliases == nullptr) continue;
    for (const auto& own : model.aliases->GetArray()) {
      if (base::as_string(&own) == alias) return model.name;
    }
  }
  return {};
}

}  // namespace

void preload_known(const Service& service, const Report& report) {
  const JsonValue* preload = preload_of(service);
  // Without a readable list of models there is nothing to compare with.
  if (preload == nullptr || service.models.empty()) return;
  std::vector<std::string_view> names;
  for (const auto& model : service.models) names.push_back(model.name);
  const auto path = service.router_path.child("preload");
  for (rapidjson::SizeType i = 0; i < preload->Size(); ++i) {
    const auto name = base::as_string(&(*preload)[i]);
    if (!name || std::ranges::find(names, *name) != names.end()) continue;
    const auto owner = owner_of_alias(service, *name);
    if (!owner.empty()) {
      report.at(path.at(i), &(*preload)[i], {"it is an alias: write " + std::string(owner)});
      continue;
    }
    const std::string near = base::nearest(name->substr(0, 64), names);
    report.at(path.at(i), &(*preload)[i],
              {near.empty() ? "list it in spec.models, or remove it here" : "did you mean \"" + near + "\"?"});
  }
}

void preload_unique(const Service& service, const Report& report) {
  const JsonValue* preload = preload_of(service);
  if (preload == nullptr) return;
  const auto path = service.router_path.child("preload");
  std::unordered_set<std::string_view> seen;
  for (rapidjson::SizeType i = 0; i < preload->Size(); ++i) {
    const auto name = base::as_string(&(*preload)[i]);
    if (name && !seen.insert(*name).second) report.at(path.at(i), &(*preload)[i]);
  }
}

void preload_count(const Service& service, const Report& report) {
  const JsonValue* preload = preload_of(service);
  if (preload == nullptr) return;
  const auto most = integer_or(router_of(service), "maxLoadedModels", 1);
  if (most >= 1 && preload->Size() > static_cast<std::uint64_t>(most))
    report.at(service.router_path.child("preload"), preload, {std::to_string(preload->Size()), std::to_string(most)});
}

void residency_bounds(const Service& service, const Report& report) {
  const JsonValue* scheduling = scheduling_of(service);
  if (scheduling == nullptr) return;
  const auto least = integer_or(scheduling, "minResidencySeconds", 5);
  const auto most = integer_or(scheduling, "maxTurnSeconds", 30);
  if (least <= most) return;
  const auto path = service.router_path.child("scheduling");
  const JsonValue* value = base::find(*scheduling, "minResidencySeconds");
  report.at(path.child("minResidencySeconds"), value, {std::to_string(most)});
}

void scheduling_unused(const Service& service, const Report& report) {
  const JsonValue* scheduling = scheduling_of(service);
  if (scheduling == nullptr || text_in(*scheduling, "policy") != "Direct") return;
  // Only this one has no default, so only this one is sure to be the user's.
  if (!base::as_bool(base::find(*scheduling, "loadingSignal")).value_or(false)) return;
  const auto path = service.router_path.child("scheduling");
  report.at(path.child("loadingSignal"), base::find(*scheduling, "loadingSignal"));
}

void loaded_models_unused(const Service& service, const Report& report) {
  const auto most = integer_or(router_of(service), "maxLoadedModels", 1);
  if (service.models.empty() || most <= static_cast<std::int64_t>(service.models.size())) return;
  report.at(service.router_path.child("maxLoadedModels"), base::find(*router_of(service), "maxLoadedModels"),
            {std::to_string(service.models.size())});
}

void loaded_models_one_gpu(const Service& service, const Report& report) {
  const auto most = integer_or(router_of(service), "maxLoadedModels", 1);
  if (most > 1 && gpu_count(service.spec) == 1)
    report.at(service.router_path.child("maxLoadedModels"), base::find(*router_of(service), "maxLoadedModels"));
}

void ignored_field(const Service& service, const Report& report) {
  for (const auto field : kIgnored) judge_ignored(service.spec, field, service.spec_path, report);
}

/// A model's own setting wins over the service's, and of one owner the flag over the field.
void quantised_cache(const Service& service, const Report& report) {
  struct Type {
    std::string_view text;
    std::string_view field;
    const ArgumentList* list = nullptr;
    const api::ParsedFlag* flag = nullptr;
  };
  static const api::LlamaFlag* const kType = api::find_llama_flag("--cache-type-v");
  static const api::LlamaFlag* const kAttention = api::find_llama_flag("--flash-attn");
  const bool in_flags = std::ranges::any_of(
      service.flags, [](const api::ParsedFlag& flag) { return flag.flag == kType || flag.flag == kAttention; });
  const auto find_flag = [&](const ModelItem* model, const api::LlamaFlag* wanted) {
    Type out;
    if (!in_flags) return out;
    for (const auto& list : service.arguments) {
      if (list.model != model) continue;
      for (const auto& flag : list.flags) {
        if (flag.flag == wanted && flag.problem == api::FlagProblem::none) out = {flag.value, {}, &list, &flag};
      }
    }
    return out;
  };
  const auto type_of = [&](const JsonValue& owner, const ModelItem* model) {
    if (const Type type = find_flag(model, kType); type.flag != nullptr) return type;
    const auto custom = model == nullptr ? text_in(owner, "cacheTypeCustomV") : std::string_view{};
    if (!custom.empty()) return Type{custom, "cacheTypeCustomV"};
    return Type{text_in(owner, "cacheTypeV"), "cacheTypeV"};
  };
  const auto is_off = [&](const JsonValue& owner, const ModelItem* model) -> std::optional<bool> {
    constexpr std::string_view kOff[] = {"off", "0", "false", "disabled"};
    const Type flag = find_flag(model, kAttention);
    if (flag.flag != nullptr) return std::ranges::find(kOff, flag.text) != std::end(kOff);
    const auto field = base::as_bool(base::find(owner, "flashAttention"));
    return field ? std::optional(!*field) : std::nullopt;
  };
  const auto judge = [&](const JsonValue& owner, const Type& type, const kube::FieldPath& path,
                         std::string_view where) {
    if (type.text.empty() || type.text == "f16" || type.text == "f32" || type.text == "bf16") return;
    if (type.flag == nullptr) return report.at(path.child(type.field), base::find(owner, type.field), {where});
    const auto index = type.flag->value_index;
    const auto list = path.child("extraArgs");
    report.at(list.at(index), &(*type.list->list)[static_cast<rapidjson::SizeType>(index)], {where});
  };
  const bool off = is_off(service.spec, nullptr).value_or(false);
  const Type general = type_of(service.spec, nullptr);
  if (off) judge(service.spec, general, service.spec_path, "");
  for (const auto& model : service.models) {
    const auto own = is_off(*model.json, &model);
    if (!own.value_or(off)) continue;
    const Type type = type_of(*model.json, &model);
    if (!type.text.empty()) {
      judge(*model.json, type, service.models_path.at(model.index), "");
    } else if (own) {
      judge(service.spec, general, service.spec_path, " of spec.models[" + std::to_string(model.index) + "]");
    }
  }
}

}  // namespace rules::judge
