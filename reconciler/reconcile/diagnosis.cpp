#include "reconciler/reconcile/diagnosis.hpp"

#include <algorithm>
#include <array>

#include "common/base/text.hpp"
#include "reconciler/reconcile/model_progress.hpp"
#include "reconciler/reconcile/names.hpp"
#include "reconciler/reconcile/reconcile.hpp"

namespace reconciler {
namespace {

/// What one look finds: the sentence of the reason that it looks for, or nothing.
struct Look {
  const Plan& plan;
  const Diagnosis& so_far;
  const std::string& template_hash;
};
using Finder = std::string (*)(const Look&);

const AgentSample* sample_of(const Plan& plan, const PodView& pod) {
  const auto found = std::ranges::find(plan.observed.agents, pod.meta.name, &AgentSample::pod);
  return found == plan.observed.agents.end() ? nullptr : &*found;
}

/// Lists the model and could load it the last time; without an answer, what the mounted preset holds counts.
bool offers(const Plan& plan, const PodView& pod, const std::string& model) {
  if (!plan.router) return true;
  const auto* sample = sample_of(plan, pod);
  if (sample == nullptr || !sample->error.empty())
    return plan.observed.config_map && !is_anothers(plan, plan.observed.config_map->meta) &&
           plan.observed.config_map->preset_files.contains(model);
  const auto entry = std::ranges::find(sample->models, model, &AgentModel::name);
  return entry != sample->models.end() && entry->state != "failed";
}

bool is_refused(const Plan& plan, Kind kind) {
  return std::ranges::find(plan.observed.problems, info(kind).name, &ApplyProblem::kind) !=
         plan.observed.problems.end();
}

/// A changed template under strategy Recreate is about to end all Pods: names leave before they stop answering, and do
/// not come back with the Pods that are still there. A template that the API server refuses ends nothing.
bool is_about_to_stop(const Plan& plan, const std::string& template_hash) {
  if (plan.replicas == 0) return true;
  const auto& live = plan.observed.deployment;
  if (!plan.gpu.asked_for() || !live || template_hash.empty()) return false;
  if (live->template_hash != template_hash) return !is_refused(plan, Kind::deployment);
  const bool is_seen = live->observed_generation >= live->meta.generation;
  return is_seen ? live->updated == 0 : !plan.observed.service.advertises;
}

/// `ready`: Pods of the Deployment that are ready. Those of a deleted service of this name may still be there, with its
/// label.
std::vector<std::string> advertised(const Plan& plan, std::int64_t ready, const std::string& template_hash) {
  std::vector<std::string> names;
  const auto pods = live_pods(plan.observed);
  if (is_about_to_stop(plan, template_hash) || ready == 0 || std::ranges::none_of(pods, &PodView::ready)) return names;
  for (const auto& model : plan.models) {
    const bool everywhere =
        std::ranges::all_of(pods, [&](const auto* pod) { return !pod->ready || offers(plan, *pod, model.entry.name); });
    if (model.artifact && everywhere && std::ranges::find(names, model.entry.name) == names.end())
      names.push_back(model.entry.name);
  }
  return names;
}

bool has_front(const Plan& plan) {
  const auto& front = plan.observed.network_service;
  return front && !is_anothers(plan, front->meta);
}

/// The Service answers, as far as we can tell. It is asked before its first names are advertised, then no more.
bool front_answers(const Plan& plan, bool is_asked) {
  if (!is_asked) return has_front(plan);
  return plan.observed.front == Knock::open || plan.observed.front == Knock::unknown;
}

std::vector<std::string> unreachable_agents(const Plan& plan) {
  std::vector<std::string> pods;
  if (!plan.router) return pods;
  for (const auto* pod : live_pods(plan.observed)) {
    const auto* sample = sample_of(plan, *pod);
    if (pod->ready && (sample == nullptr || !sample->error.empty()))
      pods.push_back(pod->meta.name + ": " + (sample == nullptr ? "not asked yet" : sample->error));
  }
  return pods;
}

/// "a (Downloading: ...), b (...)" of the models that `want`, at most a few in full.
template <class Wanted>
std::string list_models(const Plan& plan, Wanted wanted) {
  std::vector<std::string> parts;
  for (const auto& model : plan.models) {
    if (wanted(model)) parts.push_back(model.entry.name + ": " + model.reason + ": " + model.message);
  }
  if (plan.draft && wanted(*plan.draft))
    parts.push_back(plan.draft->entry.name + ": " + plan.draft->reason + ": " + plan.draft->message);
  return base::join(parts, "; ");
}

std::string find_suspended(const Look& look) { return look.plan.spec().suspend ? "spec.suspend is true" : ""; }

std::string find_scaled_to_zero(const Look& look) {
  return !look.plan.spec().suspend && look.plan.replicas == 0 ? "spec.replicas is 0" : "";
}

std::string find_conflict(const Look& look) {
  std::vector<std::string> parts;
  for (const auto& problem : look.plan.observed.problems) {
    if (problem.reason == "Conflict")
      parts.push_back(problem.kind + " " + problem.name + ": " +
                      (problem.manager.empty() ? "" : "held by \"" + problem.manager + "\": ") + problem.message);
  }
  return base::join(parts, "; ");
}

std::string find_name_taken(const Look& look) {
  const auto& observed = look.plan.observed;
  std::vector<std::string> taken;
  const auto check = [&](Kind kind, const auto& there) {
    if (there && is_anothers(look.plan, there->meta))
      taken.push_back(std::string(info(kind).name) + " " + there->meta.name);
  };
  check(Kind::deployment, observed.deployment);
  check(Kind::service, observed.network_service);
  check(Kind::config_map, observed.config_map);
  check(Kind::autoscaler, observed.autoscaler);
  return taken.empty()
             ? std::string{}
             : base::join(taken, ", ") +
                   ": another object owns it: rename this service, or delete that (what a deleted service of this "
                   "name left goes by itself)";
}

std::string find_no_image(const Look& look) {
  if (!look.plan.image.empty()) return {};
  return "no image of llama-server for accelerator " + look.plan.accelerator + ": set spec.image, or runtimeImages." +
         look.plan.accelerator + " in the chart";
}

std::string find_child_refused(const Look& look) {
  std::vector<std::string> parts;
  for (const auto& problem : look.plan.observed.problems) {
    if (problem.reason != "Conflict" && problem.kind != "Job")
      parts.push_back(problem.kind + " " + problem.name + ": " + problem.message);
  }
  return base::join(parts, "; ");
}

std::string find_models_failed(const Look& look) {
  return list_models(look.plan, [](const auto& model) { return model.state == ModelState::failed; });
}

std::string find_claim_not_found(const Look& look) {
  return list_models(look.plan, [](const auto& model) { return model.reason == "ClaimNotFound"; });
}

std::string find_claim_pending(const Look& look) {
  return list_models(look.plan, [](const auto& model) { return model.reason == "ClaimPending"; });
}

std::string find_models_missing(const Look& look) {
  std::vector<std::string> parts;
  for (const auto& model : look.plan.models) {
    if (model.reason == "ModelNotFound") parts.push_back(model.message);
  }
  if (look.plan.draft && look.plan.draft->reason == "ModelNotFound") parts.push_back(look.plan.draft->message);
  return base::join(parts, "; ");
}

std::string find_models_pending(const Look& look) {
  return list_models(look.plan, [](const auto& model) {
    return model.state == ModelState::pending || model.state == ModelState::downloading;
  });
}

std::string find_pods_refused(const Look& look) {
  const auto& deployment = look.plan.observed.deployment;
  if (!deployment || !deployment->failure) return {};
  return deployment->failure->reason + ": " + deployment->failure->message;
}

/// Only where nothing else says why.
std::string find_overdue(const Look& look) {
  const auto& deployment = look.plan.observed.deployment;
  if (!deployment || !deployment->overdue || look.so_far.obstacle() != nullptr) return {};
  return deployment->overdue->message + ": kubectl -n " + look.plan.name_space() + " describe pod -l " +
         std::string(names::kServiceLabel) + "=" + look.plan.name();
}

/// The first sentence that `say` has for a Pod that is not ready.
template <class Say>
std::string first_unready(const Plan& plan, Say say) {
  for (const auto* pod : live_pods(plan.observed)) {
    if (pod->ready) continue;
    if (auto said = say(*pod); !said.empty()) return said;
  }
  return {};
}

std::string find_image_pull(const Look& look) { return first_unready(look.plan, pull_failure); }

std::string last_line(std::string_view text) {
  text = base::trim(text);
  const auto end = text.rfind('\n');
  return std::string(end == std::string_view::npos ? text : base::trim(text.substr(end + 1)));
}

std::string crash_of(const PodView& pod) {
  for (const auto& container : pod.containers) {
    const auto& ended = container.last_terminated ? container.last_terminated : container.terminated;
    if (!ended || ended->exit_code == 0 || container.ready) continue;
    return "Pod " + pod.meta.name + ", container " + container.name + ": " + ended->reason + ", exit code " +
           std::to_string(ended->exit_code) + (ended->message.empty() ? "" : ": " + last_line(ended->message));
  }
  return {};
}

std::string find_crash(const Look& look) { return first_unready(look.plan, crash_of); }

std::string find_not_starting(const Look& look) { return first_unready(look.plan, start_failure); }

/// What the scheduler says of the first Pod that it cannot place.
std::string scheduler_word(const Look& look) {
  auto word = first_unready(
      look.plan, [](const PodView& pod) { return pod.unschedulable ? pod.unschedulable->message : std::string{}; });
  while (word.ends_with('.')) word.pop_back();
  return word;
}

bool lacks_gpu(const Look& look, const std::string& word) {
  return look.plan.gpu.count > 0 && word.find("Insufficient " + look.plan.gpu.resource) != std::string::npos;
}

bool lacks_volume(const std::string& word) { return word.find("volume node affinity conflict") != std::string::npos; }

std::string find_insufficient_gpu(const Look& look) {
  const auto word = scheduler_word(look);
  if (!lacks_gpu(look, word)) return {};
  return "waiting for " + std::to_string(look.plan.gpu.count) + " " + look.plan.gpu.resource + ": " + word;
}

std::string find_unbindable_cache(const Look& look) {
  const auto word = scheduler_word(look);
  if (!lacks_volume(word)) return {};
  return "claim \"" + look.plan.cache.claim + "\" is bound to another node: " + word +
         ": delete the claim (files are fetched again), or allow that node by nodeSelector";
}

std::string find_unschedulable(const Look& look) {
  const auto word = scheduler_word(look);
  return lacks_gpu(look, word) || lacks_volume(word) ? std::string{} : word;
}

/// A ReadWriteOnce claim is attached to one node: a Pod placed elsewhere waits in ContainerCreating without a word.
std::string find_claim_in_use(const Look& look) {
  const auto* claim = look.plan.cache.observed;
  if (claim == nullptr || std::ranges::find(claim->access_modes, "ReadWriteOnce") == claim->access_modes.end() ||
      claim->access_modes.size() != 1)
    return {};
  const auto pods = live_pods(look.plan.observed);
  const auto user = std::ranges::find_if(pods, [](const auto* pod) { return pod->ready; });
  if (user == pods.end()) return {};
  return first_unready(look.plan, [&](const PodView& pod) -> std::string {
    const bool elsewhere = !pod.node.empty() && pod.node != (*user)->node && pod.ip.empty();
    if (!elsewhere) return {};
    return "claim \"" + claim->meta.name + "\" is ReadWriteOnce and in use on node " + (*user)->node + ", Pod " +
           pod.meta.name + " waits for it on node " + pod.node;
  });
}

std::string find_reload_failed(const Look& look) {
  for (const auto& sample : look.plan.observed.agents) {
    if (!sample.reload_error.empty()) return "Pod " + sample.pod + ": " + sample.reload_error;
  }
  return {};
}

std::string find_rolling_out(const Look& look) {
  const auto& live = look.plan.observed.deployment;
  if (look.template_hash.empty()) return {};
  if (!live) return "the Deployment is being made";
  const bool current = live->template_hash == look.template_hash && live->observed_generation >= live->meta.generation;
  if (!current && is_refused(look.plan, Kind::deployment))
    return "the Deployment keeps the template that it has: condition Degraded says why";
  if (!current) return "the Deployment takes the present template";
  if (live->updated >= look.so_far.desired && live->replicas <= live->updated) return {};
  return std::to_string(live->updated) + " of " + std::to_string(look.so_far.desired) +
         " Pods have the present template";
}

std::string find_pods_not_ready(const Look& look) {
  if (look.so_far.ready >= look.so_far.desired || look.template_hash.empty()) return {};
  return std::to_string(look.so_far.ready) + " of " + std::to_string(look.so_far.desired) + " Pods are ready";
}

std::string find_preset_pending(const Look& look) {
  for (const auto* pod : live_pods(look.plan.observed)) {
    const auto* sample = sample_of(look.plan, *pod);
    if (look.plan.router && pod->ready && sample != nullptr && sample->error.empty() &&
        sample->preset_hash != look.plan.preset_hash)
      return "Pod " + pod->meta.name + " serves preset " + sample->preset_hash + ", wanted is " + look.plan.preset_hash;
  }
  return {};
}

std::string find_no_endpoint(const Look& look) {
  if (!look.so_far.awaits_front || look.plan.observed.front != Knock::no_endpoint) return {};
  const auto& service = *look.plan.observed.network_service;
  return "Service " + service.meta.name + " at " + service.cluster_ip +
         " takes no connection and has no ready endpoint, though Pods are ready: kubectl -n " + look.plan.name_space() +
         " describe service " + service.meta.name;
}

std::string find_endpoint_pending(const Look& look) {
  if (!look.so_far.awaits_front || look.plan.observed.front == Knock::no_endpoint) return {};
  const auto& service = look.plan.observed.network_service;
  if (!has_front(look.plan)) return "the Service is being made";
  return "Service " + service->meta.name + " at " + service->cluster_ip +
         (look.plan.observed.front ? " does not answer yet: kube-proxy has no endpoint for it that takes requests"
                                   : " is being tried");
}

std::string find_not_listed(const Look& look) {
  if (look.so_far.awaits_front) return {};
  std::vector<std::string> missing;
  for (const auto& model : look.plan.models) {
    const bool listed = std::ranges::find(look.so_far.advertised, model.entry.name) != look.so_far.advertised.end();
    if (!listed && model.state == ModelState::available) missing.push_back(model.entry.name);
  }
  return missing.empty() ? std::string{} : "not listed by every ready Pod: " + base::join(missing, ", ");
}

std::string find_crd_outdated(const Look& look) {
  const auto& missing = look.plan.observed.missing_fields;
  if (!missing || missing->empty()) return {};
  return "the CRDs lack " + base::join(*missing, ", ") + ": apply the CRDs of this release";
}

struct Row {
  std::string_view reason;
  Finder find;
};
/// In the order of the table of reasons.
constexpr std::array kRows = {
    Row{"Suspended", find_suspended},
    Row{"ScaledToZero", find_scaled_to_zero},
    Row{"Conflict", find_conflict},
    Row{"NameTaken", find_name_taken},
    Row{"NoRuntimeImage", find_no_image},
    Row{"ChildRefused", find_child_refused},
    Row{"ModelsFailed", find_models_failed},
    Row{"ClaimNotFound", find_claim_not_found},
    Row{"ClaimPending", find_claim_pending},
    Row{"ModelsMissing", find_models_missing},
    Row{"PodsRefused", find_pods_refused},
    Row{"ImagePullFailed", find_image_pull},
    Row{"CrashLoop", find_crash},
    Row{"ContainerNotStarting", find_not_starting},
    Row{"InsufficientGPU", find_insufficient_gpu},
    Row{"UnbindableModelCache", find_unbindable_cache},
    Row{"ClaimInUse", find_claim_in_use},
    Row{"Unschedulable", find_unschedulable},
    Row{"ReloadFailed", find_reload_failed},
    Row{"NoReadyEndpoint", find_no_endpoint},
    Row{"ModelsPending", find_models_pending},
    Row{"RolloutOverdue", find_overdue},
    Row{"RollingOut", find_rolling_out},
    Row{"PodsNotReady", find_pods_not_ready},
    Row{"PresetPending", find_preset_pending},
    Row{"EndpointPending", find_endpoint_pending},
    Row{"ModelsNotListed", find_not_listed},
    Row{"CrdOutdated", find_crd_outdated},
};

}  // namespace

const Problem* Diagnosis::find(std::string_view reason) const {
  const auto found = std::ranges::find_if(problems, [&](const auto& problem) { return problem.row->reason == reason; });
  return found == problems.end() ? nullptr : &*found;
}

const Problem* Diagnosis::obstacle() const {
  const auto found = std::ranges::find_if(problems, [](const auto& problem) { return problem.row->blocks; });
  return found == problems.end() ? nullptr : &*found;
}

Diagnosis diagnose(const Plan& plan, const std::string& template_hash) {
  Diagnosis diagnosis;
  const auto& live = plan.observed.deployment;
  diagnosis.desired = plan.spec().autoscaling && plan.replicas > 0 && live ? live->wanted : plan.replicas;
  diagnosis.ready = live && live->meta.owner_uid == plan.service.metadata.uid ? live->ready : 0;
  diagnosis.models_available = std::ranges::count(plan.models, ModelState::available, &ServedModel::state);
  diagnosis.advertised = advertised(plan, diagnosis.ready, template_hash);
  diagnosis.wants_knock = !diagnosis.advertised.empty() && !plan.observed.service.advertises && has_front(plan) &&
                          !plan.observed.network_service->cluster_ip.empty();
  diagnosis.awaits_front = !diagnosis.advertised.empty() && !front_answers(plan, diagnosis.wants_knock);
  if (diagnosis.awaits_front) diagnosis.advertised.clear();
  diagnosis.unreachable = unreachable_agents(plan);
  for (const auto& row : kRows) {
    if (auto message = row.find({plan, diagnosis, template_hash}); !message.empty())
      diagnosis.problems.push_back({&service_reason(row.reason), std::move(message)});
  }
  return diagnosis;
}

}  // namespace reconciler
