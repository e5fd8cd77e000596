#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The heads of HTTP/1.1 messages that pass through the gate: enough is read to see where a message ends, the rest
/// stays the bytes that it was. All functions are pure, and none trusts its input.
namespace agent {

/// One header line; both views point into the text that was parsed.
struct HeaderLine {
  std::string_view name;
  std::string_view value;
};

/// Where a body ends.
struct BodyFraming {
  bool chunked = false;
  /// Nothing: there was no Content-Length.
  std::optional<std::uint64_t> length;
};

struct RequestHead {
  std::string_view method;
  std::string_view target;
  /// 0 or 1 of HTTP/1.x.
  int minor = 1;
  std::vector<HeaderLine> headers;
  BodyFraming framing;
  bool keep_alive = true;
  bool expects_continue = false;
  std::string_view content_type;
};

struct ResponseHead {
  int status = 0;
  std::vector<HeaderLine> headers;
  BodyFraming framing;
  std::string_view content_type;
  /// The first line, as it came.
  std::string_view status_line;
};

/// The size of the head at the start of `bytes` with its blank line; nothing while that has not come.
[[nodiscard]] std::optional<std::size_t> head_size(std::string_view bytes);

/// Reads a head (as `head_size` cuts it). Refused, because two parsers could see two different ends: bare line feeds,
/// folded lines, blanks before a colon, two lengths, a length beside chunked, another transfer coding than chunked,
/// control characters.
[[nodiscard]] std::optional<RequestHead> parse_request_head(std::string_view head);
[[nodiscard]] std::optional<ResponseHead> parse_response_head(std::string_view head);

/// The request as it goes to llama-server: the same, but for the headers of the hop. `body_size` replaces a chunked
/// framing. The connection is for this request only: an idle one would hold one of llama-server's threads.
[[nodiscard]] std::string forward_request_head(const RequestHead& head, std::size_t body_size);
/// The answer as it goes to the client.
[[nodiscard]] std::string forward_response_head(const ResponseHead& head, bool close, int client_minor);

/// llama-server's answer to a request whose load failed ("model name=a failed to load", build 11669), head and body,
/// with the cause that it leaves out. Nothing when it says something else, or no cause is known.
[[nodiscard]] std::optional<std::string> explain_failed_load(const ResponseHead& head, std::string_view body,
                                                             std::string_view cause);

/// Is it llama-server itself that answers, because it could not reach the model's process? Then the whole body is plain
/// text ("proxy error: Failed to read connection", build 11669), while models' own errors are JSON. It says so with
/// 500, or in a stream whose head the process had sent. Nothing while too little of `body`, as it came, is here to
/// tell.
[[nodiscard]] std::optional<bool> tells_lost_process(const ResponseHead& head, std::string_view body);

/// `a/b?c` split at the first `?`.
struct Target {
  std::string_view path;
  std::string_view query;
};
[[nodiscard]] Target split_target(std::string_view target);
/// The first value of a query parameter, percent-decoded; nothing when absent.
[[nodiscard]] std::optional<std::string> query_parameter(std::string_view query, std::string_view name);

}  // namespace agent
