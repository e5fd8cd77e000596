#include "reconciler/pod/agent/routes.hpp"

#include "common/base/json.hpp"
#include "common/net/health.hpp"
#include "reconciler/pod/agent/agent.hpp"

namespace agent {

void add_routes(net::Server& server, Agent& agent) {
  const auto check_ready = [&agent]() -> base::Result<> {
    std::string why;
    if (agent.ready(why)) return {};
    return base::fail(why, "");
  };
  // A scrape asks llama-server, and /drain waits for it: neither may keep a probe waiting.
  net::add_health_routes(
      server, {.ready = check_ready, .metrics = [&agent] { return agent.metrics(); }, .metrics_pace = net::Pace::slow});
  server.route("GET", "/state", [&agent](const net::Request&) {
    auto state = agent.state();
    if (state) return net::Response{.status = 200, .body = std::move(*state)};
    return net::Response{.status = 503, .body = R"({"error":)" + base::quote_json(state.error().to_string()) + "}"};
  });
  server.route(
      "GET", "/drain",
      [&agent](const net::Request&) {
        return agent.drain() ? net::plain(200, "drained") : net::plain(200, "drain timeout: requests may be cut");
      },
      net::Pace::slow);
}

}  // namespace agent
