#include "reconciler/sample/fetch.hpp"

#include <string>
#include <utility>
#include <vector>

#include "common/net/server.hpp"
#include "test/catch.hpp"
#include "test/unit/net_client/raw_server.hpp"

using reconciler::fetch_from_pods;

namespace {

const std::string kCut = "no answer, or it was cut or took too long";

base::Result<std::string> fetch_once(int port, const std::string& path) {
  base::Result<std::string> answer = base::fail("never answered", path);
  fetch_from_pods({{"127.0.0.1", port, path}},
                  [&](std::size_t, base::Result<std::string> said) { answer = std::move(said); });
  return answer;
}

/// Waits for a moment only: asked again where a busy machine answers too late for that.
base::Result<std::string> fetch(int port, const std::string& path) {
  auto answer = fetch_once(port, path);
  for (int i = 0; i < 10 && !answer && (answer.error().what == kCut || answer.error().what.ends_with("timed out")); ++i)
    answer = fetch_once(port, path);
  return answer;
}

}  // namespace

TEST_CASE("the body of a 200, and the reason of anything else") {
  net::Server server({.listen = "127.0.0.1:0"});
  const std::string large(100'000, 'x');
  server.route("GET", "/state", [&](const net::Request&) { return net::Response{.status = 200, .body = large}; });
  server.route("GET", "/empty", [](const net::Request&) { return net::Response{.status = 200, .body = ""}; });
  server.route("GET", "/not-yet", [](const net::Request&) {
    return net::Response{.status = 503, .body = R"({"error":"llama-server does not answer"})"};
  });
  REQUIRE(server.start());
  const auto body = fetch(server.port(), "/state");
  REQUIRE(body);
  CHECK(*body == large);
  const auto empty = fetch(server.port(), "/empty");
  REQUIRE(empty);
  CHECK(empty->empty());
  CHECK(fetch(server.port(), "/not-yet").error().what == "llama-server does not answer");
  CHECK(fetch(server.port(), "/nothing").error().what == "status 404");
  server.stop();
  CHECK(fetch(server.port(), "/state").error().what == "cannot connect: Connection refused");
}

TEST_CASE("an answer counts only when all of it came, as one body of a stated length") {
  const auto said = [](const std::string& answer) {
    const RawServer server([&](int fd) {
      if (RawServer::read_head(fd)) RawServer::send_text(fd, answer);
    });
    return fetch(server.port(), "/state");
  };
  CHECK(said("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").value() == "{}");
  CHECK(said("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}more").value() == "{}");
  for (const std::string answer :
       {"", "\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}", "HTTP/1.1 200 OK\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n{}", "HTTP/1.1 200 OK\r\n\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.\r\n\r\n", "SSH-2.0-x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length\r\n\r\n"}) {
    INFO(answer);
    const auto body = said(answer);
    REQUIRE_FALSE(body);
    CHECK(body.error().what == kCut);
  }
}

TEST_CASE("who accepts and says nothing is not waited for") {
  const RawServer server([](int fd) { RawServer::wait_for_hang_up(fd); });
  const auto body = fetch_once(server.port(), "/state");
  REQUIRE_FALSE(body);
  CHECK(body.error().what == kCut);
}

TEST_CASE("of many that are asked at once each gets its own answer, and one that hangs holds up none of them") {
  net::Server server({.listen = "127.0.0.1:0"});
  for (int i = 0; i < 40; ++i)
    server.route("GET", "/" + std::to_string(i),
                 [i](const net::Request&) { return net::Response{.status = 200, .body = std::to_string(i)}; });
  REQUIRE(server.start());
  const RawServer silent([](int fd) { RawServer::wait_for_hang_up(fd); });
  std::vector<reconciler::Question> questions{{"127.0.0.1", silent.port(), "/state"}, {"no address", 1, "/state"}};
  for (int i = 0; i < 40; ++i) questions.push_back({"127.0.0.1", server.port(), "/" + std::to_string(i)});
  std::vector<base::Result<std::string>> bodies(questions.size(), base::fail("never answered", ""));
  std::vector<std::size_t> order;
  fetch_from_pods(questions, [&](std::size_t i, base::Result<std::string> said) {
    bodies[i] = std::move(said);
    order.push_back(i);
  });
  REQUIRE(order.size() == questions.size());
  CHECK(order.back() == 0);
  CHECK(bodies[0].error().what == kCut);
  CHECK(bodies[1].error().what == "cannot connect: Invalid argument");
  for (int i = 0; i < 40; ++i) {
    INFO(i);
    REQUIRE(bodies[static_cast<std::size_t>(i) + 2]);
    CHECK(*bodies[static_cast<std::size_t>(i) + 2] == std::to_string(i));
  }
}
