#include "reconciler/pod/agent/gate/gate_rules.hpp"

#include <array>

#include "common/base/text.hpp"
#include "common/net/head.hpp"

namespace agent {
namespace {

constexpr std::string_view kNotForClients =
    "models are loaded and unloaded by the requests for them; this endpoint is closed to clients";
constexpr std::string_view kSlots = "/slots wakes sleeping models and shows other clients' prompts; it is closed";
constexpr std::string_view kSettings = "it changes the server for everyone; this endpoint is closed to clients";

/// A row closes a path and all below it. Empty method: every one.
struct Closed {
  std::string_view method;
  std::string_view path;
  std::string_view reason;
};
constexpr std::array kClosed{
    Closed{"", "/slots", kSlots},
    Closed{"", "/lora-adapters", kSettings},
    Closed{"", "/models/load", kNotForClients},
    Closed{"", "/models/unload", kNotForClients},
    Closed{"POST", "/props", kSettings},
    Closed{"POST", "/models", kNotForClients},
    Closed{"PUT", "/models", kNotForClients},
    Closed{"PATCH", "/models", kNotForClients},
    Closed{"DELETE", "/models", kNotForClients},
    Closed{"", "/cors-proxy", kSettings},
};

/// llama-server has some endpoints at `/v1/...` too.
std::string_view without_version(std::string_view path) { return path.starts_with("/v1/") ? path.substr(3) : path; }

}  // namespace

GateRule judge(std::string_view method, std::string_view path, std::string_view query) {
  using enum GateRule::Kind;
  using net::query_parameter;
  const auto plain = without_version(path);
  for (const auto& row : kClosed) {
    if ((row.method.empty() || row.method == method) && base::is_below(plain, row.path)) return {forbid, row.reason};
  }
  if (method == "OPTIONS") return {pass, {}};
  if (method == "POST" || method == "PUT" || method == "PATCH") return {by_body, {}};
  if (plain == "/health") return {health, {}};
  if (plain == "/metrics") return {metrics, {}};
  if (plain == "/models" && query_parameter(query, "reload")) return {forbid, kNotForClients};
  const auto model = query_parameter(query, "model");
  const auto autoload = query_parameter(query, "autoload");
  const bool loads = model && (!autoload || (*autoload != "false" && *autoload != "0"));
  return {loads ? by_query : pass, {}};
}

}  // namespace agent
