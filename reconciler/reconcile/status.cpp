#include "reconciler/reconcile/status.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/base/text.hpp"
#include "common/kube/names.hpp"
#include "reconciler/reconcile/json_text.hpp"
#include "reconciler/reconcile/model_progress.hpp"
#include "reconciler/reconcile/names.hpp"

namespace reconciler {

using nlohmann::json;

namespace {

constexpr std::chrono::seconds kSampleInterval{10};
constexpr std::chrono::seconds kUnsampledInterval{2};

/// The fields of status that are ours to write, beside conditions and lastUpdated.
const std::vector<std::string_view> kFields = {
    "phase",      "modelReady",       "modelsAvailable",   "advertisedModels",  "models",
    "replicas",   "readyReplicas",    "desiredReplicas",   "endpoint",          "mode",
    "waitingFor", "schedulingStatus", "schedulingMessage", "effectivePriority", "observedGeneration",
};

struct PriorityValue {
  std::string_view priority;
  std::int64_t value;
};
constexpr PriorityValue kPriorities[] = {
    {"critical", 1'000'000}, {"high", 100'000}, {"normal", 10'000}, {"low", 1'000}, {"batch", 100}};

std::vector<std::string_view> condition_types() {
  std::vector<std::string_view> types;
  for (const auto& row : conditions()) types.push_back(row.type);
  return types;
}

bool is_loaded(const Plan& plan, const std::string& model) {
  return std::ranges::any_of(plan.observed.agents, [&](const auto& sample) {
    return std::ranges::any_of(sample.models, [&](const auto& at) { return at.name == model && at.state == "loaded"; });
  });
}

json render_models(const Plan& plan) {
  json list = json::array();
  for (const auto& model : plan.models) {
    json entry = {{"name", model.entry.name},
                  {"state", to_string(model.state)},
                  {"reason", model.reason},
                  {"message", base::shorten(base::to_utf8(model.message), 1024)},
                  {"loaded", is_loaded(plan, model.entry.name)}};
    if (model.bytes_done > 0) entry["bytesDone"] = model.bytes_done;
    if (model.artifact && model.artifact->size_bytes > 0) entry["sizeBytes"] = model.artifact->size_bytes;
    if (model.artifact && !model.artifact->sha256.empty()) entry["sha256"] = model.artifact->sha256;
    list.push_back(std::move(entry));
  }
  return list;
}

template <class Wanted>
const Problem* first(const Diagnosis& diagnosis, Wanted wanted) {
  const auto found = std::ranges::find_if(diagnosis.problems, wanted);
  return found == diagnosis.problems.end() ? nullptr : &*found;
}

/// LLMKube's order: Suspended, Ready, Progressing while something is ready, Stopped, else what is in the way.
Phase phase_of(const Plan& plan, const Diagnosis& diagnosis) {
  const auto* obstacle = diagnosis.obstacle();
  if (obstacle == nullptr) return Phase::ready;
  if (obstacle->row->phase == Phase::suspended) return Phase::suspended;
  if (diagnosis.ready > 0) return Phase::progressing;
  // One failed model is not the service's failure while others can still come up.
  const bool some_files =
      std::ranges::any_of(plan.models, [](const auto& model) { return model.state != ModelState::failed; });
  if (obstacle->row->reason == "ModelsFailed" && some_files) {
    const auto* next =
        first(diagnosis, [](const auto& at) { return at.row->blocks && at.row->reason != "ModelsFailed"; });
    return next == nullptr ? Phase::creating : next->row->phase;
  }
  return obstacle->row->phase;
}

std::string summary(const Plan& plan, const Diagnosis& diagnosis) {
  return std::to_string(diagnosis.models_available) + "/" + std::to_string(plan.models.size());
}

/// "1 Pod", "2 Pods".
std::string count_of(std::int64_t count, const std::string& thing) {
  return std::to_string(count) + " " + thing + (count == 1 ? "" : "s");
}

Condition ready_condition(const Plan& plan, const Diagnosis& diagnosis) {
  if (const auto* obstacle = diagnosis.obstacle())
    return {"Ready", false, std::string(obstacle->row->reason), obstacle->message};
  const auto models = static_cast<std::int64_t>(plan.models.size());
  return {"Ready", true, "Ready", count_of(models, "model") + " on " + count_of(diagnosis.ready, "Pod")};
}

Condition models_condition(const Plan& plan, const Diagnosis& diagnosis) {
  const auto total = static_cast<std::int64_t>(plan.models.size());
  if (diagnosis.models_available == total) return {"ModelsAvailable", true, "AllAvailable", summary(plan, diagnosis)};
  const bool failed = std::ranges::any_of(plan.models, [](const auto& at) { return at.state == ModelState::failed; });
  std::vector<std::string> missing;
  for (const auto& model : plan.models) {
    if (model.state != ModelState::available)
      missing.push_back(model.entry.name + " " + std::string(to_string(model.state)) + " (" + model.reason + ")");
  }
  return {"ModelsAvailable", false, failed ? "ModelsFailed" : "ModelsPending",
          summary(plan, diagnosis) + ": " + base::join(missing, ", ")};
}

Condition progressing_condition(const Diagnosis& diagnosis) {
  const auto* obstacle = diagnosis.obstacle();
  if (obstacle == nullptr) return {"Progressing", false, "Ready", "nothing is under way"};
  const bool at_rest = obstacle->row->phase == Phase::suspended || obstacle->row->phase == Phase::stopped;
  const auto* moving = first(diagnosis, [](const auto& at) { return at.row->blocks && !at.row->degrades; });
  if (at_rest || moving == nullptr)
    return {"Progressing", false, std::string(obstacle->row->reason), "nothing is under way: " + obstacle->message};
  return {"Progressing", true, std::string(moving->row->reason), moving->message};
}

Condition degraded_condition(const Diagnosis& diagnosis) {
  const auto* worst = first(diagnosis, [](const auto& at) { return at.row->degrades; });
  if (worst == nullptr) return {"Degraded", false, "AsExpected", "nothing needs anybody"};
  return {"Degraded", true, std::string(worst->row->reason), worst->message};
}

Condition available_condition(const Diagnosis& diagnosis) {
  if (diagnosis.find("Suspended") != nullptr) return {"Available", false, "Suspended", "spec.suspend is true"};
  if (diagnosis.find("ScaledToZero") != nullptr)
    return {"Available", false, "ManuallyScaledToZero", "spec.replicas is 0"};
  if (diagnosis.ready == 0) return {"Available", false, "NoReadyReplicas", "no Pod is ready"};
  return {"Available", true, "InferenceReady", "ready: " + count_of(diagnosis.ready, "Pod")};
}

Condition agent_condition(const Plan& plan, const Diagnosis& diagnosis) {
  if (!plan.router) return {"AgentReachable", true, "NoAgent", "a service of one model has no agent"};
  if (diagnosis.unreachable.empty())
    return {"AgentReachable", true, "Reachable",
            diagnosis.ready == 0 ? "no Pod is ready, so none is asked" : "the agents of all ready Pods answer"};
  return {"AgentReachable", false, "Unreachable", base::join(diagnosis.unreachable, "; ")};
}

Condition suspended_condition(const Plan& plan) {
  if (plan.spec().suspend) return {"Suspended", true, "Suspended", "spec.suspend is true"};
  return {"Suspended", false, "NotSuspended", "spec.suspend is false"};
}

std::vector<Condition> all_conditions(const Plan& plan, const Diagnosis& diagnosis) {
  std::vector<Condition> list = {ready_condition(plan, diagnosis), models_condition(plan, diagnosis),
                                 progressing_condition(diagnosis), degraded_condition(diagnosis),
                                 available_condition(diagnosis),   agent_condition(plan, diagnosis),
                                 suspended_condition(plan)};
  if (const auto* waiting = diagnosis.find("InsufficientGPU"))
    list.push_back({"GPUAvailable", false, "InsufficientGPU", waiting->message});
  return list;
}

std::string endpoint_of(const Plan& plan) {
  const auto& endpoint = plan.spec().endpoint;
  return "http://" + kube::service_name(plan.name()) + "." + plan.name_space() + ".svc." +
         plan.settings.cluster_domain + ":" + std::to_string(endpoint.port) + endpoint.path;
}

/// LLMKube's inference where the user says nothing: by the path of the endpoint.
std::string mode_of(const api::InferenceServiceSpec& spec) {
  if (!spec.mode.empty()) return spec.mode;
  if (spec.endpoint.path.find("rerank") != std::string::npos) return "rerank";
  return spec.endpoint.path.find("embedding") != std::string::npos ? "embedding" : "chat";
}

/// LLMKube's three words about the scheduler.
void add_scheduling(const Plan& plan, const Diagnosis& diagnosis, json& status) {
  constexpr std::pair<std::string_view, std::string_view> kWords[] = {
      {"InsufficientGPU", "InsufficientGPU"},
      {"UnbindableModelCache", "UnbindableModelCache"},
      {"Unschedulable", "InsufficientResources"},
  };
  for (const auto& [reason, word] : kWords) {
    const auto* problem = diagnosis.find(reason);
    if (problem == nullptr) continue;
    status["schedulingStatus"] = word;
    status["schedulingMessage"] = base::shorten(base::to_utf8(problem->message), 1024);
    if (reason == "InsufficientGPU") status["waitingFor"] = plan.gpu.resource + ": " + std::to_string(plan.gpu.count);
    return;
  }
}

json render_status(const Plan& plan, const Diagnosis& diagnosis, const json& previous, base::WallTime now) {
  const auto generation = plan.service.metadata.generation;
  const auto total = static_cast<std::int64_t>(plan.models.size());
  json status = {{"phase", to_string(phase_of(plan, diagnosis))},
                 {"modelReady", diagnosis.models_available == total},
                 {"modelsAvailable", summary(plan, diagnosis)},
                 {"advertisedModels", diagnosis.advertised},
                 {"models", render_models(plan)},
                 {"replicas", plan.observed.deployment ? plan.observed.deployment->replicas : 0},
                 {"readyReplicas", diagnosis.ready},
                 {"desiredReplicas", diagnosis.desired},
                 {"endpoint", endpoint_of(plan)},
                 {"mode", mode_of(plan.spec())},
                 {"observedGeneration", generation}};
  for (const auto& row : kPriorities) {
    if (row.priority == plan.spec().priority) status["effectivePriority"] = row.value;
  }
  add_scheduling(plan, diagnosis, status);
  status["conditions"] = render_conditions(all_conditions(plan, diagnosis), previous, generation, now);
  return status;
}

/// The same status with the samples of another: what is left when only they differ.
json with_samples_of(json status, const json& other) {
  const auto samples = other.find("models");
  for (auto& model : status["models"]) {
    for (const char* key : {"bytesDone", "loaded"}) {
      model.erase(key);
      if (samples == other.end() || !samples->is_array()) continue;
      for (const auto& there : *samples) {
        if (there.is_object() && there.value("name", json()) == model.at("name") && there.contains(key))
          model[key] = there.at(key);
      }
    }
  }
  return status;
}

/// `status`, `reason` of a condition, "" when it is not there.
std::pair<std::string, std::string> state_of_condition(const json& status, std::string_view type) {
  const auto list = status.find("conditions");
  if (list == status.end() || !list->is_array()) return {};
  for (const auto& condition : *list) {
    if (text_of(condition, "type") == type) return {text_of(condition, "status"), text_of(condition, "reason")};
  }
  return {};
}

std::string previous_state(const json& previous, const std::string& model) {
  const auto list = previous.find("models");
  if (list == previous.end() || !list->is_array()) return {};
  for (const auto& entry : *list) {
    if (text_of(entry, "name") == model) return text_of(entry, "state");
  }
  return {};
}

/// The Event of a model that comes into a state; there is none for waiting.
std::string_view event_of(ModelState state) {
  constexpr std::array kEventOfState = {"", "ModelDownloading", "ModelAvailable", "ModelFailed"};
  return kEventOfState[static_cast<std::size_t>(state)];
}

void add_event(std::vector<Event>& events, std::string_view reason, std::string message) {
  if (!reason.empty()) events.push_back({is_warning(reason), std::string(reason), std::move(message)});
}

/// One Event for all models that came into the same state.
void add_model_events(const Plan& plan, const json& previous, std::vector<Event>& events) {
  for (const auto state : {ModelState::downloading, ModelState::available, ModelState::failed}) {
    std::vector<std::string> parts;
    for (const auto& model : plan.models) {
      if (model.state == state && previous_state(previous, model.entry.name) != to_string(state))
        parts.push_back("Model " + model.entry.name + ": " + model.reason + ": " + model.message);
    }
    if (!parts.empty()) add_event(events, event_of(state), base::join(parts, "; "));
  }
}

/// Whether an Event is due to a condition's turn, and which. A degrading reason is its own Event; ModelFailed has said
/// what ModelsFailed would.
std::string event_of(const Condition& now, bool was, const std::string& reason_before) {
  if (now.type == "Degraded" && now.status && (!was || reason_before != now.reason))
    return now.reason == "ModelsFailed" ? "" : now.reason;
  if (now.type == "Ready" && now.status != was) return now.status ? "Ready" : "NotReady";
  return now.type == "Suspended" && now.status && !was ? "Suspended" : "";
}

void add_condition_events(const json& previous, const std::vector<Condition>& now, std::vector<Event>& events) {
  for (const auto& condition : now) {
    const auto [before, reason_before] = state_of_condition(previous, condition.type);
    const auto reason = event_of(condition, before == "True", reason_before);
    add_event(events, reason, reason == "NotReady" ? condition.reason + ": " + condition.message : condition.message);
  }
}

/// A ready Pod whose agent is about to be asked for the first time: what was written still holds, or soon will.
bool awaits_sample(const Plan& plan, const Decision& decision) {
  return std::ranges::any_of(plan.observed.pods, [&](const auto& pod) {
    const auto& names = decision.sample_agents;
    return pod.ready && std::ranges::find(names, pod.meta.name) != names.end() &&
           std::ranges::find(plan.observed.agents, pod.meta.name, &AgentSample::pod) == plan.observed.agents.end();
  });
}

bool withdraws(const json& previous, const std::vector<std::string>& advertised) {
  const auto list = previous.find("advertisedModels");
  if (list == previous.end() || !list->is_array()) return false;
  return std::ranges::any_of(*list, [&](const json& name) {
    return name.is_string() && std::ranges::find(advertised, name.get<std::string>()) == advertised.end();
  });
}

/// Nobody is misled while it is a moment late: see Decision::status_can_wait.
bool can_wait(const json& previous, const std::vector<Condition>& now) {
  return previous.contains("conditions") && std::ranges::none_of(now, [&](const auto& condition) {
           if (condition.type != "Ready" && condition.type != "Degraded") return false;
           return (state_of_condition(previous, condition.type).first == "True") != condition.status;
         });
}

// A service that nothing is done for: what runs is left running, and the status says what that is.

/// Pods of its Deployment that are ready.
std::int64_t ready_pods(const Observed& observed) {
  const auto& live = observed.deployment;
  return live && live->meta.owner_uid == observed.service.meta.uid ? live->ready : 0;
}

/// Without an answer of its agent a Pod is believed to offer what it did.
bool offers_still(const Observed& observed, const PodView& pod, const std::string& model, bool was_advertised) {
  if (find_container(pod, names::kAgentContainer) == nullptr) return true;
  const auto sample = std::ranges::find(observed.agents, pod.meta.name, &AgentSample::pod);
  if (sample == observed.agents.end() || !sample->error.empty()) return was_advertised;
  const auto entry = std::ranges::find(sample->models, model, &AgentModel::name);
  return entry != sample->models.end() && entry->state != "failed";
}

/// Of the models that the status knows of, those that a client can pick now.
json advertised_still(const Observed& observed, const json& previous) {
  json advertised = json::array();
  const auto& front = observed.network_service;
  const bool has_front = front && (front->meta.owner_uid.empty() || front->meta.owner_uid == observed.service.meta.uid);
  const auto models = previous.find("models");
  const auto is_up = [](const PodView& pod) { return pod.ready && !pod.meta.deleting; };
  if (!has_front || ready_pods(observed) == 0 || std::ranges::none_of(observed.pods, is_up)) return advertised;
  if (models == previous.end() || !models->is_array()) return advertised;
  const json before = previous.value("advertisedModels", json::array());
  for (const auto& model : *models) {
    const std::string name = text_of(model, "name");
    const bool was_advertised = std::ranges::find(before, json(name)) != before.end();
    const bool everywhere = std::ranges::all_of(observed.pods, [&](const auto& pod) {
      return !is_up(pod) || offers_still(observed, pod, name, was_advertised);
    });
    if (!name.empty() && everywhere) advertised.push_back(name);
  }
  return advertised;
}

void tell_what_runs(const Observed& observed, const json& previous, json& status) {
  status["advertisedModels"] = advertised_still(observed, previous);
  status["readyReplicas"] = ready_pods(observed);
  status["replicas"] = observed.deployment ? observed.deployment->replicas : 0;
  if (ready_pods(observed) > 0 || !status.contains("models")) return;
  for (auto& model : status["models"]) model["loaded"] = false;
}

/// Condition Available when it turned; nothing while the one before holds.
std::optional<Condition> available_still(const Observed& observed, const json& previous) {
  const auto ready = ready_pods(observed);
  if ((state_of_condition(previous, "Available").first == "True") == (ready > 0)) return std::nullopt;
  if (ready == 0) return Condition{"Available", false, "NoReadyReplicas", "no Pod is ready"};
  return Condition{"Available", true, "InferenceReady", "ready: " + count_of(ready, "Pod")};
}

/// The fields of a status that are ours to write, but for conditions and lastUpdated.
json ours_of(const json& previous) {
  json status = previous;
  std::erase_if(status.get_ref<json::object_t&>(), [](const auto& member) {
    return std::ranges::find(kFields, std::string_view(member.first)) == kFields.end();
  });
  return status;
}

/// Conditions of ours that `said` does not speak of stay as they were.
void keep_conditions(const std::vector<Condition>& said, const json& previous, json& status) {
  if (!previous.contains("conditions")) return;
  for (const auto& type : condition_types()) {
    if (std::ranges::find(said, type, &Condition::type) != said.end()) continue;
    for (const auto& before : previous.at("conditions")) {
      if (before.is_object() && text_of(before, "type") == type) status["conditions"].push_back(before);
    }
  }
}

void ask_agents(const Observed& observed, Decision& decision) {
  for (const auto& pod : observed.pods) {
    const auto* agent = find_container(pod, names::kAgentContainer);
    if (!pod.meta.deleting && !pod.ip.empty() && agent != nullptr && agent->running)
      decision.sample_agents.push_back(pod.meta.name);
  }
  decision.sample_every = std::chrono::seconds{10};
}

}  // namespace

void look_again(Decision& decision, std::chrono::milliseconds after) {
  decision.requeue_after = std::min(decision.requeue_after.value_or(after), after);
}

void decide_order(const Plan& plan, const Diagnosis& diagnosis, Decision& decision) {
  decision.status_first = withdraws(parse_status(plan.observed.service.status), diagnosis.advertised);
  if (awaits_sample(plan, decision)) look_again(decision, kUnsampledInterval);
}

void decide_status(const Plan& plan, const Diagnosis& diagnosis, base::WallTime now, Decision& decision) {
  if (awaits_sample(plan, decision)) return;
  const json previous = parse_status(plan.observed.service.status);
  json status = render_status(plan, diagnosis, previous, now);
  const auto types = condition_types();
  if (says_already(previous, status, kFields, types)) return;
  if (says_already(previous, with_samples_of(status, previous), kFields, types)) {
    const auto written = base::parse_rfc3339(text_of(previous, "lastUpdated"));
    if (written && now - *written < kSampleInterval && now >= *written) {
      look_again(decision, std::chrono::ceil<std::chrono::milliseconds>(*written + kSampleInterval - now));
      return;
    }
  }
  const auto said = all_conditions(plan, diagnosis);
  status["lastUpdated"] = base::format_rfc3339(now);
  decision.status = status_body("InferenceService", plan.observed.service.meta, status);
  decision.status_can_wait = !decision.status_first && can_wait(previous, said);
  if (decision.status_can_wait) decision.status_mark = mark_of(std::move(status));
  add_model_events(plan, previous, decision.events);
  add_condition_events(previous, said, decision.events);
}

void decide_invalid_status(const Observed& observed, base::WallTime now, Decision& decision) {
  const json previous = parse_status(observed.service.status);
  const auto generation = observed.service.meta.generation;
  std::vector<Condition> list = {
      {"Ready", false, "Invalid", observed.service.mistakes},
      {"Progressing", false, "Invalid", "nothing is changed until the object is corrected"},
      {"Degraded", true, "Invalid", observed.service.mistakes},
  };
  // What was said of the models stays: the Pods are left running. They may end all the same.
  json status = ours_of(previous);
  status["phase"] = to_string(Phase::failed);
  status["observedGeneration"] = generation;
  if (previous.contains("advertisedModels")) {
    tell_what_runs(observed, previous, status);
    if (auto available = available_still(observed, previous)) list.push_back(std::move(*available));
  }
  ask_agents(observed, decision);
  status["conditions"] = render_conditions(list, previous, generation, now);
  keep_conditions(list, previous, status);
  if (says_already(previous, status, kFields, condition_types())) return;
  status["lastUpdated"] = base::format_rfc3339(now);
  decision.status = status_body("InferenceService", observed.service.meta, status);
  add_condition_events(previous, list, decision.events);
}

void decide_deleting_status(const Observed& observed, base::WallTime now, Decision& decision) {
  const json previous = parse_status(observed.service.status);
  json status = ours_of(previous);
  tell_what_runs(observed, previous, status);
  if (status["advertisedModels"] == previous.value("advertisedModels", json::array())) return;
  std::vector<Condition> list = {{"Ready", false, "Deleting", "the object is being deleted, and its Pods have ended"}};
  if (auto available = available_still(observed, previous)) list.push_back(std::move(*available));
  status["phase"] = to_string(Phase::stopped);
  status["conditions"] = render_conditions(list, previous, observed.service.meta.generation, now);
  keep_conditions(list, previous, status);
  status["lastUpdated"] = base::format_rfc3339(now);
  decision.status = status_body("InferenceService", observed.service.meta, status);
}

std::string empty_status(const ObjectMeta& service) { return status_body("InferenceService", service, nullptr); }

}  // namespace reconciler
