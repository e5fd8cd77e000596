#pragma once
#include <atomic>
#include <functional>
#include <string>

#include "common/base/error.hpp"
#include "common/base/metrics.hpp"
#include "common/net/server.hpp"

namespace webhook {

/// What the health port shows. All members are called from several threads.
struct HealthView {
  /// Why admission does not work now, or nothing.
  std::function<base::Result<>()> ready;
  /// The body of a scrape.
  std::function<std::string()> metrics;
};

/// `/healthz` (the process answers), `/readyz`, `/metrics`, and `PUT /loglevel` with a level as its body, taken from
/// loopback alone: `kubectl port-forward` reaches it, the network does not.
void add_health_routes(net::Server& server, HealthView view);

}  // namespace webhook
