#include "common/net/http_engine.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include "common/base/log.hpp"
#include "common/base/wire_text.hpp"

namespace net {
namespace {

void append_field(std::string& out, std::string_view name, std::string_view value) {
  if (!base::is_one_line(name) || !base::is_one_line(value)) return;
  out.append(name).append(": ").append(value).append("\r\n");
}

enum class Body { sent, left_out };

std::string to_bytes(const Response& response, Body body, bool close) {
  std::string out;
  out.reserve(256 + response.body.size());
  out.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ").append(phrase(response.status));
  out.append("\r\n");
  append_field(out, "Content-Type", response.content_type);
  append_field(out, "Content-Length", std::to_string(response.body.size()));
  for (const auto& [name, value] : response.headers) append_field(out, name, value);
  if (close) append_field(out, "Connection", "close");
  out.append("\r\n");
  if (body == Body::sent) out.append(response.body);
  return out;
}

Response handle(const Route& route, const Request& request) {
  std::string what = "unknown exception";
  try {
    return route.handler(request);
  } catch (const std::exception& exception) {
    what = exception.what();
  } catch (...) {
  }
  base::log::error("handler-failed", {{"path", request.path}, {"error", what}});
  return plain(500, "internal error");
}

}  // namespace

void HttpEngine::add(Route route) { routes_.push_back(std::move(route)); }

Response HttpEngine::dispatch(const Request& request) const {
  const auto method = request.head.method == "HEAD" ? "GET" : request.head.method;
  std::string methods;
  for (const auto& route : routes_) {
    if (route.path != request.path) continue;
    if (route.method == method) return handle(route, request);
    methods.append(methods.empty() ? "" : ", ").append(route.method);
  }
  if (methods.empty()) return plain(404, "not found");
  auto response = plain(405, "method not allowed");
  response.headers.emplace_back("Allow", methods);
  return response;
}

HttpEngine::Answer HttpEngine::respond(RequestHead head, std::string_view body, const std::string& remote_addr,
                                       const std::atomic<bool>& draining) const {
  auto path = base::decode_percent(head.path());
  const Request request{std::move(head), std::move(path), body, remote_addr};
  const auto response = dispatch(request);
  // A client of HTTP/1.0 that wants to go on would have to be told that it may.
  const bool close = !request.head.keep_alive || request.head.minor == 0 || draining;
  return {to_bytes(response, request.head.method == "HEAD" ? Body::left_out : Body::sent, close), close};
}

bool HttpEngine::is_slow(std::string_view path) const {
  return std::ranges::any_of(routes_, [&](const Route& route) {
    // An escaped path may be any path.
    return route.pace == Pace::slow && (route.path == path || path.contains('%'));
  });
}

bool HttpEngine::has_slow_routes() const {
  return std::ranges::any_of(routes_, [](const Route& route) { return route.pace == Pace::slow; });
}

std::string to_bytes(const Refusal& refusal) {
  return to_bytes(plain(refusal.status, refusal.reason), Body::sent, true);
}

}  // namespace net
