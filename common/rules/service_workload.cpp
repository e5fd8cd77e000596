#include <algorithm>
#include <array>

#include "common/kube/names.hpp"
#include "common/kube/quantity.hpp"
#include "common/rules/judges.hpp"

namespace rules::judge {
namespace {

using base::JsonValue;
using kube::FieldPath;

/// Types of speculative decoding by what they want of a second model.
constexpr std::array<std::string_view, 5> kNeedDraft{"draft", "draft-simple", "draft-eagle3", "draft-dflash",
                                                     "draft-dspark"};
constexpr std::string_view kMayDraft = "draft-mtp";

bool needs_draft(std::string_view type) { return std::ranges::find(kNeedDraft, type) != kNeedDraft.end(); }

/// Ports of a router Pod that are taken: llama-server, the agent, the gate.
constexpr std::int64_t kTakenPorts[] = {8081, 8090};

const JsonValue* metrics_of(const Service& service) {
  const JsonValue* autoscaling = object_in(service.spec, "autoscaling");
  return autoscaling == nullptr ? nullptr : list_in(*autoscaling, "metrics");
}

template <class Visit>
void for_each_metric(const Service& service, const Visit& visit) {
  const JsonValue* metrics = metrics_of(service);
  if (metrics == nullptr) return;
  const auto autoscaling = service.spec_path.child("autoscaling");
  const auto path = autoscaling.child("metrics");
  for (rapidjson::SizeType i = 0; i < metrics->Size(); ++i) {
    if ((*metrics)[i].IsObject()) visit((*metrics)[i], path.at(i));
  }
}

}  // namespace

void ephemeral_claim(const Service& service, const Report& report) {
  const JsonValue* cache = object_in(service.spec, "modelCache");
  if (cache == nullptr || text_in(*cache, "persistence") != "Ephemeral") return;
  const auto path = service.spec_path.child("modelCache");
  if (const JsonValue* claim = present(*cache, "claimName")) report.at(path.child("claimName"), claim);
}

void claim_name(const Service& service, const Report& report) {
  const JsonValue* cache = object_in(service.spec, "modelCache");
  if (cache == nullptr) return;
  const auto name = text_in(*cache, "claimName");
  const auto path = service.spec_path.child("modelCache");
  if (!name.empty() && !kube::is_dns1123_subdomain(name))
    report.at(path.child("claimName"), base::find(*cache, "claimName"));
}

void draft_missing(const Service& service, const Report& report) {
  const JsonValue* from = object_in(service.spec, "speculativeDecoding");
  if (from == nullptr || !needs_draft(text_in(*from, "type"))) return;
  if (!text_in(*from, "draftModelRef").empty() || !text_in(*from, "draftModel").empty()) return;
  const auto path = service.spec_path.child("speculativeDecoding");
  report.at(path.child("draftModelRef"), nullptr, {text_in(*from, "type")});
}

void draft_unused(const Service& service, const Report& report) {
  const JsonValue* from = object_in(service.spec, "speculativeDecoding");
  if (from == nullptr) return;
  const auto type = text_in(*from, "type");
  if (type.empty() || needs_draft(type) || type == kMayDraft) return;
  const auto path = service.spec_path.child("speculativeDecoding");
  for (const std::string_view field : {"draftModel", "draftModelRef"}) {
    if (!text_in(*from, field).empty()) report.at(path.child(field), base::find(*from, field), {type});
  }
}

void draft_twice(const Service& service, const Report& report) {
  const JsonValue* from = object_in(service.spec, "speculativeDecoding");
  if (from == nullptr || text_in(*from, "draftModelRef").empty() || text_in(*from, "draftModel").empty()) return;
  const auto path = service.spec_path.child("speculativeDecoding");
  report.at(path.child("draftModel"), base::find(*from, "draftModel"));
}

void autoscaling_bounds(const Service& service, const Report& report) {
  const JsonValue* autoscaling = object_in(service.spec, "autoscaling");
  if (autoscaling == nullptr) return;
  const auto most = base::as_int(base::find(*autoscaling, "maxReplicas"));
  const auto least = base::as_int(base::find(*autoscaling, "minReplicas"));
  const auto path = service.spec_path.child("autoscaling");
  if (least && most && *least > *most)
    report.at(path.child("minReplicas"), base::find(*autoscaling, "minReplicas"), {std::to_string(*most)});
}

void autoscaling_target(const Service& service, const Report& report) {
  for_each_metric(service, [&](const JsonValue& metric, const FieldPath& path) {
    const auto type = text_in(metric, "type");
    const JsonValue* value = present(metric, "targetAverageValue");
    const JsonValue* utilization = present(metric, "targetAverageUtilization");
    const bool pods = type == "Pods";
    if (!pods && type != "Resource") return;
    if (value != nullptr && value->IsString() && !kube::Quantity::parse(base::as_string(value).value_or("")))
      report.at(path.child("targetAverageValue"), value, {"it is not a quantity, for example 2 or 500m"});
    if (pods && value == nullptr)
      report.at(path.child("targetAverageValue"), nullptr, {"a Pods metric has a target value"});
    if (!pods && value == nullptr && utilization == nullptr)
      report.at(path.child("targetAverageUtilization"), nullptr, {"a Resource metric has a target"});
  });
}

void autoscaling_model_metric(const Service& service, const Report& report) {
  for_each_metric(service, [&](const JsonValue& metric, const FieldPath& path) {
    if (text_in(metric, "name").starts_with("llamacpp")) report.at(path.child("name"), base::find(metric, "name"));
  });
}

void autoscaling_scales_pods(const Service& service, const Report& report) {
  if (object_in(service.spec, "autoscaling") != nullptr) report.at(service.spec_path.child("autoscaling"), nullptr);
}

void replicas_many(const Service& service, const Report& report) {
  const JsonValue* replicas = base::find(service.spec, "replicas");
  if (base::as_int(replicas).value_or(1) > 1) report.at(service.spec_path.child("replicas"), replicas);
}

void endpoint_path(const Service& service, const Report& report) {
  const JsonValue* endpoint = object_in(service.spec, "endpoint");
  if (endpoint == nullptr) return;
  const auto text = text_in(*endpoint, "path");
  const auto path = service.spec_path.child("endpoint");
  const bool odd = std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) <= ' '; });
  if (!text.empty() && (text.front() != '/' || odd)) report.at(path.child("path"), base::find(*endpoint, "path"));
}

void container_port(const Service& service, const Report& report) {
  const JsonValue* port = base::find(service.spec, "containerPort");
  const auto number = base::as_int(port);
  if (number && std::ranges::find(kTakenPorts, *number) != std::end(kTakenPorts))
    report.at(service.spec_path.child("containerPort"), port);
}

void node_port_unused(const Service& service, const Report& report) {
  const JsonValue* endpoint = object_in(service.spec, "endpoint");
  if (endpoint == nullptr || text_in(*endpoint, "type") == "NodePort") return;
  const auto path = service.spec_path.child("endpoint");
  if (const JsonValue* port = present(*endpoint, "nodePort")) report.at(path.child("nodePort"), port);
}

void class_name(const Service& service, const Report& report) {
  for (const std::string_view field : {"priorityClassName", "runtimeClassName"}) {
    const auto name = text_in(service.spec, field);
    if (!name.empty() && !kube::is_dns1123_subdomain(name))
      report.at(service.spec_path.child(field), base::find(service.spec, field));
  }
}

}  // namespace rules::judge
