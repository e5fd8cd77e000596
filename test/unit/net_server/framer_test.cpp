#include "common/net/framer.hpp"

#include <string>

#include "test/catch.hpp"

namespace {

constexpr net::FrameLimits kLimits{.head_bytes = 200, .body_bytes = 50};

TEST_CASE("a frame ends where its body ends") {
  const std::string request = "POST /a/b?c=d HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n";
  const auto incomplete = net::frame_request(request + "xy", kLimits).value();
  CHECK_FALSE(incomplete.is_complete(request + "xy"));
  CHECK(incomplete.total() == request.size() + 3);
  const std::string whole = request + "xyzGET";
  const auto complete = net::frame_request(whole, kLimits).value();
  CHECK(complete.is_complete(whole));
  CHECK(complete.head_bytes == request.size());
  CHECK(complete.body_bytes == 3);
  CHECK(complete.head.path() == "/a/b");
}

TEST_CASE("every cut of a head needs more") {
  const std::string request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  for (std::size_t size = 0; size < request.size(); ++size) {
    CHECK(net::frame_request(request.substr(0, size), kLimits).value().head_bytes == 0);
  }
  CHECK(net::frame_request(request, kLimits).value().is_complete(request));
}

TEST_CASE("what is too large, or has no stated length, is refused") {
  const auto status = [](const std::string& head) {
    return net::frame_request(head + "\r\n\r\n", kLimits).error().status;
  };
  CHECK(status("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 51") == 413);
  CHECK(status("PUT / HTTP/1.1\r\nHost: h") == 411);
  CHECK(status("GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked") == 411);
  CHECK(status("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: x") == 400);
  CHECK(net::frame_request(std::string(200, 'a'), kLimits).error().status == 431);
}

}  // namespace
