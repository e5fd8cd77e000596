#pragma once
#include "common/net/server.hpp"

namespace webhook {

/// `PUT /loglevel` with a level as its body, taken from loopback alone: `kubectl port-forward` reaches it, the network
/// does not.
void add_log_level_route(net::Server& server);

}  // namespace webhook
