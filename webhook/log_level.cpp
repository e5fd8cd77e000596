#include "webhook/log_level.hpp"

#include <string>
#include <string_view>

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

void add_log_level_route(net::Server& server) { server.route("PUT", "/loglevel", set_log_level); }

}  // namespace webhook
