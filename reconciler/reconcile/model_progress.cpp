#include "reconciler/reconcile/model_progress.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "common/api/source.hpp"
#include "reconciler/reconcile/names.hpp"

namespace reconciler {
namespace {

/// What one check says: a reason of the table in model_reasons.cpp and a sentence.
struct Verdict {
  std::string reason;
  std::string message;
};

using Check = std::optional<Verdict> (*)(const Plan&, ServedModel&);

std::optional<Verdict> check_model_exists(const Plan& plan, ServedModel& model) {
  if (model.object != nullptr) return std::nullopt;
  const auto& ns = plan.name_space();
  return Verdict{"ModelNotFound",
                 "Model \"" + model.entry.name + "\" not found in namespace " + ns + ": kubectl get mdl -n " + ns};
}

std::optional<Verdict> check_model_valid(const Plan&, ServedModel& model) {
  if (model.object->mistakes.empty()) return std::nullopt;
  return Verdict{"ModelInvalid", model.object->mistakes};
}

std::optional<Verdict> check_claim_exists(const Plan& plan, ServedModel& model) {
  if (model.claim_view != nullptr) return std::nullopt;
  if (model.on_own_claim || plan.cache.foreign) {
    return Verdict{"ClaimNotFound", "claim \"" + model.claim + "\" not found in namespace " + plan.name_space() +
                                        ": create it, or correct the name"};
  }
  for (const auto& problem : plan.observed.problems) {
    if (problem.kind == "PersistentVolumeClaim" && problem.name == model.claim)
      return Verdict{"ClaimPending", "claim \"" + model.claim + "\" is refused: " + problem.message};
  }
  return Verdict{"ClaimPending", "claim \"" + model.claim + "\" is being made"};
}

std::optional<Verdict> check_job_exists(const Plan& plan, ServedModel& model) {
  if (model.job != nullptr) return std::nullopt;
  for (const auto& problem : plan.observed.problems) {
    if (problem.kind == "Job" && problem.name == model.job_name)
      return Verdict{"FetchRefused", "Job " + model.job_name + " is refused: " + problem.message};
  }
  return Verdict{"FetchPending", "Job " + model.job_name + " is being made"};
}

Verdict take_over(ServedModel& model, FetchResult result) {
  model.artifact = std::move(result.artifact);
  return {state_of(result.reason) == ModelState::available ? result.reason : "Fetched", result.message};
}

bool ended_well(const ContainerView* container) {
  return container != nullptr && container->terminated && container->terminated->exit_code == 0;
}

/// What a fetch container that ended well left behind.
std::optional<FetchResult> fetched_by(const ContainerView* container) {
  if (!ended_well(container)) return std::nullopt;
  auto result = parse_fetch_result(container->terminated->message);
  return result && result->artifact ? std::move(result) : std::nullopt;
}

/// What the fetcher in this Pod said when it was done.
std::optional<FetchResult> told_by_fetcher(const Observed& observed, const PodView& pod) {
  const auto sample = observed.progress.find(pod.meta.name);
  if (sample == observed.progress.end() || !sample->second.result || !sample->second.result->artifact)
    return std::nullopt;
  return sample->second.result;
}

/// The Pod's own word counts, by the fetcher's answer or when its container ended well: the kubelet reports that a
/// second or two later, the Job is complete seconds after that (the Job controller counts its Pods in rounds), and
/// nothing can change in between.
std::optional<Verdict> check_fetch_ended(const Plan& plan, ServedModel& model) {
  if (model.job->complete || model.job->failed || model.fetch_pod == nullptr) return std::nullopt;
  auto result = fetched_by(find_container(*model.fetch_pod, names::kFetchContainer));
  if (!result) result = told_by_fetcher(plan.observed, *model.fetch_pod);
  if (!result) return std::nullopt;
  return take_over(model, std::move(*result));
}

std::optional<Verdict> check_job_complete(const Plan& plan, ServedModel& model) {
  if (!model.job->complete) return std::nullopt;
  auto result = result_of(*model.job, plan.observed.fetch_pods);
  if (!result)
    return Verdict{"Reverifying", "Job " + model.job_name + " is complete but left no result: it runs again"};
  return take_over(model, std::move(*result));
}

std::optional<Verdict> check_job_failed(const Plan& plan, ServedModel& model) {
  if (!model.job->failed) return std::nullopt;
  const std::string again = "; tried again 10 minutes after it failed, or when Job " + model.job_name + " is deleted";
  if (const auto result = result_of(*model.job, plan.observed.fetch_pods))
    return Verdict{state_of(result->reason) == ModelState::failed ? result->reason : "FetchFailed",
                   result->message + again};
  return Verdict{"FetchFailed", model.job->failed->reason + ": " + model.job->failed->message + ": kubectl logs -n " +
                                    plan.name_space() + " job/" + model.job_name + again};
}

/// A claim that nobody can bind keeps its Pods unscheduled: then the claim is what to look at.
std::optional<Verdict> check_scheduled(const Plan& plan, ServedModel& model) {
  if (model.fetch_pod == nullptr || !model.fetch_pod->unschedulable) return std::nullopt;
  const auto& said = model.fetch_pod->unschedulable->message;
  if (model.claim_view->phase == "Bound") return Verdict{"Unschedulable", said};
  if (model.claim_view->storage_class.empty()) {
    return Verdict{"ClaimPending",
                   "claim \"" + model.claim + "\" is not bound and names no StorageClass: make one the " +
                       "default, or set modelCache.storageClass in the chart: kubectl get storageclass"};
  }
  return Verdict{"ClaimPending", "claim \"" + model.claim + "\" is not bound: " + said + ": kubectl describe pvc -n " +
                                     plan.name_space() + " " + model.claim};
}

/// A StorageClass that waits for the first consumer: the scheduler has chosen a node and waits, without a word.
std::optional<Verdict> check_volume_made(const Plan& plan, ServedModel& model) {
  const auto& claim = *model.claim_view;
  if (model.fetch_pod == nullptr || !model.fetch_pod->node.empty()) return std::nullopt;
  if (claim.phase != "Pending" || claim.storage_class.empty()) return std::nullopt;
  return Verdict{"ClaimPending", "claim \"" + model.claim + "\" is not bound: StorageClass \"" + claim.storage_class +
                                     "\" has made no volume for it yet: kubectl describe pvc -n " + plan.name_space() +
                                     " " + model.claim};
}

std::optional<Verdict> check_image(const Plan&, ServedModel& model) {
  if (model.fetch_pod == nullptr) return std::nullopt;
  const auto failure = pull_failure(*model.fetch_pod);
  return failure.empty() ? std::nullopt : std::optional{Verdict{"ImagePullFailed", failure}};
}

std::optional<Verdict> check_start(const Plan&, ServedModel& model) {
  if (model.fetch_pod == nullptr) return std::nullopt;
  const auto failure = start_failure(*model.fetch_pod);
  return failure.empty() ? std::nullopt : std::optional{Verdict{"ContainerNotStarting", failure}};
}

/// A ReadWriteOnce claim is attached to one node: a Pod that was placed elsewhere waits for it without a word.
std::optional<Verdict> check_claim_free(const Plan& plan, ServedModel& model) {
  const auto* pod = model.fetch_pod;
  if (pod == nullptr || pod->phase != "Pending" || pod->node.empty() || !pod->ip.empty()) return std::nullopt;
  if (model.claim_view->access_modes != std::vector<std::string>{"ReadWriteOnce"}) return std::nullopt;
  const auto user = std::ranges::find_if(
      plan.observed.pods, [&](const PodView& at) { return at.ready && !at.meta.deleting && at.node != pod->node; });
  if (user == plan.observed.pods.end()) return std::nullopt;
  return Verdict{"ClaimInUse", "claim \"" + model.claim + "\" is ReadWriteOnce and in use on node " + user->node +
                                   ", Pod " + pod->meta.name + " waits for it on node " + pod->node +
                                   ": use ReadWriteMany, or a nodeSelector that keeps both on one node"};
}

std::optional<Verdict> check_last_try(const Plan&, ServedModel& model) {
  if (model.fetch_pod == nullptr) return std::nullopt;
  const auto result = parse_fetch_result(last_word(*model.fetch_pod));
  if (!result) return std::nullopt;
  return Verdict{"Retrying", result->reason + ": " + result->message};
}

std::optional<Verdict> check_running(const Plan& plan, ServedModel& model) {
  const bool running = model.fetch_pod != nullptr && model.fetch_pod->phase == "Running";
  if (!running) {
    return Verdict{"FetchPending", "the Pod of Job " + model.job_name +
                                       " has not started: kubectl describe job,pod -n " + plan.name_space() + " -l " +
                                       std::string(names::kModelLabel) + "=" + model.entry.name};
  }
  const auto sample = plan.observed.progress.find(model.fetch_pod->meta.name);
  if (sample != plan.observed.progress.end()) model.bytes_done = sample->second.bytes_done;
  return Verdict{"Downloading", "Job " + model.job_name + " is at work"};
}

/// The first that has something to say wins; the last always has.
constexpr std::array kChecks = {check_model_exists, check_model_valid,  check_claim_exists, check_job_exists,
                                check_fetch_ended,  check_job_complete, check_job_failed,   check_scheduled,
                                check_volume_made,  check_image,        check_start,        check_claim_free,
                                check_last_try,     check_running};

/// Why the fetch container of a Pod is not done.
Verdict judge_undone(const PodView& pod, const ContainerView* container) {
  if (container == nullptr) return {"FetchPending", "Pod " + pod.meta.name + " has not started"};
  const auto& ended = container->terminated ? container->terminated : container->last_terminated;
  if (const auto result = parse_fetch_result(ended ? ended->message : std::string{}))
    return {"Retrying", result->reason + ": " + result->message};
  return {"Downloading", "Pod " + pod.meta.name + " is fetching into its ephemeral cache"};
}

/// In an ephemeral cache each Pod has its own copy: the first Pod that is not done speaks for all, and what those that
/// are done have is served meanwhile.
Verdict judge_ephemeral(const Plan& plan, ServedModel& model, std::size_t index) {
  std::optional<FetchResult> done;
  std::optional<Verdict> undone;
  const auto is_of_this_source = [key = "/" + api::cache_key(model.model().spec.source) + "/"](const auto& result) {
    return result->artifact->path.contains(key);
  };
  for (const auto* pod : live_pods(plan.observed)) {
    const auto* container = find_container(*pod, fetch_container_name(index));
    auto result = fetched_by(container);
    if (!result && !undone) undone = judge_undone(*pod, container);
    // A Pod of the template before has the file of the source before.
    if (result && (!done || is_of_this_source(result))) done = std::move(result);
  }
  if (done) {
    const auto fetched = take_over(model, std::move(*done));
    return undone.value_or(fetched);
  }
  return undone.value_or(
      Verdict{"FetchPending", "each Pod fetches into its own cache (modelCache.persistence: Ephemeral)"});
}

Verdict judge(const Plan& plan, ServedModel& model, std::size_t index) {
  for (const auto& check : kChecks) {
    if (check == check_claim_exists && plan.cache.kind == CachePlan::Kind::ephemeral && !model.on_own_claim)
      return judge_ephemeral(plan, model, index);
    if (const auto verdict = check(plan, model)) return *verdict;
  }
  return {};
}

/// Files that an earlier Job of this Model put on this claim, or that the Pods serve right now: they stay in use while
/// others are on their way, and after a fetch that failed.
std::optional<Artifact> files_in_use(const Plan& plan, const ServedModel& model) {
  if (model.object == nullptr || model.claim_view == nullptr) return std::nullopt;
  std::optional<Artifact> latest;
  std::optional<base::WallTime> completed_at;
  for (const auto& job : plan.observed.jobs) {
    if (!job.complete || job.model != model.entry.name || job.meta.owner_uid != model.model().metadata.uid ||
        job.claim_uid != model.claim_view->meta.uid || (latest && job.completed_at <= completed_at))
      continue;
    auto result = result_of(job, plan.observed.fetch_pods);
    if (!result) continue;
    latest = std::move(result->artifact);
    completed_at = job.completed_at;
  }
  if (latest) return latest;
  // A Pod that is up pins its claim, so the files that its preset names are on this very one.
  const auto& config_map = plan.observed.config_map;
  const bool mounted = std::ranges::any_of(plan.observed.pods, &PodView::ready);
  if (!mounted || !config_map || is_anothers(plan, config_map->meta)) return std::nullopt;
  const auto files = config_map->preset_files.find(model.entry.name);
  if (files == config_map->preset_files.end() || files->second.model.empty()) return std::nullopt;
  return Artifact{files->second.model, files->second.mmproj, 0, {}};
}

/// What llama-server said when it could not load the model; empty when it could, or has not tried.
std::string load_failure(const Plan& plan, const std::string& name) {
  for (const auto& sample : plan.observed.agents) {
    for (const auto& model : sample.models) {
      if (model.name == name && model.state == "failed")
        return "llama-server in Pod " + sample.pod +
               " could not load it: " + (model.failure.empty() ? "it gave no reason; see its log" : model.failure);
    }
  }
  return {};
}

/// The first container that waits for one of these reasons, in words.
template <class Reasons>
std::string waiting_for(const PodView& pod, const Reasons& reasons) {
  for (const auto& container : pod.containers) {
    if (container.waiting && std::ranges::find(reasons, container.waiting->reason) != reasons.end())
      return "Pod " + pod.meta.name + ", container " + container.name + ": " + container.waiting->reason + ": " +
             container.waiting->message;
  }
  return {};
}

}  // namespace

std::string fetch_container_name(std::size_t index) {
  return std::string(names::kFetchContainer) + "-" + std::to_string(index);
}

std::vector<const PodView*> live_pods(const Observed& observed) {
  std::vector<const PodView*> pods;
  for (const auto& pod : observed.pods) {
    if (!pod.meta.deleting && pod.phase != "Failed" && pod.phase != "Succeeded") pods.push_back(&pod);
  }
  return pods;
}

const ContainerView* find_container(const PodView& pod, std::string_view name) {
  const auto found = std::ranges::find(pod.containers, name, &ContainerView::name);
  return found == pod.containers.end() ? nullptr : &*found;
}

std::string last_word(const PodView& pod) {
  const auto* container = find_container(pod, names::kFetchContainer);
  return container != nullptr && container->terminated ? container->terminated->message : std::string{};
}

std::string last_word(const JobView& job, const std::vector<PodView>& fetch_pods) {
  std::string of_a_try;
  for (const auto& pod : fetch_pods) {
    if (pod.meta.owner_uid != job.meta.uid) continue;
    auto word = last_word(pod);
    if (word.empty()) continue;
    const auto exit_code = find_container(pod, names::kFetchContainer)->terminated->exit_code;
    if (exit_code == (job.complete ? 0 : names::kFinalFailure)) return word;
    if (!job.complete && of_a_try.empty()) of_a_try = std::move(word);
  }
  return of_a_try;
}

std::optional<FetchResult> result_of(const JobView& job, const std::vector<PodView>& fetch_pods) {
  // The record first: the Pods may be gone. Whoever looks for the one takes the other, so that to record it changes no
  // decision.
  auto result = parse_fetch_result(job.fetched.empty() ? last_word(job, fetch_pods) : job.fetched);
  return result && job.complete && !result->artifact ? std::nullopt : std::move(result);
}

std::string pull_failure(const PodView& pod) {
  return waiting_for(pod, std::array<std::string_view, 5>{"ErrImagePull", "ImagePullBackOff", "InvalidImageName",
                                                          "ErrImageNeverPull", "RegistryUnavailable"});
}

std::string start_failure(const PodView& pod) {
  return waiting_for(
      pod, std::array<std::string_view, 5>{"CreateContainerConfigError", "CreateContainerError", "RunContainerError",
                                           "PreStartHookError", "PostStartHookError"});
}

void judge_files(const Plan& plan, ServedModel& model, std::size_t index) {
  auto verdict = judge(plan, model, index);
  if (!model.artifact) model.artifact = files_in_use(plan, model);
  if (model.artifact) {
    if (auto failure = load_failure(plan, model.entry.name); !failure.empty())
      verdict = {"LoadFailed", std::move(failure)};
  }
  model.state = state_of(verdict.reason);
  model.reason = std::move(verdict.reason);
  model.message = std::move(verdict.message);
  if (model.state == ModelState::available && model.artifact) model.bytes_done = model.artifact->size_bytes;
}

}  // namespace reconciler
