#include "common/net/listener.hpp"

#include "common/net/server.hpp"
#include "test/catch.hpp"
#include "test/support/raw_client.hpp"

namespace {

TEST_CASE("listen addresses") {
  const auto parsed = [](const char* text) {
    return net::parse_listen_address(text).value_or(net::ListenAddress{"!", 1});
  };
  CHECK(parsed("[::]:8443") == net::ListenAddress{"::", 8443});
  CHECK(parsed(":8081") == net::ListenAddress{"", 8081});
  CHECK(parsed("127.0.0.1:0") == net::ListenAddress{"127.0.0.1", 0});
  CHECK(parsed("[::1]:1") == net::ListenAddress{"::1", 1});
  CHECK(parsed("localhost:80") == net::ListenAddress{"localhost", 80});
}

TEST_CASE("what is no listen address is named") {
  for (const auto* text : {"", "8443", "::1:80", "[::1:80", ":", ":65536", ":-1", ":80x"}) {
    const auto parsed = net::parse_listen_address(text);
    INFO(text);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().where == text);
    CHECK_THAT(parsed.error().fix, ContainsSubstring("[::]:8443"));
  }
  CHECK_FALSE(net::Listener::open("example.org:80").has_value());
}

TEST_CASE("every address includes IPv4, and its peers come as IPv4") {
  net::Server server({.listen = ":0"});
  server.route("GET", "/who", [](const net::Request& request) { return net::plain(200, request.remote_addr); });
  const auto started = server.start();
  REQUIRE(started.has_value());
  test::RawClient client(server.port());
  CHECK(client.exchange(test::get("/who")).body == "127.0.0.1\n");
}

}  // namespace
