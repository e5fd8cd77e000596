#include "common/net/health.hpp"

#include <utility>

namespace net {

void add_health_routes(Server& server, HealthView view) {
  server.route("GET", "/healthz", [](const Request&) { return plain(200, "ok"); });
  const auto readiness = [ready = std::move(view.ready)](const Request&) {
    const auto state = ready();
    return state ? plain(200, "ok") : plain(503, state.error().to_string());
  };
  server.route("GET", "/readyz", readiness, view.ready_pace);
  const auto scrape = [metrics = std::move(view.metrics)](const Request&) {
    return Response{.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = metrics()};
  };
  server.route("GET", "/metrics", scrape, view.metrics_pace);
}

}  // namespace net
