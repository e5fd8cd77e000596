#include "reconciler/pod/agent/routes.hpp"

#include "common/base/json.hpp"
#include "common/net/server.hpp"
#include "reconciler/pod/agent/agent.hpp"

namespace agent {

void add_routes(net::Server& server, Agent& agent) {
  server.route("GET", "/healthz", [](const net::Request&) { return net::plain(200, "ok"); });
  server.route("GET", "/readyz", [&agent](const net::Request&) {
    std::string why;
    return agent.ready(why) ? net::plain(200, "ok") : net::plain(503, why);
  });
  server.route("GET", "/state", [&agent](const net::Request&) {
    auto state = agent.state();
    if (state) return net::Response{.status = 200, .body = std::move(*state)};
    return net::Response{.status = 503, .body = R"({"error":)" + base::quote_json(state.error().to_string()) + "}"};
  });
  // It asks llama-server, and /drain waits for it: neither may keep a probe waiting.
  server.route(
      "GET", "/metrics",
      [&agent](const net::Request&) {
        return net::Response{.status = 200, .content_type = "text/plain; version=0.0.4", .body = agent.metrics()};
      },
      net::Pace::slow);
  server.route(
      "GET", "/drain",
      [&agent](const net::Request&) {
        return agent.drain() ? net::plain(200, "drained") : net::plain(200, "drain timeout: requests may be cut");
      },
      net::Pace::slow);
}

}  // namespace agent
