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
std::string hash(const json& value) { return base::sha256_hex(to_text(value)).substr(0, kHashDigits); }

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
  metadata["annotations"] = {{std::string(names::kModelsAnnotation), model_list(plan)}};
  auto& spec = deployment["spec"];
  if (const auto count = replicas(plan)) spec["replicas"] = *count;
  if (plan.spec().revision_history_limit) spec["revisionHistoryLimit"] = *plan.spec().revision_history_limit;
  spec["selector"] = {{"matchLabels", selector_labels(plan)}};
  spec["strategy"] = strategy(plan);
  spec["template"] = {{"metadata", {{"labels", pod_labels(plan)}}}, {"spec", pod_spec(plan)}};
  if (auto annotations = pod_annotations(plan); !annotations.empty())
    spec["template"]["metadata"]["annotations"] = std::move(annotations);
  metadata["annotations"][std::string(names::kTemplateHashAnnotation)] = hash(spec["template"]);
  return finish(Kind::deployment, deployment);
}

/// An upgrade of this project is no reason to restart a service: while the template differs by our own image alone, the
/// one that runs stays. The new one comes with the next change.
std::string image_to_keep(const Plan& plan, const DesiredObject& wanted) {
  const auto& live = plan.observed.deployment;
  if (!live || live->agent_image.empty() || live->template_hash == template_hash(wanted)) return plan.own_image;
  Plan as_it_runs = plan;
  as_it_runs.own_image = live->agent_image;
  return template_hash(render(as_it_runs)) == live->template_hash ? live->agent_image : plan.own_image;
}

}  // namespace

std::optional<DesiredObject> render_deployment(const Plan& plan) {
  if (!is_wanted(plan)) return std::nullopt;
  auto wanted = render(plan);
  const auto image = image_to_keep(plan, wanted);
  if (image == plan.own_image) return wanted;
  Plan kept = plan;
  kept.own_image = image;
  return render(kept);
}

std::string template_hash(const DesiredObject& deployment) {
  // Found, not parsed: each pass asks. Keys are sorted, so metadata comes before all that a user may have written.
  const std::string key = "\"" + std::string(names::kTemplateHashAnnotation) + "\":\"";
  return deployment.body.substr(deployment.body.find(key) + key.size(), kHashDigits);
}

}  // namespace reconciler
