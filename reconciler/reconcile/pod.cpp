#include <algorithm>
#include <nlohmann/json.hpp>

#include "reconciler/reconcile/json_text.hpp"
#include "reconciler/reconcile/model_progress.hpp"
#include "reconciler/reconcile/names.hpp"
#include "reconciler/reconcile/preset.hpp"
#include "reconciler/reconcile/render.hpp"

namespace reconciler {

using nlohmann::json;

namespace {

constexpr std::string_view kPresetPath = "/etc/llmkube";
constexpr std::string_view kCachePath = "/cache";
constexpr std::string_view kCacheVariable = "LLAMA_CACHE";
constexpr std::int64_t kLoadTimeoutSeconds = 1800;
/// The default of router-agent's --grace-period-seconds, too: an argument more would roll every Pod that serves.
constexpr std::int64_t kGracePeriodSeconds = 60;
/// The drain ends before the grace period does, so that llama-server still gets its SIGTERM.
constexpr std::int64_t kDrainTimeoutSeconds = 55;

json http_probe(std::string_view path, const json& port, std::int64_t period, std::int64_t failures) {
  return {{"httpGet", {{"path", path}, {"port", port}}},
          {"periodSeconds", period},
          {"timeoutSeconds", 5},
          {"failureThreshold", failures}};
}

/// The user's probe, wholly, where there is one.
json probe_or(const std::string& overriding, json otherwise) {
  auto probe = passed_on(overriding);
  return probe.is_null() ? otherwise : probe;
}

/// The kubelet's own numbers where the user's probe names none.
std::int64_t load_timeout(const Plan& plan) {
  const auto probe = passed_on(plan.spec().probe_overrides.startup);
  if (!probe.is_object()) return kLoadTimeoutSeconds;
  const auto number = [&](const char* key, std::int64_t otherwise) {
    const auto found = probe.find(key);
    return found != probe.end() && found->is_number_integer() ? found->get<std::int64_t>() : otherwise;
  };
  // What the agent takes.
  constexpr std::int64_t kLongest = 86'400;
  return std::clamp<std::int64_t>(number("periodSeconds", 10) * number("failureThreshold", 3), 1, kLongest);
}

json mount(std::string_view name, std::string_view path, bool read_only) {
  json mounted = {{"name", name}, {"mountPath", path}};
  if (read_only) mounted["readOnly"] = true;
  return mounted;
}

std::string source_volume(std::string_view claim) { return "model-source-" + short_name(claim); }

json model_mounts(const Plan& plan) {
  json mounts = json::array();
  if (plan.cache.kind != CachePlan::Kind::none) mounts.push_back(mount("model-cache", kModelsPath, true));
  for (const auto& claim : plan.source_claims)
    mounts.push_back(mount(source_volume(claim), std::string(kSourcePath) + "/" + claim, true));
  return mounts;
}

json volumes(const Plan& plan) {
  json list = json::array();
  list.push_back({{"name", "cache"}, {"emptyDir", json::object()}});
  if (plan.router) list.push_back({{"name", "preset"}, {"configMap", {{"name", config_map_name(plan.name())}}}});
  if (plan.cache.kind == CachePlan::Kind::claim) {
    list.push_back({{"name", "model-cache"}, {"persistentVolumeClaim", {{"claimName", plan.cache.claim}}}});
  } else if (plan.cache.kind == CachePlan::Kind::ephemeral) {
    json empty = json::object();
    if (const auto& limit = plan.spec().resources.ephemeral_storage; !limit.empty()) empty["sizeLimit"] = limit;
    list.push_back({{"name", "model-cache"}, {"emptyDir", std::move(empty)}});
  }
  for (const auto& claim : plan.source_claims) {
    list.push_back(
        {{"name", source_volume(claim)}, {"persistentVolumeClaim", {{"claimName", claim}, {"readOnly", true}}}});
  }
  for (auto& extra : passed_on(plan.spec().extra_volumes)) list.push_back(std::move(extra));
  return list;
}

/// A stray cached model would be advertised, so llama-server's own cache is an empty folder of the Pod.
json environment(const Plan& plan) {
  json env = json::array();
  bool theirs = false;
  for (auto& variable : passed_on(plan.spec().env)) {
    theirs = theirs || text_of(variable, "name") == kCacheVariable;
    env.push_back(std::move(variable));
  }
  if (!theirs) env.insert(env.begin(), json{{"name", kCacheVariable}, {"value", kCachePath}});
  return env;
}

json server_resources(const Plan& plan) {
  const auto chosen = choose_resources(plan.spec().resources, plan.gpu, existing_models(plan.observed));
  json resources = json::object();
  if (!chosen.requests.empty()) resources["requests"] = chosen.requests;
  if (!chosen.limits.empty()) resources["limits"] = chosen.limits;
  for (const auto& claim : passed_on(plan.gpu.claims))
    resources["claims"].push_back({{"name", text_of(claim, "name")}});
  return resources;
}

json container_port(std::string_view name, std::int64_t number) {
  return {{"name", name}, {"containerPort", number}, {"protocol", "TCP"}};
}

/// Under the gate clients come in by the agent; llama-server's port is then nobody's business. The gate's port stands
/// here all the same: before Kubernetes 1.32 a Service does not find a named port of a native sidecar
/// (kubernetes/kubernetes#127958), and several meshes do not.
json server_ports(const Plan& plan) {
  if (!plan.gate) return {container_port("http", server_port(plan))};
  return {container_port("http", names::kGatePort), container_port("llama", server_port(plan))};
}

json server_container(const Plan& plan) {
  const auto& overrides = plan.spec().probe_overrides;
  const json port = plan.gate ? "llama" : "http";
  json container = {{"name", names::kServerContainer},
                    {"image", plan.image},
                    {"imagePullPolicy", plan.settings.image_pull_policy},
                    {"args", plan.router ? router_command_line(plan) : single_command_line(plan)},
                    {"env", environment(plan)},
                    {"ports", server_ports(plan)},
                    {"resources", server_resources(plan)},
                    {"terminationMessagePolicy", "FallbackToLogsOnError"}};
  json security = restricted_container();
  security.update(passed_on(plan.spec().security_context).is_null() ? json::object()
                                                                    : passed_on(plan.spec().security_context));
  container["securityContext"] = std::move(security);
  json mounts = model_mounts(plan);
  mounts.push_back(mount("cache", kCachePath, false));
  if (plan.router) mounts.push_back(mount("preset", kPresetPath, true));
  for (auto& extra : passed_on(plan.spec().extra_volume_mounts)) mounts.push_back(std::move(extra));
  container["volumeMounts"] = std::move(mounts);

  container["livenessProbe"] = probe_or(overrides.liveness, http_probe("/health", port, 15, 3));
  if (plan.router) {
    // The router answers within seconds with no model loaded; loading has the agent's deadline.
    container["startupProbe"] = http_probe("/health", port, 1, 300);
    container["readinessProbe"] = probe_or(overrides.readiness, http_probe("/readyz", names::kAgentPort, 2, 2));
    container["lifecycle"] = {{"preStop", {{"httpGet", {{"path", "/drain"}, {"port", names::kAgentPort}}}}}};
  } else {
    container["startupProbe"] = probe_or(overrides.startup, http_probe("/health", port, 10, 180));
    container["readinessProbe"] = probe_or(overrides.readiness, http_probe("/health", port, 10, 3));
  }
  return container;
}

/// A native sidecar: it starts before llama-server and is stopped after it, so that it is there while that drains.
json agent_container(const Plan& plan) {
  json args = {"--server",
               "http://127.0.0.1:" + std::to_string(server_port(plan)),
               "--config",
               std::string(kPresetPath) + "/agent.json",
               "--preset",
               std::string(kPresetPath) + "/models.ini",
               "--listen",
               ":" + std::to_string(names::kAgentPort),
               "--max-loaded",
               std::to_string(plan.spec().router.max_loaded_models),
               "--load-timeout-seconds",
               std::to_string(load_timeout(plan)),
               "--drain-timeout-seconds",
               std::to_string(kDrainTimeoutSeconds),
               "--child-logs",
               names::kChildLogs};
  if (plan.gate) {
    args.push_back("--gate-listen");
    args.push_back(":" + std::to_string(names::kGatePort));
  }
  json container = {
      {"name", names::kAgentContainer},
      {"image", plan.own_image},
      {"imagePullPolicy", plan.settings.image_pull_policy},
      {"restartPolicy", "Always"},
      {"command", {"/usr/bin/router-agent"}},
      {"args", std::move(args)},
      {"ports", {container_port("agent", names::kAgentPort)}},
      {"startupProbe", http_probe("/healthz", names::kAgentPort, 1, 60)},
      {"resources", {{"requests", {{"cpu", "10m"}, {"memory", "32Mi"}}}, {"limits", {{"memory", "256Mi"}}}}},
      {"securityContext", restricted_container()},
      {"volumeMounts", {mount("preset", kPresetPath, true), mount("cache", kCachePath, false)}}};
  return container;
}

json init_containers(const Plan& plan) {
  json list = json::array();
  if (plan.cache.kind == CachePlan::Kind::ephemeral) {
    const auto fetch = [&](const ServedModel& model, std::size_t index) {
      if (model.object != nullptr && model.object->mistakes.empty() && !model.on_own_claim)
        list.push_back(fetch_container(plan, model, fetch_container_name(index)));
    };
    for (std::size_t i = 0; i < plan.models.size(); ++i) fetch(plan.models[i], i);
    if (plan.draft) fetch(*plan.draft, plan.models.size());
  }
  if (plan.router) list.push_back(agent_container(plan));
  return list;
}

/// Without a selector a constraint counts no Pod at all: then the service's own are meant.
json spread_constraints(const Plan& plan) {
  json constraints = passed_on(plan.spec().topology_spread_constraints);
  for (auto& constraint : constraints) {
    if (!constraint.contains("labelSelector")) constraint["labelSelector"] = {{"matchLabels", selector_labels(plan)}};
  }
  return constraints;
}

void pass_on(json& spec, const char* field, const std::string& text) {
  if (auto value = passed_on(text); !value.is_null()) spec[field] = std::move(value);
}

}  // namespace

std::int64_t server_port(const Plan& plan) { return plan.spec().container_port.value_or(names::kServerPort); }

json pod_spec(const Plan& plan) {
  json spec = {{"automountServiceAccountToken", false},
               {"enableServiceLinks", false},
               {"terminationGracePeriodSeconds", kGracePeriodSeconds},
               {"containers", {server_container(plan)}},
               {"volumes", volumes(plan)}};
  if (auto init = init_containers(plan); !init.empty()) spec["initContainers"] = std::move(init);
  if (plan.cache.kind == CachePlan::Kind::ephemeral) add_fetch_volumes(plan, spec["volumes"]);
  spec["securityContext"] = restricted_pod(plan.settings);
  if (auto users = passed_on(plan.spec().pod_security_context); users.is_object())
    spec["securityContext"].update(users);
  place(plan, spec);
  if (auto spread = spread_constraints(plan); !spread.empty()) spec["topologySpreadConstraints"] = std::move(spread);
  pass_on(spec, "resourceClaims", plan.gpu.claims);
  if (!plan.spec().runtime_class_name.empty()) spec["runtimeClassName"] = plan.spec().runtime_class_name;
  if (!plan.priority_class.empty()) spec["priorityClassName"] = plan.priority_class;
  return spec;
}

}  // namespace reconciler
