#include "reconciler/reconcile/observed.hpp"

#include <algorithm>
#include <utility>

#include "common/api/preset.hpp"
#include "common/base/text.hpp"
#include "reconciler/reconcile/names.hpp"

namespace reconciler {
namespace {

using base::as_bool;
using base::as_int;
using base::find;
using base::find_path;
using base::int_at;
using base::JsonValue;
using base::string_at;

/// The items of a list, or none.
template <class Visit>
void each(const JsonValue* list, Visit visit) {
  if (list == nullptr || !list->IsArray()) return;
  for (const auto& item : list->GetArray()) visit(item);
}

std::string label(const JsonValue& object, std::string_view key) {
  return string_at(object, {"metadata", "labels", key});
}

std::string annotation(const JsonValue& object, std::string_view key) {
  return string_at(object, {"metadata", "annotations", key});
}

/// The condition of this type, when it stands at `status`.
std::optional<ContainerState> condition(const JsonValue& object, std::string_view type, std::string_view status,
                                        std::optional<base::WallTime>* since = nullptr) {
  std::optional<ContainerState> found;
  each(find_path(object, {"status", "conditions"}), [&](const JsonValue& item) {
    if (string_at(item, {"type"}) != type || string_at(item, {"status"}) != status) return;
    found = ContainerState{string_at(item, {"reason"}), string_at(item, {"message"}), 0};
    if (since != nullptr) *since = base::parse_rfc3339(string_at(item, {"lastTransitionTime"}));
  });
  return found;
}

std::optional<ContainerState> container_state(const JsonValue& status, std::string_view which, std::string_view state) {
  const auto* value = find_path(status, {which, state});
  if (value == nullptr || !value->IsObject()) return std::nullopt;
  return ContainerState{string_at(*value, {"reason"}), string_at(*value, {"message"}), int_at(*value, {"exitCode"})};
}

ContainerView decode_container(const JsonValue& status) {
  ContainerView container;
  container.name = string_at(status, {"name"});
  container.ready = as_bool(find(status, "ready")).value_or(false);
  container.running = find_path(status, {"state", "running"}) != nullptr;
  container.waiting = container_state(status, "state", "waiting");
  container.terminated = container_state(status, "state", "terminated");
  container.last_terminated = container_state(status, "lastState", "terminated");
  return container;
}

/// Whether a manager other than us set spec.replicas through the scale subresource.
bool is_scaled(const JsonValue& object) {
  bool scaled = false;
  each(find_path(object, {"metadata", "managedFields"}), [&](const JsonValue& entry) {
    if (string_at(entry, {"subresource"}) == "scale" &&
        find_path(entry, {"fieldsV1", "f:spec", "f:replicas"}) != nullptr)
      scaled = true;
  });
  return scaled;
}

/// Section by section, the files that a models.ini names. It reads what preset.cpp writes, nothing more.
std::map<std::string, PresetFiles, std::less<>> preset_files(std::string_view text) {
  constexpr std::string_view kModel = "model = ";
  constexpr std::string_view kProjector = "mmproj = ";
  std::map<std::string, PresetFiles, std::less<>> files;
  std::string section;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.size() > 2 && line.front() == '[' && line.back() == ']') {
      section = line.substr(1, line.size() - 2);
    } else if (line.starts_with(kModel)) {
      files[section].model = line.substr(kModel.size());
    } else if (line.starts_with(kProjector)) {
      files[section].mmproj = line.substr(kProjector.size());
    }
  }
  return files;
}

}  // namespace

PodView decode_pod(const JsonValue& object) {
  PodView pod;
  pod.meta = kube::decode_object_meta(object);
  pod.service = label(object, names::kServiceLabel);
  pod.model = label(object, names::kModelLabel);
  pod.phase = string_at(object, {"status", "phase"});
  pod.ip = string_at(object, {"status", "podIP"});
  pod.node = string_at(object, {"spec", "nodeName"});
  pod.ready = condition(object, "Ready", "True").has_value();
  pod.unschedulable = condition(object, "PodScheduled", "False");
  for (const auto* list : {"initContainerStatuses", "containerStatuses"}) {
    each(find_path(object, {"status", list}),
         [&](const JsonValue& status) { pod.containers.push_back(decode_container(status)); });
  }
  pod.preset_hash = annotation(object, names::kPresetHashAnnotation);
  return pod;
}

JobView decode_job(const JsonValue& object) {
  JobView job;
  job.meta = kube::decode_object_meta(object);
  job.model = label(object, names::kModelLabel);
  job.fetched = annotation(object, names::kFetchedAnnotation);
  job.claim_uid = annotation(object, names::kClaimAnnotation);
  job.complete = condition(object, "Complete", "True", &job.completed_at).has_value();
  job.failed = condition(object, "Failed", "True", &job.failed_at);
  return job;
}

DeploymentView decode_deployment(const JsonValue& object) {
  DeploymentView deployment;
  deployment.meta = kube::decode_object_meta(object);
  deployment.observed_generation = int_at(object, {"status", "observedGeneration"});
  deployment.wanted = int_at(object, {"spec", "replicas"}, 1);
  deployment.replicas = int_at(object, {"status", "replicas"});
  deployment.updated = int_at(object, {"status", "updatedReplicas"});
  deployment.ready = int_at(object, {"status", "readyReplicas"});
  deployment.failure = condition(object, "ReplicaFailure", "True");
  deployment.overdue = condition(object, "Progressing", "False");
  deployment.template_hash = annotation(object, names::kTemplateHashAnnotation);
  each(find_path(object, {"spec", "template", "spec", "initContainers"}), [&](const JsonValue& container) {
    const std::string name = string_at(container, {"name"});
    // A service of one model has no agent, but it may have fetchers (an ephemeral cache).
    if (name == names::kAgentContainer || name.starts_with(std::string(names::kFetchContainer) + "-"))
      deployment.agent_image = string_at(container, {"image"});
  });
  deployment.priority_class = string_at(object, {"spec", "template", "spec", "priorityClassName"});
  deployment.priority = annotation(object, names::kPriorityAnnotation);
  deployment.scaled = is_scaled(object);
  return deployment;
}

ClaimView decode_claim(const JsonValue& object) {
  ClaimView claim;
  claim.meta = kube::decode_object_meta(object);
  claim.phase = string_at(object, {"status", "phase"});
  claim.storage_class = string_at(object, {"spec", "storageClassName"});
  each(find_path(object, {"spec", "accessModes"}), [&](const JsonValue& mode) {
    if (const auto text = base::as_string(&mode)) claim.access_modes.emplace_back(*text);
  });
  claim.cache = label(object, names::kComponentLabel) == names::kCacheComponent;
  return claim;
}

ChildView decode_child(const JsonValue& object) {
  ChildView child;
  child.meta = kube::decode_object_meta(object);
  child.service = label(object, names::kServiceLabel);
  child.cluster_ip = string_at(object, {"spec", "clusterIP"});
  if (child.cluster_ip == "None") child.cluster_ip.clear();
  if (const auto preset = base::as_string(find_path(object, {"data", "models.ini"}))) {
    child.preset_hash = api::preset_hash(*preset);
    child.preset_files = preset_files(*preset);
  }
  return child;
}

AgentSample decode_agent_state(std::string pod, const JsonValue& body) {
  AgentSample sample;
  sample.pod = std::move(pod);
  sample.preset_hash = string_at(body, {"presetHash"});
  sample.ready = as_bool(find(body, "ready")).value_or(false);
  sample.reload = string_at(body, {"reload"});
  sample.reload_error = string_at(body, {"reloadError"});
  each(find(body, "models"), [&](const JsonValue& item) {
    AgentModel model;
    model.name = string_at(item, {"name"});
    each(find(item, "aliases"), [&](const JsonValue& alias) {
      if (const auto text = base::as_string(&alias)) model.aliases.emplace_back(*text);
    });
    model.state = string_at(item, {"state"});
    model.failure = string_at(item, {"failure", "message"});
    sample.models.push_back(std::move(model));
  });
  return sample;
}

FetchProgress decode_progress(const JsonValue& body) {
  FetchProgress progress;
  progress.bytes_done = int_at(body, {"bytesDone"});
  progress.bytes_total = as_int(find(body, "bytesTotal"));
  if (const auto* result = find(body, "result")) progress.result = decode_fetch_result(*result);
  return progress;
}

}  // namespace reconciler
