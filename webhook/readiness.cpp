#include "webhook/readiness.hpp"

#include "common/net/listener.hpp"
#include "common/net/tls_probe.hpp"

namespace webhook {

using namespace std::chrono_literals;

base::Result<> check_ready(const net::TlsContext& context, const std::string& host, std::uint16_t port,
                           base::WallTime now) {
  const auto expected = context.served();
  if (!expected) return base::fail("no certificate yet", "tls", "see the log for what is wrong with its files");
  if (expected->validity.not_after <= now) {
    return base::fail("the certificate expired at " + base::format_rfc3339(expected->validity.not_after), "tls",
                      "put a new pair into its Secret");
  }
  const auto served = net::probe_certificate(host, port, 3s);
  if (!served) return std::unexpected(served.error());
  // Between the two looks a rotation may have come; then the newer one is served.
  const auto latest = context.served();
  if (*served != expected->sha256 && *served != latest->sha256) {
    return base::fail("another certificate is served than the one on file", host + ":" + std::to_string(port));
  }
  return {};
}

std::string probe_host(const std::string& listen) {
  const auto address = net::parse_listen_address(listen);
  if (!address) return "127.0.0.1";
  // A dual-stack socket takes IPv4, and where there is no IPv6 it is an IPv4 one.
  const bool loopback =
      address->host.empty() || address->host == "::" || address->host == "0.0.0.0" || address->host == "localhost";
  return loopback ? "127.0.0.1" : address->host;
}

}  // namespace webhook
