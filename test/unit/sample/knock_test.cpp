#include "reconciler/sample/knock.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/catch.hpp"
#include "test/unit/net_client/raw_server.hpp"

using reconciler::Knock;
using reconciler::knock_at;

namespace {

/// A port of the loopback interface; somebody listens on it as long as it is asked to.
class Port {
 public:
  Port() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* raw = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    REQUIRE(::bind(fd_, raw, size) == 0);
    REQUIRE(::getsockname(fd_, raw, &size) == 0);
    number = ntohs(address.sin_port);
  }
  ~Port() { ::close(fd_); }
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;
  void listen() const { REQUIRE(::listen(fd_, 5) == 0); }

  int number = 0;

 private:
  int fd_;
};

/// As `knock_at`, which waits for a moment only: done again where a busy machine answers too late for that.
Knock answer_to_knock(int port) {
  auto answer = knock_at("127.0.0.1", port);
  for (int i = 0; i < 10 && answer == Knock::unknown; ++i) answer = knock_at("127.0.0.1", port);
  return answer;
}

}  // namespace

TEST_CASE("a server that answers is open, but not one that says it cannot serve") {
  const auto knock = [](const std::string& answer) {
    const RawServer server([&](int fd) {
      if (RawServer::read_head(fd)) RawServer::send_text(fd, answer);
    });
    return answer_to_knock(server.port());
  };
  CHECK(knock("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") == Knock::open);
  CHECK(knock("HTTP/1.1 404 Not Found\r\n\r\n") == Knock::open);
  CHECK(knock("HTTP/1.1 503 Service Unavailable\r\n\r\n") == Knock::refused);
  CHECK(knock("") == Knock::refused);
  CHECK(knock("HTTP/1.1 ") == Knock::refused);
}

TEST_CASE("nobody listens: refused. Nobody answers: nothing is known") {
  const Port port;
  CHECK(answer_to_knock(port.number) == Knock::refused);
  port.listen();
  CHECK(knock_at("127.0.0.1", port.number) == Knock::unknown);
}

TEST_CASE("of what is no address nothing is known") {
  CHECK(knock_at("", 80) == Knock::unknown);
  CHECK(knock_at("multi.edge.svc", 80) == Knock::unknown);
  CHECK(knock_at("10.0.0.300", 80) == Knock::unknown);
}
