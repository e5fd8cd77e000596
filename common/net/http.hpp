#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/net/head.hpp"

namespace net {

/// One HTTP request as a handler sees it. Head and body point into the connection's buffer, which lives as long as the
/// call.
struct Request {
  RequestHead head{};
  /// Percent-decoded, without the query.
  std::string path{};
  std::string_view body{};
  /// The peer's IP address, from the socket and never from a header; IPv4 peers of a dual-stack socket as IPv4.
  std::string remote_addr{};
};

/// What a handler answers; Content-Length is added.
struct Response {
  int status = 200;
  std::string content_type = "application/json";
  /// Further headers. A value with a line break is left out: it would inject a header.
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string body{};
};

/// The words for a status; empty for one that nothing here answers. Clients go by the number, and RFC 9112 lets the
/// words be absent.
[[nodiscard]] std::string_view phrase(int status);

/// `text/plain` with `text` and a line end.
[[nodiscard]] Response plain(int status, std::string_view text);

}  // namespace net
