#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace net {

/// Header fields or query parameters in the order they came; names may repeat.
using Fields = std::vector<std::pair<std::string, std::string>>;

/// One HTTP request as a handler sees it. `body` points into the connection's buffer and lives as long as the call.
struct Request {
  std::string method;
  /// Percent-decoded, without the query.
  std::string path;
  Fields query{};
  Fields headers{};
  std::string_view body{};
  /// The peer's IP address, from the socket and never from a header; IPv4 peers of a dual-stack socket as IPv4.
  std::string remote_addr{};

  /// The first header of that name, whatever its case; empty when absent.
  [[nodiscard]] std::string_view header(std::string_view name) const;
  /// The first query parameter of that name; empty when absent.
  [[nodiscard]] std::string_view parameter(std::string_view name) const;
};

/// What a handler answers; Content-Length is added.
struct Response {
  int status = 200;
  std::string content_type = "application/json";
  /// Further header fields. A value with a line break is left out: it would inject a header.
  Fields headers{};
  std::string body{};
};

/// The words for a status; empty for one that nothing here answers. Clients go by the number, and RFC 9112 lets the
/// words be absent.
[[nodiscard]] std::string_view phrase(int status);

/// `text/plain` with `text` and a line end.
[[nodiscard]] Response plain(int status, std::string_view text);

}  // namespace net
