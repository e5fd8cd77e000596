#pragma once
#include <cstddef>
#include <expected>
#include <string_view>

#include "common/net/head.hpp"

namespace net {

/// How large one request may be.
struct FrameLimits {
  std::size_t head_bytes = std::size_t{32} << 10U;
  std::size_t body_bytes = std::size_t{4} << 20U;
};

/// The first request in a buffer, and where it ends.
struct Frame {
  RequestHead head{};
  /// With its blank line; 0 while that has not come.
  std::size_t head_bytes = 0;
  /// What Content-Length announces.
  std::size_t body_bytes = 0;

  [[nodiscard]] std::size_t total() const { return head_bytes + body_bytes; }
  [[nodiscard]] bool is_complete(std::string_view buffer) const { return head_bytes != 0 && buffer.size() >= total(); }
};

/// Judges the start of `buffer`. Bodies need a Content-Length; the API server and kubelet always send one. Pure.
[[nodiscard]] std::expected<Frame, Refusal> frame_request(std::string_view buffer, const FrameLimits& limits);

}  // namespace net
