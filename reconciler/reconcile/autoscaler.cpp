#include <nlohmann/json.hpp>

#include "reconciler/reconcile/render.hpp"

namespace reconciler {

using nlohmann::json;

namespace {

constexpr std::string_view kDefaultTarget = "2";

json pods_metric(std::string_view name, std::string_view average) {
  return {{"type", "Pods"},
          {"pods", {{"metric", {{"name", name}}}, {"target", {{"type", "AverageValue"}, {"averageValue", average}}}}}};
}

json resource_metric(const api::AutoscalingMetric& metric) {
  json target = {{"type", "Utilization"}};
  if (metric.target_average_utilization) {
    target["averageUtilization"] = *metric.target_average_utilization;
  } else {
    target = {{"type", "AverageValue"}, {"averageValue", metric.target_average_value}};
  }
  return {{"type", "Resource"}, {"resource", {{"name", metric.name}, {"target", std::move(target)}}}};
}

/// Where the user names no metric: requests in work. A router's own count is of one model and vanishes with it, so the
/// gate's counts; without a gate there is only the processor.
json default_metric(const Plan& plan) {
  if (plan.gate) return pods_metric("router_agent_gate_in_flight", kDefaultTarget);
  if (plan.router) return resource_metric({"cpu", "Resource", {}, 80});
  return pods_metric("llamacpp:requests_processing", kDefaultTarget);
}

json metrics_of(const Plan& plan, const api::Autoscaling& autoscaling) {
  json metrics = json::array();
  for (const auto& metric : autoscaling.metrics) {
    const auto& average = metric.target_average_value;
    metrics.push_back(metric.type == "Resource" ? resource_metric(metric)
                                                : pods_metric(metric.name, average.empty() ? kDefaultTarget : average));
  }
  if (metrics.empty()) metrics.push_back(default_metric(plan));
  return metrics;
}

}  // namespace

/// Scales whole Pods: each replica holds all models. None while suspended, or it would start Pods again.
std::optional<DesiredObject> render_autoscaler(const Plan& plan) {
  const auto& autoscaling = plan.spec().autoscaling;
  if (!autoscaling || plan.spec().suspend || plan.spec().replicas == 0) return std::nullopt;
  json autoscaler = child(Kind::autoscaler, plan, plan.name());
  const auto& target = info(Kind::deployment);
  autoscaler["spec"] = {
      {"scaleTargetRef", {{"apiVersion", target.api_version}, {"kind", target.name}, {"name", plan.name()}}},
      {"minReplicas", autoscaling->min_replicas},
      {"maxReplicas", autoscaling->max_replicas},
      {"metrics", metrics_of(plan, *autoscaling)}};
  return finish(Kind::autoscaler, autoscaler);
}

}  // namespace reconciler
