#pragma once
#include <string_view>

#include "common/net/http.hpp"

namespace net {

/// What one whole head asks for, or why it cannot be answered.
struct RequestHead {
  /// Without `body` and `remote_addr`, which are not in a head.
  Request request{};
  /// No other request follows: the client said so, or speaks HTTP/1.0.
  bool is_last = false;
  /// Not 0: the status to answer before the connection closes, and why.
  int status = 0;
  std::string_view reason{};
};

/// Reads a head that `frame_request` has found whole: every line ends in CRLF, every field has a name. Pure.
[[nodiscard]] RequestHead read_head(std::string_view head);

}  // namespace net
