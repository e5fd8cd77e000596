#pragma once
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The heads of HTTP/1.1 messages (RFC 9112), for all who read them here: the server, the gate, the sampler. Stricter
/// than the RFC asks for: what two parsers could read differently is refused. All functions are pure, and none trusts
/// its input; what they give points into it.
namespace net {

/// One header line; names may repeat.
struct HeaderLine {
  std::string_view name;
  /// Without the blanks around it.
  std::string_view value;
};

/// What requests and answers have in common.
struct Head {
  /// 0 or 1 of HTTP/1.x.
  int minor = 1;
  /// In the order they came.
  std::vector<HeaderLine> lines{};
  /// Content-Length; nothing where there is none.
  std::optional<std::uint64_t> length{};
  /// Transfer-Encoding: chunked.
  bool chunked = false;
  /// What version and `Connection` say.
  bool keep_alive = true;

  /// Of the first line of that name, whatever its case; empty when absent.
  [[nodiscard]] std::string_view value(std::string_view name) const;
  /// The words of a list that lines of that name give together, in their order.
  [[nodiscard]] std::vector<std::string_view> list(std::string_view name) const;
};

struct RequestHead : Head {
  std::string_view method{};
  /// Begins with `/`.
  std::string_view target{};
  /// The client waits for "100 Continue" before it sends the body.
  bool expects_continue = false;

  /// The target before and behind its first `?`, as written.
  [[nodiscard]] std::string_view path() const { return target.substr(0, target.find('?')); }
  [[nodiscard]] std::string_view query() const;
};

struct ResponseHead : Head {
  int status = 0;
  /// The first line, as it came.
  std::string_view status_line{};
};

/// Why a request is not taken, and the status to answer before the connection closes.
struct Refusal {
  int status = 400;
  std::string_view reason{};
};

/// The size of the head at the start of `bytes` with its blank line; nothing while that has not come. `searched` bytes
/// were looked at before.
[[nodiscard]] std::optional<std::size_t> head_size(std::string_view bytes, std::size_t searched = 0);

/// Reads a head as `head_size` cuts it. Refused are bare line feeds, folded lines, blanks before a colon, control
/// characters; two lengths, a length beside chunks, other transfer codings, chunks in HTTP/1.0; two hosts, none in
/// HTTP/1.1, or one that is no name of a host (RFC 9112, 3.2); a target with a blank, a fragment, or a `%` that begins
/// no escape of two digits: cpp-httplib drops the one and reads `%u0041` as a letter, so what the gate closes could be
/// asked for in other words.
[[nodiscard]] std::expected<RequestHead, Refusal> read_request_head(std::string_view head);
[[nodiscard]] std::expected<ResponseHead, Refusal> read_response_head(std::string_view head);

/// The first value of a query parameter, percent-decoded; nothing when absent.
[[nodiscard]] std::optional<std::string> query_parameter(std::string_view query, std::string_view name);

}  // namespace net
