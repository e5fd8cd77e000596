#include "webhook/health.hpp"

#include <string_view>
#include <utility>

#include "common/base/log.hpp"
#include "common/base/text.hpp"

namespace webhook {
namespace {

bool is_loopback(std::string_view address) { return address.starts_with("127.") || address == "::1"; }

net::Response set_log_level(const net::Request& request) {
  if (!is_loopback(request.remote_addr)) return net::plain(403, "only from loopback: use kubectl port-forward");
  const std::string level(base::trim(request.body));
  if (!base::log::set_level(level)) return net::plain(400, "body is none of debug, info, warning, error");
  base::log::info("log-level-changed", {{"level", level}});
  return net::plain(200, level);
}

}  // namespace

void add_health_routes(net::Server& server, HealthView view) {
  server.route("GET", "/healthz", [](const net::Request&) { return net::plain(200, "ok"); });
  server.route("GET", "/readyz", [ready = std::move(view.ready)](const net::Request&) {
    const auto state = ready();
    return state ? net::plain(200, "ok") : net::plain(503, state.error().to_string());
  });
  server.route("GET", "/metrics", [metrics = std::move(view.metrics)](const net::Request&) {
    return net::Response{
        .status = 200, .content_type = "text/plain; version=0.0.4; charset=utf-8", .headers = {}, .body = metrics()};
  });
  server.route("PUT", "/loglevel", set_log_level);
}

}  // namespace webhook
