#include <algorithm>
#include <set>
#include <unordered_set>
#include <utility>

#include "common/kube/names.hpp"
#include "common/rules/judges.hpp"
#include "common/rules/pod_fields.hpp"

/// Where Pods go, and what pulls their images: passed on, so a mistake would be met only when the Deployment is
/// applied. Source: k8s.io/kubernetes/pkg/apis/core/validation.
namespace rules::judge {
namespace {

using base::JsonValue;
using kube::FieldPath;

constexpr std::string_view kOperators[] = {"Exists", "Equal", "Lt", "Gt"};
constexpr std::string_view kEffects[] = {"NoSchedule", "PreferNoSchedule", "NoExecute"};

bool is_one_of(const auto& words, std::string_view word) { return std::ranges::find(words, word) != std::end(words); }

bool is_whole_number(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && (text == "0" || text.front() != '0') &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

void judge_toleration(const JsonValue& toleration, const FieldPath& path, const Report& report) {
  const auto key = text_in(toleration, "key");
  const auto kind = text_in(toleration, "operator");
  const auto effect = text_in(toleration, "effect");
  const auto value = text_in(toleration, "value");
  const auto at = [&](std::string_view field, std::string_view what, std::string_view fix) {
    report.at(path.child(field), base::find(toleration, field), {what, fix});
  };
  if (!kind.empty() && !is_one_of(kOperators, kind)) {
    at("operator", "is no operator", "write Exists or Equal");
  } else if (key.empty() && kind != "Exists") {
    at("key", "is empty, which stands for every taint with operator Exists only", "name the taint's key");
  } else if (kind == "Exists" && !value.empty()) {
    at("value", "operator Exists looks at no value", "remove it, or write operator: Equal");
  } else if ((kind == "Lt" || kind == "Gt") && !is_whole_number(value)) {
    at("value", "operator Lt and Gt compare whole numbers", "write one in quotes");
  } else if (!kube::is_label_value(value)) {
    at("value", "is no value of a taint", "write letters, digits, -, _ and .");
  }
  if (!key.empty() && !kube::is_qualified_name(key)) at("key", "is no key of a taint", "write [domain/]name");
  if (!effect.empty() && !is_one_of(kEffects, effect)) {
    at("effect", "is no effect", "write NoSchedule, PreferNoSchedule or NoExecute");
  } else if (present(toleration, "tolerationSeconds") != nullptr && effect != "NoExecute") {
    at("tolerationSeconds", "counts with effect NoExecute only", "remove it, or write effect: NoExecute");
  }
}

}  // namespace

void affinity(const Service& service, const Report& report) {
  if (const JsonValue* value = object_in(service.spec, "affinity"))
    judge_pod_field("Affinity", *value, service.spec_path.child("affinity"), report);
}

void toleration(const Service& service, const Report& report) {
  for_each_item(service.spec, "tolerations", service.spec_path,
                [&](const JsonValue& item, const FieldPath& path) { judge_toleration(item, path, report); });
}

void toleration(const ModelObject& model, const Report& report) {
  for_each_item(model.spec, "prefetchTolerations", model.spec_path,
                [&](const JsonValue& item, const FieldPath& path) { judge_toleration(item, path, report); });
  const JsonValue* hardware = object_in(model.spec, "hardware");
  const JsonValue* gpu = hardware == nullptr ? nullptr : object_in(*hardware, "gpu");
  const auto key = gpu == nullptr ? std::string_view{} : text_in(*gpu, "tolerationKey");
  if (key.empty() || kube::is_qualified_name(key)) return;
  const auto path = model.spec_path.child("hardware");
  const auto gpu_path = path.child("gpu");
  report.at(gpu_path.child("tolerationKey"), base::find(*gpu, "tolerationKey"),
            {"is no key of a taint", "write [domain/]name"});
}

void spread(const Service& service, const Report& report) {
  std::set<std::pair<std::string_view, std::string_view>> seen;
  for_each_item(service.spec, "topologySpreadConstraints", service.spec_path,
                [&](const JsonValue& rule, const FieldPath& path) {
                  judge_pod_field("TopologySpreadConstraint", rule, path, report);
                  if (!seen.insert({text_in(rule, "topologyKey"), text_in(rule, "whenUnsatisfiable")}).second)
                    report.at(path.child("topologyKey"), base::find(rule, "topologyKey"),
                              {"another entry has this key and this whenUnsatisfiable", "remove one of them"});
                });
}

void pull_secret(const Service& service, const Report& report) {
  std::unordered_set<std::string_view> seen;
  for_each_item(service.spec, "imagePullSecrets", service.spec_path,
                [&](const JsonValue& secret, const FieldPath& path) {
                  const auto name = text_in(secret, "name");
                  const JsonValue* value = base::find(secret, "name");
                  if (!name.empty() && !kube::is_dns1123_subdomain(name)) {
                    report.at(path.child("name"), value, {"is no name of a Secret", "name a Secret of this namespace"});
                  } else if (!seen.insert(name).second) {
                    report.at(path.child("name"), value, {"stands here for the second time", "remove it"});
                  }
                });
}

}  // namespace rules::judge
