#pragma once
#include <cstddef>
#include <string_view>

namespace net {

/// How large one request may be.
struct FrameLimits {
  std::size_t head_bytes = std::size_t{32} << 10U;
  std::size_t body_bytes = std::size_t{4} << 20U;
};

/// Where the first request in a buffer ends, found before anything interprets it.
struct Frame {
  enum class State { need_head, need_body, complete, refused };
  State state = State::need_head;
  /// With need_body and complete: the head with its blank line, and the body that Content-Length announces.
  std::size_t head_bytes = 0;
  std::size_t body_bytes = 0;
  /// The path without its query, as written.
  std::string_view path{};
  /// The client waits for "100 Continue" before it sends the body.
  bool expects_continue = false;
  /// With refused: the status to answer before the connection closes, and why.
  int status = 0;
  std::string_view reason{};

  [[nodiscard]] std::size_t total() const { return head_bytes + body_bytes; }
};

/// Judges the start of `buffer`. Stricter than RFC 9112 allows a server to be: a request whose end two parsers could
/// see in different places is refused (bare line feeds, folded lines, two lengths, any Transfer-Encoding, ranges).
/// Bodies need a Content-Length; the API server and kubelet always send one. Pure.
[[nodiscard]] Frame frame_request(std::string_view buffer, const FrameLimits& limits);

}  // namespace net
