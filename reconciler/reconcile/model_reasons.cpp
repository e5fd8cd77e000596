#include "reconciler/reconcile/model_reasons.hpp"

#include <array>

#include "reconciler/reconcile/rows.hpp"

namespace reconciler {
namespace {

constexpr std::array kStates = {"Pending", "Downloading", "Available", "Failed"};

using enum ModelState;
constexpr std::array kReasons = {
    ModelReason{"ModelNotFound", pending, "There is no Model of this name in the namespace: apply one."},
    ModelReason{"ClaimNotFound", pending, "The claim that holds the files does not exist: create it."},
    ModelReason{"ClaimPending", pending, "The claim is not bound: the message says what it waits for."},
    ModelReason{"FetchPending", pending, "The fetch Job is made but has not started."},
    ModelReason{"Unschedulable", pending, "The scheduler finds no node for the fetch Pod: the message is its own."},
    ModelReason{"ImagePullFailed", pending, "The node cannot pull the image of the fetch Pod."},
    ModelReason{"ContainerNotStarting", pending,
                "The kubelet cannot start the fetch Pod: a Secret or ConfigMap is missing."},
    ModelReason{
        "ClaimInUse", pending,
        "The claim is ReadWriteOnce, in use on one node, and the fetch Pod is on another: use ReadWriteMany, or a "
        "nodeSelector."},
    ModelReason{"FetchRefused", pending, "The API server refuses the fetch Job: quota, policy or a webhook."},
    ModelReason{"Downloading", downloading, "model-fetch is at work; bytesDone grows."},
    ModelReason{"Retrying", downloading, "The last try failed for the reason in the message; the next one resumes."},
    ModelReason{"Reverifying", downloading, "The files are verified anew; those in use are served meanwhile."},
    ModelReason{"Fetched", available, "Downloaded and verified."},
    ModelReason{"AlreadyPresent", available, "Found verified on the volume; nothing was downloaded."},
    ModelReason{"Verified", available, "A file on a claim of yours (pvc://), verified where it lies."},
    ModelReason{"ModelInvalid", failed, "The Model breaks a rule: the message names each mistake."},
    ModelReason{"NotFound", failed, "The source has no such file: correct spec.source or spec.files."},
    ModelReason{"Unauthorized", failed, "The source wants credentials: correct spec.sourceSecretRef."},
    ModelReason{"DigestMismatch", failed, "The file's SHA-256 is another than spec.sha256: one of them is wrong."},
    ModelReason{"NotGguf", failed, "What the source sent is no GGUF file, often an HTML page."},
    ModelReason{"NoSpace", failed, "The volume is full: enlarge the claim or remove models."},
    ModelReason{"Unreachable", failed, "The source cannot be reached: DNS, network policy or proxy."},
    ModelReason{"TlsError", failed, "The source's certificate is not trusted: add its CA (caCertConfigMap)."},
    ModelReason{"RateLimited", failed, "The source wants fewer requests: it is asked again later."},
    ModelReason{"ServerError", failed, "The source answers with an error of its own."},
    ModelReason{"SourceChanged", failed, "The file changed at the source while it was fetched."},
    ModelReason{"Interrupted", failed, "The fetch Pod was stopped; the next try resumes."},
    ModelReason{"WriteFailed", failed, "The volume could not be written: the message is the system's."},
    ModelReason{"ReadOnlyVolume", failed, "The volume is mounted read-only or not writable for group fsGroup."},
    ModelReason{"Refused", failed, "The source refuses the request: the message has its answer."},
    ModelReason{"Stalled", failed, "The source stopped sending."},
    ModelReason{"ShardMissing", failed, "A file of the set is missing: list all shards in spec.files."},
    ModelReason{"InvalidSource", failed, "The source cannot be fetched: the message says why."},
    ModelReason{"FetchFailed", failed, "The fetch ended without saying why: look at the Job's events and log."},
    ModelReason{"LoadFailed", failed, "llama-server could not load it; the message is llama-server's."},
};

}  // namespace

std::string_view to_string(ModelState state) { return kStates[static_cast<std::size_t>(state)]; }

std::span<const ModelReason> model_reasons() { return kReasons; }

ModelState state_of(std::string_view reason) {
  const auto* row = find_reason(kReasons, reason);
  return row == nullptr ? failed : row->state;
}

}  // namespace reconciler
