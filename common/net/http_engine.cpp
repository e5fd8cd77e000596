#include "common/net/http_engine.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include "common/base/log.hpp"
#include "common/net/request_head.hpp"

namespace net {
namespace {

bool has_line_break(std::string_view text) { return text.find_first_of(std::string_view("\r\n\0", 3)) != text.npos; }

void append_field(std::string& out, std::string_view name, std::string_view value) {
  if (has_line_break(name) || has_line_break(value)) return;
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
  const std::string_view method = request.method == "HEAD" ? "GET" : std::string_view(request.method);
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

HttpEngine::Answer HttpEngine::respond(std::string_view head, std::string_view body, const std::string& remote_addr,
                                       const std::atomic<bool>& draining) const {
  auto [request, is_last, status, reason] = read_head(head);
  if (status != 0) return {refusal(status, reason), true};
  request.body = body;
  request.remote_addr = remote_addr;
  const auto response = dispatch(request);
  const bool close = is_last || draining;
  return {to_bytes(response, request.method == "HEAD" ? Body::left_out : Body::sent, close), close};
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

std::string refusal(int status, std::string_view reason) { return to_bytes(plain(status, reason), Body::sent, true); }

}  // namespace net
