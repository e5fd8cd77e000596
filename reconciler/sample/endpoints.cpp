#include "reconciler/sample/endpoints.hpp"

#include <algorithm>

namespace reconciler {
namespace {

bool is_ready(const base::JsonValue& endpoint) {
  return base::as_bool(base::find_path(endpoint, {"conditions", "ready"})).value_or(true);
}

}  // namespace

bool has_ready_endpoint(const base::JsonValue& slice) {
  const auto* ports = base::find(slice, "ports");
  const auto* endpoints = base::find(slice, "endpoints");
  if (ports == nullptr || !ports->IsArray() || ports->Empty()) return false;
  return endpoints != nullptr && endpoints->IsArray() && std::ranges::any_of(endpoints->GetArray(), is_ready);
}

base::Result<bool> has_ready_endpoint(net::ApiClient& api, const std::string& namespace_, const std::string& service) {
  const std::string path = "/apis/discovery.k8s.io/v1/namespaces/" + namespace_ + "/endpointslices";
  bool found = false;
  const auto listed = api.list(path, {.label_selector = "kubernetes.io/service-name=" + service, .field_selector = {}},
                               [&](const base::JsonValue& slice) { found = found || has_ready_endpoint(slice); });
  if (!listed) return std::unexpected(listed.error());
  if (listed->status != 200) return std::unexpected(net::to_error(listed->refusal, path));
  return found;
}

}  // namespace reconciler
