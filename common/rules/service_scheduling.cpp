#include <algorithm>
#include <set>
#include <unordered_set>
#include <utility>

#include "common/kube/names.hpp"
#include "common/rules/judges.hpp"

/// Where Pods go, and what pulls their images: passed on, so a mistake would be met only when the Deployment is
/// applied. Source: k8s.io/kubernetes/pkg/apis/core/validation.
namespace rules::judge {
namespace {

using base::JsonValue;
using kube::FieldPath;

constexpr std::string_view kOperators[] = {"Exists", "Equal", "Lt", "Gt"};
constexpr std::string_view kEffects[] = {"NoSchedule", "PreferNoSchedule", "NoExecute"};
constexpr std::string_view kUnsatisfiable[] = {"DoNotSchedule", "ScheduleAnyway"};

bool is_one_of(const auto& words, std::string_view word) { return std::ranges::find(words, word) != std::end(words); }

}  // namespace

void toleration(const Service& service, const Report& report) {
  for_each_item(
      service.spec, "tolerations", service.spec_path, [&](const JsonValue& toleration, const FieldPath& path) {
        const auto key = text_in(toleration, "key");
        const auto kind = text_in(toleration, "operator");
        const auto effect = text_in(toleration, "effect");
        const auto at = [&](std::string_view field, std::string_view what, std::string_view fix) {
          report.at(path.child(field), base::find(toleration, field), {what, fix});
        };
        if (!kind.empty() && !is_one_of(kOperators, kind)) {
          at("operator", "is no operator", "write Exists or Equal");
        } else if (key.empty() && kind != "Exists") {
          at("key", "is empty, which stands for every taint with operator Exists only", "name the taint's key");
        } else if (kind == "Exists" && !text_in(toleration, "value").empty()) {
          at("value", "operator Exists looks at no value", "remove it, or write operator: Equal");
        }
        if (!key.empty() && !kube::is_qualified_name(key)) at("key", "is no key of a taint", "write [domain/]name");
        if (!effect.empty() && !is_one_of(kEffects, effect))
          at("effect", "is no effect", "write NoSchedule, PreferNoSchedule or NoExecute");
      });
}

void spread(const Service& service, const Report& report) {
  std::set<std::pair<std::string_view, std::string_view>> seen;
  for_each_item(service.spec, "topologySpreadConstraints", service.spec_path,
                [&](const JsonValue& rule, const FieldPath& path) {
                  const auto otherwise = text_in(rule, "whenUnsatisfiable");
                  const auto at = [&](std::string_view field, std::string_view what, std::string_view fix) {
                    report.at(path.child(field), base::find(rule, field), {what, fix});
                  };
                  if (base::as_int(base::find(rule, "maxSkew")).value_or(1) < 1)
                    at("maxSkew", "is no difference", "write at least 1");
                  if (!is_one_of(kUnsatisfiable, otherwise))
                    at("whenUnsatisfiable", "is no policy", "write DoNotSchedule or ScheduleAnyway");
                  if (!seen.insert({text_in(rule, "topologyKey"), otherwise}).second)
                    at("topologyKey", "another entry has this key and this whenUnsatisfiable", "remove one of them");
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
