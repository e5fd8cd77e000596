#pragma once
#include <cstdint>
#include <string>

#include "common/base/clock.hpp"
#include "common/base/error.hpp"
#include "common/net/tls_context.hpp"

namespace webhook {

/// Whether admission works from outside: the TLS port is open, shakes hands, and serves the certificate that is on file
/// and valid at `now`. Files that are no good pair do not count against it while the last good one is served: taking
/// every replica out of the Service would turn a bad Secret into an outage. The error says what is wrong.
[[nodiscard]] base::Result<> check_ready(const net::TlsContext& context, const std::string& host, std::uint16_t port,
                                         base::WallTime now);

/// Where a server that listens on `listen` is reached from this machine: the wildcard is loopback.
[[nodiscard]] std::string probe_host(const std::string& listen);

}  // namespace webhook
