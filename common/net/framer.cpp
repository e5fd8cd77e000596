#include "common/net/framer.hpp"

#include <utility>

namespace net {
namespace {

std::unexpected<Refusal> refuse(int status, std::string_view reason) {
  return std::unexpected(Refusal{.status = status, .reason = reason});
}

bool wants_body(std::string_view method) { return method == "POST" || method == "PUT" || method == "PATCH"; }

}  // namespace

std::expected<Frame, Refusal> frame_request(std::string_view buffer, const FrameLimits& limits) {
  const auto size = head_size(buffer.substr(0, limits.head_bytes));
  if (!size && buffer.size() >= limits.head_bytes) return refuse(431, "request line and headers are too large");
  if (!size) return Frame{};
  auto head = read_request_head(buffer.substr(0, *size));
  if (!head) return std::unexpected(head.error());
  if (head->chunked) return refuse(411, "chunked bodies are not taken: send Content-Length");
  if (!head->length && wants_body(head->method)) return refuse(411, "send Content-Length");
  const auto length = head->length.value_or(0);
  if (length > limits.body_bytes) return refuse(413, "body is too large");
  return Frame{.head = std::move(*head), .head_bytes = *size, .body_bytes = static_cast<std::size_t>(length)};
}

}  // namespace net
