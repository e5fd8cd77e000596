#include "reconciler/reconcile/render.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "common/api/crd.hpp"
#include "common/base/digest.hpp"
#include "common/kube/names.hpp"
#include "reconciler/reconcile/json_text.hpp"
#include "reconciler/reconcile/names.hpp"

namespace reconciler {
namespace {

constexpr std::array kKinds = {
    KindInfo{Kind::claim, "v1", "PersistentVolumeClaim", "persistentvolumeclaims"},
    KindInfo{Kind::job, "batch/v1", "Job", "jobs"},
    KindInfo{Kind::config_map, "v1", "ConfigMap", "configmaps"},
    KindInfo{Kind::deployment, "apps/v1", "Deployment", "deployments"},
    KindInfo{Kind::service, "v1", "Service", "services"},
    KindInfo{Kind::autoscaler, "autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"},
    KindInfo{Kind::pod, "v1", "Pod", "pods"},
};

}  // namespace

using nlohmann::json;

const KindInfo& info(Kind kind) { return kKinds[static_cast<std::size_t>(kind)]; }

std::string config_map_name(std::string_view service) { return std::string(service) + "-models"; }

json owner_reference(std::string_view kind, std::string_view name, std::string_view uid) {
  return {{"apiVersion", api::kApiVersion}, {"kind", kind}, {"name", name}, {"uid", uid}, {"controller", true},
          {"blockOwnerDeletion", false}};
}

json selector_labels(const Plan& plan) {
  return {{"app", plan.name()}, {std::string(names::kServiceLabel), plan.name()}};
}

json child(Kind kind, const Plan& plan, std::string_view name) {
  json labels = selector_labels(plan);
  labels[std::string(names::kManagedByLabel)] = names::kManagedBy;
  json metadata = {{"name", name},
                   {"namespace", plan.name_space()},
                   {"labels", std::move(labels)},
                   {"ownerReferences", {owner_reference("InferenceService", plan.name(), plan.service.metadata.uid)}}};
  return {{"apiVersion", info(kind).api_version}, {"kind", info(kind).name}, {"metadata", std::move(metadata)}};
}

DesiredObject finish(Kind kind, const json& body) {
  // A user's text may hold bytes that are no UTF-8; the API server would refuse them, a throw would end the pass.
  return {kind, body.at("metadata").at("name").get<std::string>(), to_text(body)};
}

json passed_on(const std::string& text) {
  json value = json::parse(text, nullptr, false);
  return value.is_discarded() ? json() : value;
}

std::string short_name(std::string_view name) {
  constexpr std::size_t kHashDigits = 8;
  constexpr std::size_t kRoom = 40;  // leaves place for a prefix such as "model-source-"
  std::string text(name);
  std::ranges::replace(text, '.', '-');
  if (text == name && text.size() <= kRoom) return text;
  return text.substr(0, kRoom - kHashDigits - 1) + "-" + base::sha256_hex(name).substr(0, kHashDigits);
}

void place(const Plan& plan, json& pod_spec) {
  json tolerations = json::array();
  if (plan.gpu.asked_for()) {
    tolerations.push_back(
        {{"key", plan.gpu.toleration_key}, {"operator", "Equal"}, {"value", "present"}, {"effect", "NoSchedule"}});
  }
  for (auto& toleration : passed_on(plan.spec().tolerations)) tolerations.push_back(std::move(toleration));
  if (!tolerations.empty()) pod_spec["tolerations"] = std::move(tolerations);
  if (!plan.spec().node_selector.empty()) pod_spec["nodeSelector"] = plan.spec().node_selector;
  if (auto affinity = passed_on(plan.spec().affinity); !affinity.is_null()) pod_spec["affinity"] = std::move(affinity);
  if (auto secrets = passed_on(plan.spec().image_pull_secrets); !secrets.empty())
    pod_spec["imagePullSecrets"] = std::move(secrets);
}

json restricted_pod(const Settings& settings) {
  constexpr int kNobody = 65532;
  json security = {{"runAsNonRoot", true},
                   {"runAsUser", kNobody},
                   {"runAsGroup", kNobody},
                   {"seccompProfile", {{"type", "RuntimeDefault"}}}};
  if (settings.default_fs_group > 0) {
    security["fsGroup"] = settings.default_fs_group;
    security["fsGroupChangePolicy"] = "OnRootMismatch";
  }
  return security;
}

json restricted_container() {
  return {{"allowPrivilegeEscalation", false},
          {"readOnlyRootFilesystem", true},
          {"capabilities", {{"drop", json::array({"ALL"})}}}};
}

}  // namespace reconciler
