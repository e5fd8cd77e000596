#include <algorithm>
#include <array>

#include "common/api/pattern.hpp"
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

/// ValidatePathSegmentName of k8s.io/apimachinery: the name of a metric is a part of a URL.
bool is_path_segment(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find_first_of("/%") == std::string_view::npos;
}

bool is_blank(char c) { return static_cast<unsigned char>(c) <= ' '; }

/// github.com/distribution/reference, as container runtimes read it. The API server looks for blanks at the ends only,
/// so a Pod with any other name waits for ever.
bool is_image_name(std::string_view text) {
  static const auto form = api::Pattern::compile(
      "^((([a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?\\.)*[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?"
      "|\\[[0-9a-fA-F:]+\\])(:[0-9]+)?/)?"                                                    // registry
      "[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*"              // name
      "(:[a-zA-Z0-9_][-a-zA-Z0-9_.]{0,127})?"                                                 // tag
      "(@[a-zA-Z][a-zA-Z0-9]*([-_+.][a-zA-Z][a-zA-Z0-9]*)*:[0-9a-fA-F]{32}[0-9a-fA-F]*)?$");  // digest
  return form->matches(text);
}

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

void draft_name(const Service& service, const Report& report) {
  const JsonValue* from = object_in(service.spec, "speculativeDecoding");
  const auto name = from == nullptr ? std::string_view{} : text_in(*from, "draftModelRef");
  if (name.empty() || kube::is_dns1123_subdomain(name)) return;
  const auto path = service.spec_path.child("speculativeDecoding");
  report.at(path.child("draftModelRef"), base::find(*from, "draftModelRef"), {as_label(name)});
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

/// A file that no draftModelRef stands beside, for a type that drafts with a model: the other rules tell the rest.
void draft_file(const Service& service, const Report& report) {
  const JsonValue* from = object_in(service.spec, "speculativeDecoding");
  if (from == nullptr || !text_in(*from, "draftModelRef").empty() || text_in(*from, "draftModel").empty()) return;
  const auto type = text_in(*from, "type");
  const auto path = service.spec_path.child("speculativeDecoding");
  if (needs_draft(type) || type == kMayDraft) report.at(path.child("draftModel"), base::find(*from, "draftModel"));
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
    const bool has_value = present(metric, "targetAverageValue") != nullptr;
    if (type == "Pods" && !has_value)
      report.at(path.child("targetAverageValue"), nullptr, {"a Pods metric has a target value"});
    if (type == "Resource" && !has_value && present(metric, "targetAverageUtilization") == nullptr)
      report.at(path.child("targetAverageUtilization"), nullptr, {"a Resource metric has a target"});
  });
}

/// As the API server judges an autoscaler: k8s.io/kubernetes/pkg/apis/autoscaling/validation.
void autoscaling_value(const Service& service, const Report& report) {
  for_each_metric(service, [&](const JsonValue& metric, const FieldPath& path) {
    const JsonValue* share = base::find(metric, "targetAverageUtilization");
    if (base::as_int(share).value_or(1) < 1) report.at(path.child("targetAverageUtilization"), share);
    const JsonValue* value = present(metric, "targetAverageValue");
    const auto text = base::as_string(value);
    if (!text) return;
    const auto amount = kube::Quantity::parse(*text);
    if (!amount || amount->is_negative() || amount->is_zero()) report.at(path.child("targetAverageValue"), value);
  });
}

void autoscaling_name(const Service& service, const Report& report) {
  for_each_metric(service, [&](const JsonValue& metric, const FieldPath& path) {
    const JsonValue* value = present(metric, "name");
    const auto name = base::as_string(value);
    if (!name) return;
    const bool is_resource = text_in(metric, "type") == "Resource";
    if (is_resource ? *name != "cpu" && *name != "memory" : !is_path_segment(*name))
      report.at(path.child("name"), value);
  });
}

/// An autoscaler divides what Pods use by what they ask for; a limit stands in for a request that is left out.
void autoscaling_request(const Service& service, const Report& report) {
  const JsonValue* resources = object_in(service.spec, "resources");
  const auto asks_for = [&](std::string_view name) {
    if (resources == nullptr) return false;
    if (!text_in(*resources, name).empty() || (name == "memory" && !text_in(*resources, "hostMemory").empty()))
      return true;
    return std::ranges::any_of(std::array<std::string_view, 2>{"requests", "limits"}, [&](std::string_view side) {
      const JsonValue* map = object_in(*resources, side);
      return map != nullptr && present(*map, name) != nullptr;
    });
  };
  for_each_metric(service, [&](const JsonValue& metric, const FieldPath& path) {
    const auto name = text_in(metric, "name");
    const JsonValue* share = present(metric, "targetAverageUtilization");
    const bool by_share = share != nullptr && text_in(metric, "type") == "Resource";
    if (by_share && (name == "cpu" || name == "memory") && !asks_for(name))
      report.at(path.child("targetAverageUtilization"), share, {name});
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

void image(const Service& service, const Report& report) {
  const auto name = text_in(service.spec, "image");
  if (!name.empty() && !is_image_name(name))
    report.at(service.spec_path.child("image"), base::find(service.spec, "image"));
}

/// The agent asks on 127.0.0.1, and with policy Direct so do clients on the Pod's address.
void bind_address(const Service& service, const Report& report) {
  constexpr std::array<std::string_view, 3> kEvery{"", "0.0.0.0", "::"};
  constexpr std::array<std::string_view, 2> kLocal{"127.0.0.1", "localhost"};
  const auto address = text_in(service.spec, "bindAddress");
  const JsonValue* router = object_in(service.spec, "router");
  const JsonValue* scheduling = router == nullptr ? nullptr : object_in(*router, "scheduling");
  const bool direct = scheduling != nullptr && text_in(*scheduling, "policy") == "Direct";
  if (std::ranges::find(kEvery, address) != kEvery.end()) return;
  if (!direct && std::ranges::find(kLocal, address) != kLocal.end()) return;
  report.at(service.spec_path.child("bindAddress"), base::find(service.spec, "bindAddress"));
}

void endpoint_path(const Service& service, const Report& report) {
  const JsonValue* endpoint = object_in(service.spec, "endpoint");
  if (endpoint == nullptr) return;
  const auto text = text_in(*endpoint, "path");
  const auto path = service.spec_path.child("endpoint");
  if (!text.empty() && (text.front() != '/' || std::ranges::any_of(text, is_blank)))
    report.at(path.child("path"), base::find(*endpoint, "path"));
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
