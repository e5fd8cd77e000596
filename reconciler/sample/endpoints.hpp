#pragma once
#include <string>

#include "common/base/error.hpp"
#include "common/base/json.hpp"
#include "common/net/api_client.hpp"

namespace reconciler {

/// Whether an EndpointSlice (discovery.k8s.io/v1) leads to a Pod: it has an endpoint that is ready, and a port; it has
/// none where the Pods have no port of the name that the Service wants. An endpoint that does not say whether it is
/// ready counts as ready, as the API's reference has it.
[[nodiscard]] bool has_ready_endpoint(const base::JsonValue& slice);

/// Asks the API server whether a slice of this Service does; an error when it does not say. It is for the rare Service
/// that refuses: a watch would keep all slices of the cluster.
[[nodiscard]] base::Result<bool> has_ready_endpoint(net::ApiClient& api, const std::string& namespace_,
                                                    const std::string& service);

}  // namespace reconciler
