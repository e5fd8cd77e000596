#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/base/digest.hpp"
#include "common/base/text.hpp"
#include "reconciler/reconcile/json_text.hpp"
#include "reconciler/reconcile/names.hpp"
#include "reconciler/reconcile/render.hpp"

namespace reconciler {

using nlohmann::json;

namespace {

/// A single GPU is never free for a second Pod: a rolling update would wait for ever. Both forms are written out, so
/// that a service can change from one to the other: a default that nobody owns would stay and be refused.
json strategy(const Plan& plan) {
  if (plan.gpu.asked_for()) return {{"type", "Recreate"}};
  return {{"type", "RollingUpdate"}, {"rollingUpdate", {{"maxSurge", "25%"}, {"maxUnavailable", "25%"}}}};
}

/// Longer than what may take long: pulling the images and loading (the agent gives a model half an hour), and in an
/// ephemeral cache each Pod's downloads. Kubernetes' own 10 minutes would call that a failure.
std::int64_t progress_deadline_seconds(const Plan& plan) {
  return plan.cache.kind == CachePlan::Kind::ephemeral ? 86'400 : 3'600;
}

json pod_labels(const Plan& plan) {
  json labels = plan.spec().pod_labels;  // ours win: selectors rest on them
  labels.update(selector_labels(plan));
  labels[std::string(names::kRuntimeLabel)] = plan.spec().runtime;
  labels[std::string(names::kManagedByLabel)] = names::kManagedBy;
  if (!plan.router) labels[std::string(names::kModelLabel)] = short_name(plan.spec().model_ref);
  return labels;
}

json pod_annotations(const Plan& plan) {
  json annotations = json::object();
  if (plan.spec().disruption.protect_always) annotations["karpenter.sh/do-not-disrupt"] = "true";
  annotations.update(json(plan.spec().pod_annotations));  // the user's win
  return annotations;
}

/// Who sets spec.replicas: us, unless an autoscaler does. Until it has, the live number is kept, or the handover would
/// fall back to 1.
std::optional<std::int64_t> replicas(const Plan& plan) {
  const auto& spec = plan.spec();
  if (!spec.autoscaling || plan.replicas == 0) return plan.replicas;
  const auto& live = plan.observed.deployment;
  if (!live || live->wanted == 0) return spec.autoscaling->min_replicas;
  if (live->scaled) return std::nullopt;
  return live->wanted;
}

std::string model_list(const Plan& plan) {
  std::vector<std::string> model_names;
  for (const auto& model : plan.models) model_names.push_back(model.entry.name);
  return base::join(model_names, ",");
}

constexpr std::size_t kHashDigits = 16;

/// Says which template the live Deployment was given, whatever the API server's defaults added to it.
std::string hash(const json& pod_template) { return base::sha256_hex(to_text(pod_template)).substr(0, kHashDigits); }

json template_of(const Plan& plan) {
  json metadata = {{"labels", pod_labels(plan)}};
  if (auto annotations = pod_annotations(plan); !annotations.empty()) metadata["annotations"] = std::move(annotations);
  return {{"metadata", std::move(metadata)}, {"spec", pod_spec(plan)}};
}

/// It starts as soon as there is one model to serve; the others join by a new preset.
bool is_wanted(const Plan& plan) {
  if (plan.image.empty()) return false;
  if (plan.cache.kind == CachePlan::Kind::ephemeral) return plan.router || plan.models.front().object != nullptr;
  if (!plan.router) {
    // What drafts is named on the command line: to start without it would be to start twice.
    const bool awaits_draft = plan.draft && !plan.draft->artifact && plan.draft->is_on_its_way();
    return plan.models.front().artifact.has_value() && !awaits_draft;
  }
  if (plan.observed.deployment.has_value()) return true;
  return std::ranges::any_of(plan.models, [](const auto& model) { return model.artifact.has_value(); });
}

DesiredObject render(const Plan& plan) {
  json deployment = child(Kind::deployment, plan, plan.name());
  auto& metadata = deployment["metadata"];
  metadata["labels"][std::string(names::kRuntimeLabel)] = plan.spec().runtime;
  metadata["annotations"] = {{std::string(names::kModelsAnnotation), model_list(plan)},
                             {std::string(names::kPriorityAnnotation), plan.spec().priority}};
  auto& spec = deployment["spec"];
  if (const auto count = replicas(plan)) spec["replicas"] = *count;
  if (plan.spec().revision_history_limit) spec["revisionHistoryLimit"] = *plan.spec().revision_history_limit;
  spec["selector"] = {{"matchLabels", selector_labels(plan)}};
  spec["strategy"] = strategy(plan);
  spec["progressDeadlineSeconds"] = progress_deadline_seconds(plan);
  spec["template"] = template_of(plan);
  metadata["annotations"][std::string(names::kTemplateHashAnnotation)] = hash(spec["template"]);
  return finish(Kind::deployment, deployment);
}

/// That of spec.priority as the Pods have it, or none as they have none. One that is gone stays until a Pod is refused
/// for it.
std::string priority_class_that_runs(const Plan& plan, const DeploymentView& live) {
  const auto& spec = plan.spec();
  const bool is_priority_the_same = live.priority.empty() || live.priority == spec.priority;
  const bool is_by_priority = live.priority_class.empty() || live.priority_class == class_of_priority(spec);
  const bool is_refused = plan.priority_class.empty() && live.failure;
  const bool stays = spec.priority_class_name.empty() && is_priority_the_same && is_by_priority && !is_refused;
  return stays ? live.priority_class : plan.priority_class;
}

/// The plan with our own image and the PriorityClass as they run.
Plan as_it_runs(const Plan& plan, const DeploymentView& live) {
  Plan running = plan;
  if (!live.agent_image.empty()) running.own_image = live.agent_image;
  running.priority_class = priority_class_that_runs(plan, live);
  return running;
}

}  // namespace

std::optional<DesiredObject> render_deployment(const Plan& plan) {
  if (!is_wanted(plan)) return std::nullopt;
  auto wanted = render(plan);
  const auto& live = plan.observed.deployment;
  if (!live || live->template_hash == template_hash(wanted)) return wanted;
  // An upgrade of this project, or a PriorityClass that was made after the service, is no reason to restart it: while
  // the template differs by these alone, those that run stay. The new ones come with the next change.
  auto running = render(as_it_runs(plan, *live));
  return template_hash(running) == live->template_hash ? running : wanted;
}

std::string template_hash(const DesiredObject& deployment) {
  // Found, not parsed: each pass asks. Keys are sorted, so metadata comes before all that a user may have written.
  const std::string key = "\"" + std::string(names::kTemplateHashAnnotation) + "\":\"";
  return deployment.body.substr(deployment.body.find(key) + key.size(), kHashDigits);
}

}  // namespace reconciler
