#include "common/net/connection_table.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "test/catch.hpp"

namespace {

/// A table with one connection, in the test's hands, and the peer's end of it.
struct Fixture {
  Fixture() {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    peer = ends[1];
    auto connection = std::make_unique<net::Connection>();
    connection->transport = net::make_plain_transport(ends[0]);
    table.add(std::move(connection));
    held = table.claim(net::ConnectionTable::kFirstId);
    REQUIRE(held != nullptr);
  }
  ~Fixture() {
    ::close(peer);
    ::close(epoll);
  }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;
  [[nodiscard]] int events() const {
    epoll_event event{};
    return ::epoll_wait(epoll, &event, 1, 50);
  }

  int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  int peer = -1;
  net::ConnectionTable table{epoll};
  net::Connection* held = nullptr;
};

TEST_CASE("who waits for nothing hears no hang-up, until it is woken") {
  Fixture f;
  REQUIRE(f.table.park(*f.held, net::Interest::nothing));
  ::shutdown(f.peer, SHUT_RDWR);
  CHECK(f.events() == 0);
  f.table.wake(f.held->id);
  CHECK(f.events() == 1);
}

TEST_CASE("who waits for nothing may then wait for its socket again") {
  Fixture f;
  for (int turns = 0; turns < 2; ++turns) {
    REQUIRE(f.table.park(*f.held, net::Interest::nothing));
    CHECK(f.events() == 0);
    REQUIRE(f.table.claim(f.held->id) == f.held);
    REQUIRE(f.table.park(*f.held, net::Interest::readable));
    CHECK(f.events() == 0);
    REQUIRE(::write(f.peer, "x", 1) == 1);
    CHECK(f.events() == 1);
    REQUIRE(f.table.claim(f.held->id) == f.held);
    std::array<char, 8> bytes{};
    CHECK(f.held->transport->read(bytes.data(), bytes.size()).bytes == 1);
  }
}

}  // namespace
