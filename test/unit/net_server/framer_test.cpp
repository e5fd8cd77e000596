#include "common/net/framer.hpp"

#include <string>

#include "test/catch.hpp"

namespace {

using net::Frame;

constexpr net::FrameLimits kLimits{.head_bytes = 200, .body_bytes = 50};

TEST_CASE("a frame ends where its body ends") {
  const std::string request = "POST /a/b?c=d HTTP/1.1\r\nContent-Length: 3\r\n\r\n";
  const auto incomplete = net::frame_request(request + "xy", kLimits);
  CHECK(incomplete.state == Frame::State::need_body);
  CHECK(incomplete.total() == request.size() + 3);
  const std::string whole = request + "xyzGET";
  const auto complete = net::frame_request(whole, kLimits);
  CHECK(complete.state == Frame::State::complete);
  CHECK(complete.head_bytes == request.size());
  CHECK(complete.body_bytes == 3);
  CHECK(complete.path == "/a/b");
}

TEST_CASE("every cut of a head needs more") {
  const std::string request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  for (std::size_t size = 0; size < request.size(); ++size) {
    CHECK(net::frame_request(request.substr(0, size), kLimits).state == Frame::State::need_head);
  }
  CHECK(net::frame_request(request, kLimits).state == Frame::State::complete);
}

TEST_CASE("what two parsers could read differently is refused") {
  const auto status = [](const std::string& head) { return net::frame_request(head + "\r\n\r\n", kLimits).status; };
  CHECK(status("GET / HTTP/1.1\r\nA: b\nContent-Length: 5") == 400);
  CHECK(status("GET / HTTP/1.1\r\nA: b\rContent-Length: 5") == 400);
  CHECK(status("GET / HTTP/1.1\r\nA: b\r\n folded") == 400);
  CHECK(status("GET / HTTP/1.1\r\nContent-Length : 5") == 400);
  CHECK(status("GET / HTTP/1.1\r\nContent-Length: 5\r\ncontent-length: 5") == 400);
  CHECK(status("GET / HTTP/1.1\r\nContent-Length: +5") == 400);
  CHECK(status("GET / HTTP/1.1\r\nContent-Length: 0x5") == 400);
  CHECK(status("GET / HTTP/1.1\r\nContent-Length: ") == 400);
  CHECK(status("GET / HTTP/1.1\r\nTransfer-Encoding: identity") == 411);
  CHECK(status("GET / HTTP/1.1\r\nno colon") == 400);
  CHECK(status("GET") == 400);
  CHECK(status(std::string("GET / HTTP/1.1\r\nA: \0", 20)) == 400);
  CHECK(status("PUT / HTTP/1.1\r\nExpect: magic\r\nContent-Length: 1") == 417);
  CHECK(status("PUT / HTTP/1.1\r\nContent-Length: 51") == 413);
  CHECK(net::frame_request(std::string(200, 'a'), kLimits).status == 431);
}

TEST_CASE("100-continue is noticed") {
  const auto frame = net::frame_request("PUT / HTTP/1.1\r\nexpect: 100-Continue\r\nContent-Length: 1\r\n\r\n", kLimits);
  CHECK(frame.state == Frame::State::need_body);
  CHECK(frame.expects_continue);
}

}  // namespace
