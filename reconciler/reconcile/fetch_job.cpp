#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "reconciler/reconcile/json_text.hpp"
#include "reconciler/reconcile/names.hpp"
#include "reconciler/reconcile/render.hpp"

namespace reconciler {

using nlohmann::json;

namespace {

constexpr std::string_view kCaPath = "/etc/llmkube/ca";
/// Tries of the Pod, each with retries inside.
constexpr int kBackoffLimit = 3;

json volume_mount(std::string_view name, std::string_view path, bool read_only) {
  json mount = {{"name", name}, {"mountPath", path}};
  if (read_only) mount["readOnly"] = true;
  return mount;
}

json arguments(const Plan& plan, const ServedModel& model) {
  const auto& spec = model.model().spec;
  json args = json::array();
  const auto add = [&](std::string_view flag, const std::string& value) {
    if (value.empty()) return;
    args.push_back(flag);
    args.push_back(value);
  };
  add("--source", spec.source);
  for (const auto& file : spec.files) add("--file", file);
  add("--mmproj", spec.mmproj);
  add("--sha256", spec.sha256);
  add("--to",
      std::string(model.on_own_claim ? kSourcePath : kModelsPath) + (model.on_own_claim ? "/" + model.claim : ""));
  add("--name", model.entry.name);
  add("--refresh", spec.refresh_policy);
  if (!plan.settings.ca_configmap.empty()) add("--ca-file", std::string(kCaPath) + "/ca.crt");
  add("--termination-log", "/dev/termination-log");
  return args;
}

/// The way out is the same for llama-server and for the fetch, so the service's own words about it count for both.
json environment(const Plan& plan) {
  constexpr std::array kNames = {"HTTP_PROXY",         "HTTPS_PROXY",      "NO_PROXY",   "ALL_PROXY",
                                 "http_proxy",         "https_proxy",      "no_proxy",   "all_proxy",
                                 "HF_ENDPOINT",        "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION",
                                 "AWS_ENDPOINT_URL_S3"};
  json env = json::array();
  for (auto& variable : passed_on(plan.spec().env)) {
    if (std::ranges::find(kNames, text_of(variable, "name")) != kNames.end()) env.push_back(std::move(variable));
  }
  return env;
}

json failure_policy() {
  return {{"rules",
           {{{"action", "FailJob"},
             {"onExitCodes",
              {{"containerName", names::kFetchContainer}, {"operator", "In"}, {"values", {names::kFinalFailure}}}}},
            {{"action", "Ignore"}, {"onPodConditions", {{{"type", "DisruptionTarget"}, {"status", "True"}}}}}}}};
}

json labels_of(const ServedModel& model) {
  return {{std::string(names::kNameLabel), "llmkube"},
          {std::string(names::kComponentLabel), names::kFetchComponent},
          {std::string(names::kManagedByLabel), names::kManagedBy},
          {std::string(names::kModelLabel), model.entry.name}};
}

/// In a Job the fetch shows its progress; init containers would have one port several times.
json job_container(const Plan& plan, const ServedModel& model) {
  json container = fetch_container(plan, model, names::kFetchContainer);
  container["args"].push_back("--listen");
  container["args"].push_back(":" + std::to_string(names::kProgressPort));
  container["ports"] = {{{"name", "progress"}, {"containerPort", names::kProgressPort}, {"protocol", "TCP"}}};
  return container;
}

json fetch_pod_spec(const Plan& plan, const ServedModel& model) {
  json volumes = json::array();
  const std::string volume = model.on_own_claim ? "model-source" : "model-cache";
  json claim = {{"claimName", model.claim}};
  if (model.on_own_claim) claim["readOnly"] = true;
  volumes.push_back({{"name", volume}, {"persistentVolumeClaim", std::move(claim)}});
  add_fetch_volumes(plan, volumes);
  json spec = {{"restartPolicy", "Never"},
               {"automountServiceAccountToken", false},
               {"enableServiceLinks", false},
               {"securityContext", restricted_pod(plan.settings)},
               {"containers", {job_container(plan, model)}},
               {"volumes", std::move(volumes)}};
  place(plan, spec);
  for (auto& toleration : passed_on(model.model().spec.prefetch_tolerations))
    spec["tolerations"].push_back(std::move(toleration));
  return spec;
}

}  // namespace

json fetch_container(const Plan& plan, const ServedModel& model, std::string_view name) {
  const auto& spec = model.model().spec;
  json mounts = json::array();
  if (model.on_own_claim) {
    mounts.push_back(volume_mount("model-source", std::string(kSourcePath) + "/" + model.claim, true));
  } else {
    mounts.push_back(volume_mount("model-cache", kModelsPath, false));
  }
  json container = {{"name", name},
                    {"image", plan.own_image},
                    {"imagePullPolicy", plan.settings.image_pull_policy},
                    {"command", {"/usr/bin/model-fetch"}},
                    {"args", arguments(plan, model)},
                    {"terminationMessagePolicy", "File"},
                    {"securityContext", restricted_container()}};
  if (!plan.settings.ca_configmap.empty()) mounts.push_back(volume_mount("ca", kCaPath, true));
  if (!spec.source_secret.empty()) container["envFrom"] = {{{"secretRef", {{"name", spec.source_secret}}}}};
  if (auto env = environment(plan); !env.empty()) container["env"] = std::move(env);
  container["resources"] = {{"requests", {{"cpu", "100m"}, {"memory", "64Mi"}}}};
  container["volumeMounts"] = std::move(mounts);
  return container;
}

void add_fetch_volumes(const Plan& plan, json& volumes) {
  if (plan.settings.ca_configmap.empty()) return;
  volumes.push_back({{"name", "ca"}, {"configMap", {{"name", plan.settings.ca_configmap}, {"optional", true}}}});
}

/// One Job for each Model, claim and content; it belongs to the Model, since several services may wait for it. Made
/// when absent, never changed (its template cannot be); its record says what is on the volume, so it has no TTL.
std::optional<DesiredObject> render_fetch_job(const Plan& plan, const ServedModel& model) {
  if (model.object == nullptr || !model.object->mistakes.empty() || model.job != nullptr) return std::nullopt;
  if (model.job_name.empty() || model.object->meta.deleting) return std::nullopt;
  const auto& metadata = model.model().metadata;
  json job = {{"apiVersion", info(Kind::job).api_version}, {"kind", info(Kind::job).name}};
  job["metadata"] = {{"name", model.job_name},
                     {"namespace", plan.name_space()},
                     {"labels", labels_of(model)},
                     {"annotations", {{std::string(names::kClaimAnnotation), model.claim_view->meta.uid}}},
                     {"ownerReferences", {owner_reference("Model", metadata.name, metadata.uid)}}};
  job["spec"] = {{"backoffLimit", kBackoffLimit},
                 {"podFailurePolicy", failure_policy()},
                 {"template", {{"metadata", {{"labels", labels_of(model)}}}, {"spec", fetch_pod_spec(plan, model)}}}};
  auto desired = finish(Kind::job, job);
  desired.create_only = true;
  return desired;
}

}  // namespace reconciler
