#include "reconciler/reconcile/reconcile.hpp"

#include <algorithm>

#include "common/api/source.hpp"
#include "reconciler/reconcile/diagnosis.hpp"
#include "reconciler/reconcile/model_progress.hpp"
#include "reconciler/reconcile/names.hpp"
#include "reconciler/reconcile/plan.hpp"
#include "reconciler/reconcile/preset_nudge.hpp"
#include "reconciler/reconcile/render.hpp"
#include "reconciler/reconcile/status.hpp"

namespace reconciler {
namespace {

void want(Decision& decision, std::optional<DesiredObject> object) {
  if (object) decision.desired.push_back(std::move(*object));
}

/// Likewise, unless an object of that name is there and another's.
template <class View>
void want(const Plan& plan, Decision& decision, const std::optional<View>& there, std::optional<DesiredObject> object) {
  if (!there || !is_anothers(plan, there->meta)) want(decision, std::move(object));
}

/// What this service made and no longer wants: never what is another's.
void delete_unwanted(const Plan& plan, Kind kind, const std::optional<ChildView>& there, Decision& decision) {
  const bool wanted = std::ranges::any_of(decision.desired, [&](const auto& at) { return at.kind == kind; });
  if (wanted || !there || there->meta.deleting || there->meta.owner_uid != plan.service.metadata.uid) return;
  decision.deletions.push_back({kind, there->meta.name, there->meta.uid});
}

/// A Pod that is starting mounts what is there, and one whose agent has seen the preset needs no reminder.
bool needs_nudge(const Plan& plan, const PodView& pod) {
  const auto sample = std::ranges::find(plan.observed.agents, pod.meta.name, &AgentSample::pod);
  if (sample == plan.observed.agents.end()) return pod.ready && !is_nudged(pod.preset_hash, plan.preset_hash);
  const bool seen = sample->reload == "waiting" || sample->reload == "reloading" || !sample->reload_error.empty();
  return sample->preset_hash != plan.preset_hash && !seen;
}

/// Only for a preset that is applied: the nudge must not come before the content.
void nudge_pods(const Plan& plan, base::WallTime now, Decision& decision) {
  if (!plan.router || !plan.observed.config_map || plan.observed.config_map->preset_hash != plan.preset_hash) return;
  for (const auto& pod : plan.observed.pods) {
    if (pod.meta.deleting || !needs_nudge(plan, pod)) continue;
    decision.sample_soon.push_back(pod.meta.name);
    auto nudge = next_nudge(pod.preset_hash, plan.preset_hash, now);
    if (!nudge.value.empty()) {
      decision.annotations.push_back(
          {Kind::pod, pod.meta.name, pod.meta.uid, std::string(names::kPresetHashAnnotation), std::move(nudge.value)});
    }
    if (nudge.again.count() > 0) look_again(decision, nudge.again);
  }
}

/// Claims of users are not watched.
void await_claims(const Plan& plan, Decision& decision) {
  constexpr std::chrono::seconds kEvery{10};
  const bool awaits = std::ranges::any_of(plan.models, [&](const auto& model) {
    return !model.claim.empty() && model.claim_view == nullptr && (model.on_own_claim || plan.cache.foreign);
  });
  if (awaits) look_again(decision, kEvery);
}

void ask_for_samples(const Plan& plan, bool settled, Decision& decision) {
  constexpr std::chrono::seconds kSettled{10};
  constexpr std::chrono::seconds kMoving{2};
  for (const auto& pod : plan.observed.pods) {
    const auto* agent = find_container(pod, names::kAgentContainer);
    if (plan.router && !pod.meta.deleting && !pod.ip.empty() && agent != nullptr && agent->running)
      decision.sample_agents.push_back(pod.meta.name);
  }
  for (const auto& model : plan.models) {
    if (model.fetch_pod != nullptr && model.fetch_pod->phase == "Running" && !model.fetch_pod->ip.empty())
      decision.sample_progress.push_back(model.fetch_pod->meta.name);
  }
  decision.sample_every = settled ? kSettled : kMoving;
}

}  // namespace

bool Settings::alone() const { return is_ours(*this, "llamacpp"); }

rules::Site Settings::site() const { return {.other_build = api::any_may_be_other_build(runtime_images)}; }

bool is_ours(const Settings& settings, std::string_view runtime) {
  return std::ranges::find(settings.runtimes, runtime) != settings.runtimes.end();
}

std::vector<std::string> models_of(const api::InferenceService& service) {
  std::vector<std::string> each_once;
  for (auto& name : api::model_names(service.spec)) {
    if (std::ranges::find(each_once, name) == each_once.end()) each_once.push_back(std::move(name));
  }
  return each_once;
}

std::vector<std::string> claims_of(const Settings& settings, const api::InferenceService& service,
                                   const std::map<std::string, ModelObject, std::less<>>& models) {
  std::vector<std::string> claims;
  const auto add = [&](std::string claim) {
    if (!claim.empty() && std::ranges::find(claims, claim) == claims.end()) claims.push_back(std::move(claim));
  };
  add(choose_cache(settings, service).claim);
  for (const auto& name : models_of(service)) {
    if (const auto model = models.find(name); model != models.end())
      add(api::claim_of_source(model->second.view->spec.source));
  }
  return claims;
}

struct ServiceDecision::Basis {
  Plan plan;
  Diagnosis diagnosis;
};

ServiceDecision::ServiceDecision(const Settings& settings, const Observed& observed, base::WallTime now) : now_(now) {
  if (observed.service.meta.deleting) {
    decide_deleting_status(observed, now, decision);
    return;
  }
  if (!observed.service.mistakes.empty()) {
    decide_invalid_status(observed, now, decision);
    return;
  }
  Plan plan = make_plan(settings, observed);
  want(decision, render_claim(plan));
  for (const auto& model : plan.models) want(decision, render_fetch_job(plan, model));
  if (plan.draft) want(decision, render_fetch_job(plan, *plan.draft));
  want(plan, decision, observed.config_map, render_config_map(plan));
  auto deployment = render_deployment(plan);
  const std::string hash = deployment ? template_hash(*deployment) : std::string{};
  want(plan, decision, observed.deployment, std::move(deployment));
  want(plan, decision, observed.network_service, render_network_service(plan));
  want(plan, decision, observed.autoscaler, render_autoscaler(plan));
  delete_unwanted(plan, Kind::autoscaler, observed.autoscaler, decision);
  delete_unwanted(plan, Kind::config_map, observed.config_map, decision);
  nudge_pods(plan, now, decision);
  await_claims(plan, decision);
  Diagnosis diagnosis = diagnose(plan, hash);
  ask_for_samples(plan, diagnosis.is_ready(), decision);
  if (diagnosis.wants_knock)
    decision.knock = {observed.network_service->cluster_ip, static_cast<int>(plan.spec().endpoint.port)};
  decide_order(plan, diagnosis, decision);
  basis_ = std::make_unique<const Basis>(std::move(plan), std::move(diagnosis));
}

ServiceDecision::~ServiceDecision() = default;

void ServiceDecision::add_status() {
  if (!basis_) return;
  decide_status(basis_->plan, basis_->diagnosis, now_, decision);
  if (!basis_->diagnosis.advertised.empty()) decision.knock.reset();
}

Decision reconcile(const Settings& settings, const Observed& observed, base::WallTime now) {
  ServiceDecision both(settings, observed, now);
  both.add_status();
  return std::move(both.decision);
}

}  // namespace reconciler
