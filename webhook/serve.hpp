#pragma once
#include <chrono>
#include <string>

#include "common/base/signals.hpp"
#include "common/rules/validate.hpp"

namespace webhook {

/// Flags of `webhook serve`.
struct ServeOptions {
  std::string listen = "[::]:8443";
  std::string health_listen = "[::]:8081";
  std::string certificate_file = "/tls/tls.crt";
  std::string key_file = "/tls/tls.key";
  std::string log_level = "info";
  rules::Site site{};
  /// After SIGTERM: unready, but still serving, until endpoints and proxies have heard of it.
  std::chrono::seconds drain_time{5};
};

/// Serves until SIGTERM or SIGINT; the exit code of the program.
[[nodiscard]] int serve(const ServeOptions& options, const base::Signals& signals);

}  // namespace webhook
