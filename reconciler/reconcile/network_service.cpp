#include <nlohmann/json.hpp>

#include "common/kube/names.hpp"
#include "reconciler/reconcile/render.hpp"

namespace reconciler {

/// What a ModelRouter and clients address: name and port are LLMKube's.
std::optional<DesiredObject> render_network_service(const Plan& plan) {
  const auto& endpoint = plan.spec().endpoint;
  nlohmann::json port = {{"name", "http"}, {"port", endpoint.port}, {"targetPort", "http"}, {"protocol", "TCP"}};
  if (endpoint.node_port && endpoint.type == "NodePort") port["nodePort"] = *endpoint.node_port;
  nlohmann::json service = child(Kind::service, plan, kube::service_name(plan.name()));
  service["spec"] = {{"type", endpoint.type}, {"selector", selector_labels(plan)}, {"ports", {std::move(port)}}};
  return finish(Kind::service, service);
}

}  // namespace reconciler
