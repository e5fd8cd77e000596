#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/reconcile/plan.hpp"
#include "reconciler/reconcile/reconcile.hpp"

/// The children of a service, each from the plan alone. Nothing where the object is not wanted, or must not be touched
/// (a claim or a Job that is there).
namespace reconciler {

[[nodiscard]] std::optional<DesiredObject> render_claim(const Plan& plan);
[[nodiscard]] std::optional<DesiredObject> render_fetch_job(const Plan& plan, const ServedModel& model);
[[nodiscard]] std::optional<DesiredObject> render_config_map(const Plan& plan);
[[nodiscard]] std::optional<DesiredObject> render_deployment(const Plan& plan);
/// The hash of its Pod template, as it stands in the Deployment's annotation.
[[nodiscard]] std::string template_hash(const DesiredObject& deployment);
[[nodiscard]] std::optional<DesiredObject> render_network_service(const Plan& plan);
[[nodiscard]] std::optional<DesiredObject> render_autoscaler(const Plan& plan);

/// Name of the service's ConfigMap.
[[nodiscard]] std::string config_map_name(std::string_view service);

// Parts that several of them share. Bodies are nlohmann's, which sorts keys: the same object is always the same bytes.

/// apiVersion, kind and metadata with the labels of all our children; owned by the service.
[[nodiscard]] nlohmann::json child(Kind kind, const Plan& plan, std::string_view name);
/// An ownerReference that neither controls the owner's deletion nor is blocked by it.
[[nodiscard]] nlohmann::json owner_reference(std::string_view kind, std::string_view name, std::string_view uid);
[[nodiscard]] DesiredObject finish(Kind kind, const nlohmann::json& body);
/// Labels by which the Deployment and the Service find the Pods; never changes.
[[nodiscard]] nlohmann::json selector_labels(const Plan& plan);
/// A Kubernetes-typed field that the user wrote, as JSON; null when absent.
[[nodiscard]] nlohmann::json passed_on(const std::string& text);
/// `name` where it can be a label value and a volume's name: else cut and hashed.
[[nodiscard]] std::string short_name(std::string_view name);
/// nodeSelector, tolerations (the GPU's own first), affinity: where the service's Pods and its fetch Pods may run.
void place(const Plan& plan, nlohmann::json& pod_spec);
/// securityContext of a Pod of ours and of a container of ours, by the restricted Pod Security Standard.
[[nodiscard]] nlohmann::json restricted_pod(const Settings& settings);
[[nodiscard]] nlohmann::json restricted_container();
/// spec of the Pods of a service, and the arguments of their llama-server.
[[nodiscard]] nlohmann::json pod_spec(const Plan& plan);
[[nodiscard]] std::vector<std::string> router_command_line(const Plan& plan);
[[nodiscard]] std::vector<std::string> single_command_line(const Plan& plan);
/// The port that llama-server listens on.
[[nodiscard]] std::int64_t server_port(const Plan& plan);

/// Container that runs model-fetch for one model, without its volume mounts' volumes.
[[nodiscard]] nlohmann::json fetch_container(const Plan& plan, const ServedModel& model, std::string_view name);
/// Volumes that `fetch_container` mounts besides the cache: the CA.
void add_fetch_volumes(const Plan& plan, nlohmann::json& volumes);

inline constexpr std::string_view kModelsPath = "/models";
inline constexpr std::string_view kSourcePath = "/model-source";

}  // namespace reconciler
