#include "common/net/request_head.hpp"

#include <string>

#include "test/catch.hpp"

namespace {

TEST_CASE("a head is read into its parts, fields in the order they came") {
  const auto head =
      net::read_head("POST /a%20b/%zz?x=1&y=a+b%2B&z&=q#part HTTP/1.1\r\nHost: h\r\nX-One:  1 \r\nx-one: 2\r\n\r\n");
  CHECK(head.status == 0);
  CHECK_FALSE(head.is_last);
  CHECK(head.request.method == "POST");
  CHECK(head.request.path == "/a b/%zz");
  CHECK(head.request.query == net::Fields{{"x", "1"}, {"y", "a b+"}, {"z", ""}});
  CHECK(head.request.headers == net::Fields{{"Host", "h"}, {"X-One", "1"}, {"x-one", "2"}});
}

TEST_CASE("an escape that ends early or is no number stays as it is written") {
  const auto path = [](const std::string& target) {
    return net::read_head("GET " + target + " HTTP/1.1\r\n\r\n").request.path;
  };
  CHECK(path("/%") == "/%");
  CHECK(path("/%4") == "/%4");
  CHECK(path("/%41") == "/A");
  CHECK(path("/%4g") == "/%4g");
  CHECK(path("/%-1") == "/%-1");
  CHECK(path("/%2541") == "/%41");
}

TEST_CASE("who says close, or speaks HTTP/1.0, sends no other request") {
  const auto is_last = [](const std::string& rest) {
    return net::read_head("GET / HTTP/1." + rest + "\r\n\r\n").is_last;
  };
  CHECK_FALSE(is_last("1"));
  CHECK_FALSE(is_last("1\r\nConnection: keep-alive"));
  CHECK_FALSE(is_last("1\r\nX-Connection: close"));
  CHECK(is_last("1\r\nconnection: Close"));
  CHECK(is_last("1\r\nConnection: te, close"));
  CHECK(is_last("0"));
}

TEST_CASE("what is no request of HTTP/1.1 is refused") {
  const auto status = [](const std::string& line) { return net::read_head(line + "\r\n\r\n").status; };
  CHECK(status("GET / HTTP/1.1") == 0);
  CHECK(status("GET  HTTP/1.1") == 400);
  CHECK(status("GET /") == 400);
  CHECK(status("GET / HTTP/1.1 ") == 400);
  CHECK(status("GET / a HTTP/1.1") == 400);
  CHECK(status("GET / HTTP/1.2") == 400);
  CHECK(status("get / HTTP/1.1") == 400);
  CHECK(status("BREW / HTTP/1.1") == 400);
  CHECK(status("PRI * HTTP/2.0") == 400);
  CHECK(status("GET /" + std::string(8191, 'a') + " HTTP/1.1") == 0);
  CHECK(status("GET /" + std::string(8192, 'a') + " HTTP/1.1") == 414);
}

}  // namespace
