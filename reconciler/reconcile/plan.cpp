#include "reconciler/reconcile/plan.hpp"

#include <algorithm>
#include <set>

#include "common/api/preset.hpp"
#include "common/api/source.hpp"
#include "common/base/digest.hpp"
#include "common/base/text.hpp"
#include "reconciler/reconcile/agent_config.hpp"
#include "reconciler/reconcile/model_progress.hpp"
#include "reconciler/reconcile/names.hpp"
#include "reconciler/reconcile/preset.hpp"

namespace reconciler {
namespace {

template <class Map>
auto* find_in(const Map& map, std::string_view key) {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : &found->second;
}

std::string choose_image(const Settings& settings, const api::InferenceServiceSpec& spec,
                         std::string_view accelerator) {
  if (!spec.image.empty()) return spec.image;
  const auto* image = find_in(settings.runtime_images, accelerator);
  return image == nullptr ? std::string{} : *image;
}

std::string choose_priority_class(const api::InferenceServiceSpec& spec, const Observed& observed) {
  if (!spec.priority_class_name.empty()) return spec.priority_class_name;
  auto name = class_of_priority(spec);
  const auto& known = observed.priority_classes;
  return known && known->contains(name) ? name : std::string{};
}

/// What a Pod of a fetch says of it: all, how it goes, or how an earlier try failed.
int rank_of(const PodView& pod) {
  if (pod.phase == "Succeeded") return 2;
  return pod.phase == "Pending" || pod.phase == "Running" ? 1 : 0;
}

/// The Job of exactly this fetch, and the Pod of it that says most.
void find_fetch(const Observed& observed, ServedModel& model) {
  const auto job = std::ranges::find_if(observed.jobs, [&](const auto& at) { return at.meta.name == model.job_name; });
  if (job == observed.jobs.end()) return;
  model.job = &*job;
  for (const auto& pod : observed.fetch_pods) {
    if (pod.meta.owner_uid != job->meta.uid) continue;
    if (model.fetch_pod == nullptr || rank_of(pod) > rank_of(*model.fetch_pod)) model.fetch_pod = &pod;
  }
}

ServedModel serve(const Plan& plan, api::ModelEntry entry) {
  ServedModel model;
  model.entry = std::move(entry);
  model.object = find_in(plan.observed.models, model.entry.name);
  if (model.object == nullptr) return model;
  model.claim = api::claim_of_source(model.model().spec.source);
  model.on_own_claim = !model.claim.empty();
  if (!model.on_own_claim && plan.cache.kind == CachePlan::Kind::claim) model.claim = plan.cache.claim;
  model.claim_view = find_in(plan.observed.claims, model.claim);
  if (model.claim_view == nullptr) return model;
  model.job_name = fetch_job_name(model.model(), model.claim_view->meta.uid);
  find_fetch(plan.observed, model);
  return model;
}

/// What to serve, in spec order: `spec.models`, or `spec.modelRef` as if it stood there alone.
std::vector<api::ModelEntry> entries_of(const api::InferenceServiceSpec& spec) {
  if (api::is_router_runtime(spec.runtime)) return spec.models;
  api::ModelEntry entry;
  entry.name = spec.model_ref;
  return {entry};
}

std::vector<std::string> source_claims_of(const std::vector<const api::Model*>& models) {
  std::set<std::string> claims;
  for (const auto* model : models) {
    if (auto claim = api::claim_of_source(model->spec.source); !claim.empty()) claims.insert(std::move(claim));
  }
  return {claims.begin(), claims.end()};
}

/// No claim is needed when every Model is there and lies on one of its own.
bool needs_no_cache(const Observed& observed, const std::vector<const api::Model*>& models) {
  return !models.empty() && models.size() == api::model_names(observed.service.view->spec).size() &&
         std::ranges::all_of(models,
                             [](const auto* model) { return !api::claim_of_source(model->spec.source).empty(); });
}

}  // namespace

std::vector<const api::Model*> existing_models(const Observed& observed) {
  std::vector<const api::Model*> models;
  for (const auto& name : api::model_names(observed.service.view->spec)) {
    if (const auto* object = find_in(observed.models, name)) models.push_back(object->view.get());
  }
  return models;
}

std::string class_of_priority(const api::InferenceServiceSpec& spec) { return "llmkube-" + spec.priority; }

bool is_anothers(const Plan& plan, const ObjectMeta& child) {
  return !child.owner_uid.empty() && child.owner_uid != plan.service.metadata.uid;
}

CachePlan choose_cache(const Settings& settings, const api::InferenceService& service) {
  const auto& wanted = service.spec.model_cache;
  CachePlan cache;
  if (wanted.persistence == "Ephemeral") {
    cache.kind = CachePlan::Kind::ephemeral;
  } else if (!wanted.claim_name.empty()) {
    cache.claim = wanted.claim_name;
    cache.foreign = true;
  } else if (settings.model_cache_mode == CacheMode::per_service) {
    cache.claim = service.metadata.name + "-model-cache";
    cache.owned = true;
  } else {
    cache.claim = names::kSharedClaim;
  }
  return cache;
}

std::string fetch_job_name(const api::Model& model, std::string_view claim_uid) {
  constexpr std::size_t kLongestName = 63;
  constexpr std::size_t kHashDigits = 8;
  constexpr std::string_view kInfix = "-fetch-";
  const auto& spec = model.spec;
  std::vector<std::string> parts = {model.metadata.uid, std::string(claim_uid), spec.source, spec.sha256, spec.mmproj};
  parts.insert(parts.end(), spec.files.begin(), spec.files.end());
  std::string name = model.metadata.name.substr(0, kLongestName - kInfix.size() - kHashDigits);
  std::ranges::replace(name, '.', '-');
  while (name.ends_with('-')) name.pop_back();
  return name + std::string(kInfix) + base::sha256_hex(base::join(parts, "\n")).substr(0, kHashDigits);
}

Plan make_plan(const Settings& settings, const Observed& observed) {
  const auto& service = *observed.service.view;
  const auto& spec = service.spec;
  const auto existing = existing_models(observed);

  Plan plan{.settings = settings, .observed = observed, .service = service};
  plan.router = api::is_router_runtime(spec.runtime);
  plan.gate = settings.gate && plan.router && spec.router.scheduling.policy == "Fair";
  plan.gpu = choose_gpu(spec, existing);
  plan.accelerator = choose_accelerator(plan.gpu, existing);
  plan.own_image = settings.image;
  plan.priority_class = choose_priority_class(spec, observed);
  plan.image = choose_image(settings, spec, plan.accelerator);
  plan.cache = choose_cache(settings, service);
  if (needs_no_cache(observed, existing)) plan.cache = {.kind = CachePlan::Kind::none};
  plan.cache.observed = find_in(observed.claims, plan.cache.claim);
  plan.source_claims = source_claims_of(existing);
  plan.replicas = spec.suspend ? 0 : spec.replicas;

  for (auto& entry : entries_of(spec)) plan.models.push_back(serve(plan, std::move(entry)));
  if (spec.speculative_decoding && !spec.speculative_decoding->draft_model_ref.empty()) {
    api::ModelEntry entry;
    entry.name = spec.speculative_decoding->draft_model_ref;
    plan.draft = serve(plan, std::move(entry));
    judge_files(plan, *plan.draft, plan.models.size());
  }
  for (std::size_t i = 0; i < plan.models.size(); ++i) judge_files(plan, plan.models[i], i);

  plan.preset = render_preset(plan);
  plan.preset_hash = api::preset_hash(plan.preset);
  plan.agent_config = render_agent_config(plan);
  return plan;
}

}  // namespace reconciler
