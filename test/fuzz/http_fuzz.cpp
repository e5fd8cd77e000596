// Any bytes as what a client sends, cut anywhere: framed the same way however they come, and answered in HTTP.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/log.hpp"
#include "common/net/framer.hpp"
#include "common/net/http_engine.hpp"
#include "test/fuzz/require.hpp"

namespace {

constexpr net::FrameLimits kLimits{.head_bytes = 4096, .body_bytes = 1024};

net::HttpEngine& engine() {
  static net::HttpEngine* const kEngine = [] {
    base::log::set_level(base::log::Level::error);
    auto* made = new net::HttpEngine;
    made->add({"POST", "/echo", [](const net::Request& request) {
                 net::Response response;
                 response.headers.emplace_back("X-Path", request.path);
                 response.headers.emplace_back("X-Type", std::string(request.head.value("content-type")));
                 response.body = std::string(request.body);
                 return response;
               }});
    made->add({"GET", "/", [](const net::Request& request) {
                 return net::plain(200, net::query_parameter(request.head.query(), "q").value_or(""));
               }});
    return made;
  }();
  return *kEngine;
}

/// One answer, as a client would read it: a status line, headers without a stray line break, and the body's length.
void check_answer(std::string_view answer) {
  require(answer.starts_with("HTTP/1.1 "));
  const auto end = answer.find("\r\n\r\n");
  require(end != std::string_view::npos);
  const auto head = answer.substr(0, end + 2);
  for (std::size_t i = 0; i < head.size(); ++i) require(head[i] != '\n' || (i > 0 && head[i - 1] == '\r'));
}

/// What a connection does with a stream: the states at the end of each request, for comparison.
std::vector<std::size_t> serve(std::string_view stream, std::size_t chunk) {
  static const std::atomic<bool> kDraining{false};
  std::vector<std::size_t> ends;
  std::string buffer;
  std::size_t consumed = 0;
  while (!stream.empty()) {
    const auto part = stream.substr(0, chunk);
    stream.remove_prefix(part.size());
    buffer += part;
    auto frame = net::frame_request(buffer, kLimits);
    for (; frame && frame->is_complete(buffer); frame = net::frame_request(buffer, kLimits)) {
      const auto body = std::string_view(buffer).substr(frame->head_bytes, frame->body_bytes);
      const auto answer = engine().respond(frame->head, body, "192.0.2.1", kDraining);
      check_answer(answer.bytes);
      consumed += frame->total();
      ends.push_back(consumed);
      if (answer.close) return ends;
      buffer.erase(0, frame->total());
    }
    if (!frame) {
      require(frame.error().status >= 400 && !frame.error().reason.empty());
      check_answer(net::to_bytes(frame.error()));
      return ends;
    }
    require(buffer.size() <= kLimits.head_bytes + kLimits.body_bytes + chunk);
  }
  return ends;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view stream(reinterpret_cast<const char*>(data), size);
  const auto whole = serve(stream, std::max<std::size_t>(1, size));
  require(serve(stream, 1 + size / 3) == whole);
  if (size < 400) require(serve(stream, 1) == whole);
  return 0;
}
