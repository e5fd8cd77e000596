#include "reconciler/apply/applier.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/base/log.hpp"
#include "common/base/wire_text.hpp"
#include "reconciler/apply/conflict.hpp"
#include "reconciler/apply/event_body.hpp"

namespace reconciler {
namespace {

using net::ApiResponse;

/// After a write that has not come back through the watch.
constexpr std::chrono::milliseconds kWatchPause{1000};

/// The live object in the answer to a write.
std::optional<LiveObject> read_live(const base::JsonValue& object) {
  LiveObject live;
  live.uid = base::string_at(object, {"metadata", "uid"});
  live.resource_version = base::string_at(object, {"metadata", "resourceVersion"});
  live.generation = base::int_at(object, {"metadata", "generation"});
  live.ownership = read_ownership(object);
  if (live.resource_version.empty()) return std::nullopt;
  return live;
}

/// An apply would change nothing: another process of ours did it, and nobody touched what is ours since.
bool is_in_force(const DesiredObject& desired, const std::optional<LiveObject>& live) {
  if (desired.create_only || !live || live->content == 0) return false;
  const auto body = base::parse_json(desired.body, "body");
  return body && content_to_apply(*body) == live->content;
}

/// True when nothing can be said about the object itself.
bool failed_for_now(const base::Result<ApiResponse>& response, const std::string& where, Outcome& outcome) {
  auto failure = net::not_now(response, where);
  if (!failure) return false;
  outcome.put_off(std::move(*failure));
  return true;
}

ApplyProblem problem_of(const DesiredObject& desired, const net::ApiStatus& status) {
  return {.kind = std::string(info(desired.kind).name),
          .name = desired.name,
          .reason = status.reason,
          .message = status.message,
          .manager = {}};
}

/// The API server is well, but could not ask a webhook about this object: whoever sees to the webhook has to know.
bool is_webhook_down(const net::ApiStatus& status) {
  return status.message.find("failed calling webhook") != std::string::npos;
}

}  // namespace

Applier::Applier(net::ApiClient& api, ClusterCache& cache, const base::Clock& clock, std::function<bool()> may_write,
                 RecordEvent record_event)
    : api_(api),
      cache_(cache),
      clock_(clock),
      may_write_(std::move(may_write)),
      record_event_(std::move(record_event)),
      memory_(clock) {}

void Applier::forget() { memory_.forget(); }

bool Applier::allowed(Outcome& outcome) const {
  if (may_write_()) return true;
  outcome.look_again = kWatchPause;  // no fault of the object: if we lead again it is due, else another one sees to it
  return false;
}

Outcome Applier::carry_out(const Key& key, const Decision& decision) {
  Outcome outcome;
  const auto all = [&](const auto& items, auto step) {
    return std::all_of(items.begin(), items.end(), [&](const auto& item) { return (this->*step)(key, item, outcome); });
  };
  outcome.all_applied = all(decision.desired, &Applier::apply_child);
  (void)(outcome.all_applied && all(decision.deletions, &Applier::remove) &&
         all(decision.annotations, &Applier::annotate));
  return outcome;
}

bool Applier::apply_child(const Key& key, const DesiredObject& desired, Outcome& outcome) {
  const ChildKey child{resource_of(desired.kind), key.namespace_, desired.name};
  const auto live = cache_.live(child.resource, child.namespace_, child.name);
  switch (memory_.judge(child, desired.body, live)) {
    case ApplyMemory::Verdict::settled:
      if (!live) outcome.look_again = kWatchPause;
      return true;
    case ApplyMemory::Verdict::refused:
      if (!live) outcome.look_again = ApplyMemory::kBlindRetry;
      if (auto problem = memory_.problem(child)) outcome.problems.push_back(std::move(*problem));
      return true;
    case ApplyMemory::Verdict::apply:
      if (!is_in_force(desired, live)) break;
      memory_.applied(child, desired.body, *live);
      return true;
  }
  if (!allowed(outcome)) return false;
  if (desired.create_only) return live.has_value() || create_child(key, desired, outcome);

  const auto path = object_path(child.resource, child.namespace_, child.name);
  auto response = api_.apply(path, desired.body, kFieldManager);
  if (response && response->status == 409) {
    const auto conflict = read_conflict(net::read_status(*response));
    // An entry of ours in its managed fields says it too: the edit may be older than this process.
    const bool was_ours = memory_.was_applied(child) || (live && live->ownership.ours != 0);
    if (conflict && conflict->only_edits && was_ours && memory_.may_reclaim(child)) {
      base::log::info("edit-taken-back",
                      {{"object", path}, {"manager", conflict->managers}, {"fields", conflict->message}});
      response = api_.apply(path, desired.body, kFieldManager, true);
    }
  }
  return settle(child, desired, live, response, outcome);
}

bool Applier::create_child(const Key& key, const DesiredObject& desired, Outcome& outcome) {
  const ChildKey child{resource_of(desired.kind), key.namespace_, desired.name};
  const auto path = collection_path(child.resource, child.namespace_);
  auto response = api_.create(path + "?fieldManager=" + std::string(kFieldManager), desired.body);
  if (response && response->status == 409 && net::read_status(*response).reason == "AlreadyExists") {
    // Somebody was faster, perhaps we ourselves a moment ago. It is there: that is all we want.
    memory_.applied(child, desired.body, {});
    outcome.look_again = kWatchPause;
    return true;
  }
  return settle(child, desired, std::nullopt, response, outcome);
}

bool Applier::settle(const ChildKey& child, const DesiredObject& desired, const std::optional<LiveObject>& live,
                     const base::Result<ApiResponse>& response, Outcome& outcome) {
  const auto path = object_path(child.resource, child.namespace_, child.name);
  if (failed_for_now(response, path, outcome)) {
    if (!response) return false;
    const auto status = net::read_status(*response);
    if (is_webhook_down(status)) outcome.problems.push_back(problem_of(desired, status));
    return false;
  }
  if (response->ok()) {
    const auto object = base::parse_json(response->body, path);
    const auto result = object ? read_live(*object) : std::nullopt;
    if (!result) {
      outcome.error = base::Error{"the answer to a write is no object", path, {}};
      return false;
    }
    if (!desired.create_only) memory_.applied(child, desired.body, *result);
    cache_.record_write(child.resource, *object);
    if (!live || live->resource_version != result->resource_version) ++outcome.changes;
    return true;
  }
  const auto status = net::read_status(*response);
  auto problem = problem_of(desired, status);
  const auto conflict = read_conflict(status);
  if (conflict) {
    problem.manager = conflict->managers;
    problem.message = conflict->message;
    memory_.refused(child, desired.body, live, problem);
  } else {
    // A quota, a policy, a webhook: what would have to change is nothing that we watch, so it is tried again.
    outcome.error = net::to_error(*response, path);
  }
  outcome.problems.push_back(std::move(problem));
  return true;
}

bool Applier::remove(const Key& key, const Deletion& deletion, Outcome& outcome) {
  if (!allowed(outcome)) return false;
  const auto path = object_path(resource_of(deletion.kind), key.namespace_, deletion.name);
  const nlohmann::json options = {{"apiVersion", "v1"},
                                  {"kind", "DeleteOptions"},
                                  {"propagationPolicy", "Background"},
                                  {"preconditions", {{"uid", deletion.uid}}}};
  const auto response = api_.remove(path, options.dump());
  if (failed_for_now(response, path, outcome)) return false;
  const bool is_gone = response->status == 404 || response->status == 409;  // 409: another one by now
  if (!response->ok() && !is_gone) outcome.error = net::to_error(*response, path);
  return true;
}

bool Applier::annotate(const Key& key, const AnnotationPatch& patch, Outcome& outcome) {
  if (!allowed(outcome)) return false;
  const auto resource = patch.kind == Kind::job ? Resource::job : Resource::pod;
  const auto path = object_path(resource, key.namespace_, patch.name);
  const nlohmann::json body = {{"metadata", {{"uid", patch.uid}, {"annotations", {{patch.key, patch.value}}}}}};
  const auto response =
      api_.merge_patch(path, body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), kFieldManager);
  if (failed_for_now(response, path, outcome)) return false;
  if (response->ok()) {
    ++outcome.changes;
    if (const auto object = base::parse_json(response->body, path)) cache_.record_write(resource, *object);
  } else if (response->status != 404) {
    outcome.error = net::to_error(*response, path);
  }
  return true;
}

Outcome Applier::write_status(const Key& key, const ObjectMeta& meta, const Decision& decision) {
  Outcome outcome;
  if (!decision.status) return outcome;
  if (!allowed(outcome)) return outcome;
  const auto resource = key.kind == Key::Kind::service ? Resource::service : Resource::model;
  const auto path = object_path(resource, key.namespace_, key.name) + "/status";
  const ChildKey self{resource, key.namespace_, key.name};
  ClusterCache::StatusWrite write(cache_, key);
  auto response = api_.apply(path, *decision.status, kStatusFieldManager);
  if (response && response->status == 409) {
    const auto conflict = read_conflict(net::read_status(*response));
    if (conflict && memory_.may_reclaim(self)) {
      base::log::info("status-taken-back", {{"object", path}, {"manager", conflict->managers}});
      response = api_.apply(path, *decision.status, kStatusFieldManager, true);
    }
  }
  if (failed_for_now(response, path, outcome)) return outcome;
  if (response->status == 404) return outcome;  // deleted meanwhile
  if (!response->ok()) {
    outcome.error = net::to_error(*response, path);
    return outcome;
  }
  if (const auto object = base::parse_json(response->body, path)) write.answered(*object);
  record_events(key, meta, decision.events);
  return outcome;
}

void Applier::record_events(const Key& key, const ObjectMeta& meta, const std::vector<Event>& events) {
  for (const auto& event : events)
    record_event_("/api/v1/namespaces/" + base::encode_percent(key.namespace_) + "/events",
                  event_body(key, meta, event, clock_.wall()));
}

}  // namespace reconciler
