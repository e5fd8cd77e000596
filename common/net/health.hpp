#pragma once
#include <functional>
#include <string>

#include "common/base/error.hpp"
#include "common/net/server.hpp"

namespace net {

/// What the health port of a program shows. Both are called from several threads.
struct HealthView {
  /// Why it does not work now, or nothing.
  std::function<base::Result<>()> ready;
  Pace ready_pace = Pace::fast;
  /// The body of a scrape, in Prometheus' text format.
  std::function<std::string()> metrics;
  Pace metrics_pace = Pace::fast;
};

/// `GET /healthz` (the process answers), `/readyz` (200, or 503 and why) and `/metrics`.
void add_health_routes(Server& server, HealthView view);

}  // namespace net
