#include "reconciler/reconcile/service_reasons.hpp"

#include <array>
#include <cstdlib>

#include "reconciler/reconcile/rows.hpp"

namespace reconciler {
namespace {

constexpr std::array kPhases = {"Pending",       "Creating", "Progressing", "Ready",
                                "WaitingForGPU", "Stopped",  "Suspended",   "Failed"};

using enum Phase;
constexpr bool kDegrades = true;
constexpr bool kBlocks = true;

constexpr std::array kReasons = {
    ServiceReason{"Invalid", failed, kDegrades, kBlocks,
                  "The object breaks rules (the message names each): nothing is changed until it is corrected."},
    ServiceReason{"Deleting", stopped, false, kBlocks,
                  "The object is being deleted, a finalizer keeps it, and its Pods have ended."},
    ServiceReason{"Suspended", suspended, false, kBlocks, "spec.suspend is true: no Pods run."},
    ServiceReason{"ScaledToZero", stopped, false, kBlocks, "spec.replicas is 0: no Pods run."},
    ServiceReason{"Conflict", creating, kDegrades, false,
                  "A field of a child is held by another manager (the message names it) and left alone: remove it "
                  "there, or from there on manage it there."},
    ServiceReason{"NameTaken", failed, kDegrades, kBlocks,
                  "A child's name is taken by an object that another owns (services a.b and a-b meet in Service a-b)."},
    ServiceReason{
        "NoRuntimeImage", failed, kDegrades, kBlocks,
        "No image of llama-server is known for the accelerator: set spec.image or the chart's runtimeImages."},
    ServiceReason{"ChildRefused", failed, kDegrades, kBlocks,
                  "The API server refuses a child (quota, policy, a webhook): the message is its own."},
    ServiceReason{"ModelsFailed", failed, kDegrades, kBlocks,
                  "Models failed (status.models says why); the others are served."},
    ServiceReason{"ClaimNotFound", failed, kDegrades, kBlocks, "The claim in modelCache.claimName does not exist."},
    ServiceReason{"ClaimPending", pending, false, kBlocks, "The claim for the files is not bound."},
    ServiceReason{"ModelsMissing", pending, false, kBlocks, "Models that spec names do not exist yet."},
    ServiceReason{"PodsRefused", creating, kDegrades, kBlocks,
                  "Pods cannot be made (quota, policy): the message is the API server's."},
    ServiceReason{"ImagePullFailed", creating, kDegrades, kBlocks, "A node cannot pull an image of the Pod."},
    ServiceReason{"CrashLoop", creating, kDegrades, kBlocks,
                  "A container ends again and again; its last words are in the message."},
    ServiceReason{"ContainerNotStarting", creating, kDegrades, kBlocks,
                  "The kubelet cannot start a container: a Secret, ConfigMap or security setting is wrong."},
    ServiceReason{"InsufficientGPU", waiting_for_gpu, false, kBlocks, "No node has the GPUs free."},
    ServiceReason{"UnbindableModelCache", creating, kDegrades, kBlocks,
                  "The cache volume is bound to a node on which the Pod cannot run."},
    ServiceReason{
        "ClaimInUse", creating, kDegrades, kBlocks,
        "The claim is ReadWriteOnce and Pods were placed on several nodes: use ReadWriteMany or one replica."},
    ServiceReason{"Unschedulable", creating, false, kBlocks, "The scheduler finds no node: the message is its own."},
    ServiceReason{"ReloadFailed", creating, kDegrades, kBlocks,
                  "llama-server refuses the new preset and serves the one before."},
    ServiceReason{
        "NoReadyEndpoint", creating, kDegrades, kBlocks,
        "The Service takes no connection and none of its EndpointSlices has a ready endpoint, though Pods are "
        "ready: its Events say why (kubectl describe service)."},
    ServiceReason{"ModelsPending", pending, false, kBlocks, "Files of models are on their way."},
    ServiceReason{"RolloutOverdue", creating, kDegrades, kBlocks,
                  "Pods of the present template are not ready after an hour (an ephemeral cache: a day), and nothing "
                  "else says why."},
    ServiceReason{"RollingOut", creating, false, kBlocks, "Pods of the present template are being started."},
    ServiceReason{"PodsNotReady", creating, false, kBlocks, "Fewer Pods are ready than wanted."},
    ServiceReason{"PresetPending", creating, false, kBlocks,
                  "A Pod still serves the preset before: it takes the new one when the models concerned are idle."},
    ServiceReason{"EndpointPending", creating, false, kBlocks,
                  "The Service does not answer yet (seen from the reconciler, waited for at most 10 s)."},
    ServiceReason{"ModelsNotListed", creating, false, kBlocks, "A ready Pod does not list a model yet."},
    ServiceReason{"CrdOutdated", creating, kDegrades, false,
                  "The cluster's CRD lacks fields of this release (the message names them), so the API server drops "
                  "them: apply this release's CRDs."},
};

constexpr std::array kConditions = {
    ConditionInfo{"Ready", "Every model of spec is advertised and all wanted replicas are ready, for this generation."},
    ConditionInfo{
        "ModelsAvailable",
        "The files of every model are on the volume, verified; the message begins with how many of how many."},
    ConditionInfo{"Progressing", "Something is under way that needs nobody."},
    ConditionInfo{"Degraded", "Somebody has to act; what works is served meanwhile."},
    ConditionInfo{"Available", "At least one replica is ready (LLMKube's)."},
    ConditionInfo{"AgentReachable",
                  "The agents of all ready Pods answer; where one does not, the preset that it has mounted counts."},
    ConditionInfo{"Suspended", "spec.suspend is true (LLMKube's)."},
    ConditionInfo{"GPUAvailable", "There only while False: the scheduler finds no free GPU (LLMKube's)."},
};

constexpr std::array kEvents = {
    EventInfo{"ModelDownloading", false, "The fetch of a model's files has begun."},
    EventInfo{"ModelAvailable", false, "A model's files are verified on the volume."},
    EventInfo{"ModelFailed", true, "A model cannot be fetched or loaded; the message says why."},
    EventInfo{"Ready", false, "Every model is advertised and all wanted replicas are ready."},
    EventInfo{"NotReady", false, "It was Ready and is no longer; the message begins with the reason."},
    EventInfo{"Suspended", false, "spec.suspend was set: the Pods stop."},
};

}  // namespace

std::string_view to_string(Phase phase) { return kPhases[static_cast<std::size_t>(phase)]; }

std::span<const ServiceReason> service_reasons() { return kReasons; }

const ServiceReason& service_reason(std::string_view reason) {
  const auto* row = find_reason(kReasons, reason);
  if (row == nullptr) std::abort();
  return *row;
}

std::span<const ConditionInfo> conditions() { return kConditions; }

std::span<const EventInfo> events() { return kEvents; }

bool is_warning(std::string_view event) {
  const auto* row = find_reason(kEvents, event);
  return row == nullptr || row->warning;
}

}  // namespace reconciler
