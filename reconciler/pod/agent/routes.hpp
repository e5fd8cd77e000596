#pragma once

namespace net {
class Server;
}

namespace agent {

class Agent;

/// `/healthz /readyz /state /metrics /drain` of the agent's own port. The agent must outlive the server.
void add_routes(net::Server& server, Agent& agent);

}  // namespace agent
