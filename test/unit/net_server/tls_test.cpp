#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "common/base/file.hpp"
#include "common/net/server.hpp"
#include "common/net/tls_context.hpp"
#include "common/net/tls_probe.hpp"
#include "test/catch.hpp"
#include "test/support/certificates.hpp"
#include "test/support/eventually.hpp"
#include "test/support/raw_client.hpp"

namespace {

using namespace std::chrono_literals;
using test::get;
using test::post;
using test::RawClient;
using Clock = std::chrono::steady_clock;

struct TlsServer {
  explicit TlsServer(net::ServerOptions options = {}) {
    certificates.install(certificates.issue());
    context = std::make_shared<net::TlsContext>(certificates.certificate_file(), certificates.key_file());
    REQUIRE(context->refresh().value_or(false));
    options.listen = "127.0.0.1:0";
    options.tls = context;
    server = std::make_unique<net::Server>(options);
    server->route("POST", "/echo", [](const net::Request& request) {
      net::Response response;
      response.body = std::string(request.body);
      return response;
    });
    server->route("GET", "/", [](const net::Request&) { return net::plain(200, "hello"); });
    const auto started = server->start();
    REQUIRE(started.has_value());
  }
  [[nodiscard]] RawClient client() const { return {server->port(), RawClient::Security::tls}; }

  test::Certificates certificates;
  std::shared_ptr<net::TlsContext> context;
  std::unique_ptr<net::Server> server;
};

TEST_CASE("requests over TLS are answered and the connection is kept") {
  const TlsServer running;
  auto client = running.client();
  REQUIRE(client.connected());
  for (const std::size_t size : {1, 100, 16'384, 100'000, 1'000'000}) {
    const std::string body(size, 'b');
    CHECK(client.exchange(post("/echo", body)).body == body);
  }
}

TEST_CASE("two requests in one TLS record are both answered") {
  const TlsServer running;
  auto client = running.client();
  client.send(post("/echo", "one") + post("/echo", "two"));
  CHECK(client.receive().body == "one");
  CHECK(client.receive().body == "two");
}

TEST_CASE("a record that ends inside the next request loses nothing") {
  const TlsServer running;
  auto client = running.client();
  const auto both = post("/echo", "one") + post("/echo", "two");
  client.send(both.substr(0, both.size() - 20));
  CHECK(client.receive().body == "one");
  client.send(both.substr(both.size() - 20));
  CHECK(client.receive().body == "two");
}

TEST_CASE("half handshakes end at their deadline and hinder nobody") {
  const TlsServer running({.handshake_timeout = 5s});
  std::vector<RawClient> half;
  for (int i = 0; i < 50; ++i) {
    half.emplace_back(running.server->port());
    half.back().send(std::string_view("\x16\x03\x01\x02\x00\x01", 6));  // the start of a ClientHello
  }
  CHECK(running.client().exchange(get("/")).status == 200);
  for (auto& client : half) CHECK(client.closed_within(test::kPatience));
  CHECK(running.server->stats().failed_handshakes == 50);
}

TEST_CASE("who does not speak TLS is sent away") {
  const TlsServer running;
  RawClient client(running.server->port());
  client.send(get("/"));
  CHECK(client.receive().status == 0);
  CHECK(running.client().exchange(get("/")).status == 200);
}

TEST_CASE("a changed pair is served to new connections, and old ones live on") {
  TlsServer running;
  auto old_client = running.client();
  const auto before = old_client.peer_certificate();
  CHECK(before == running.certificates.installed());
  CHECK_FALSE(running.context->refresh().value_or(true));  // nothing changed

  running.certificates.install(running.certificates.issue());
  CHECK(running.context->refresh().value_or(false));
  CHECK(running.client().peer_certificate() == running.certificates.installed());
  CHECK(running.client().peer_certificate() != before);
  CHECK(old_client.exchange(get("/")).status == 200);
}

TEST_CASE("a bad pair never replaces a good one, and is told once") {
  TlsServer running;
  const auto good = running.certificates.installed();
  const auto mine = running.certificates.issue();
  const auto other = running.certificates.issue();
  for (const auto& bad : {net::KeyPair{mine.certificate_pem, other.key_pem}, net::KeyPair{"", ""},
                          net::KeyPair{mine.certificate_pem, "nonsense"}}) {
    running.certificates.install(bad);
    CHECK_FALSE(running.context->refresh().has_value());
    CHECK_FALSE(running.context->refresh().value_or(true));
    CHECK(running.client().peer_certificate() == good);
  }
  running.certificates.install(mine);
  CHECK(running.context->refresh().value_or(false));
  CHECK(running.client().peer_certificate() == running.certificates.installed());
}

TEST_CASE("no handshake fails while certificates change all the time") {
  TlsServer running;
  std::atomic<bool> over{false};
  std::atomic<int> good{0};
  std::atomic<int> bad{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      while (!over) {
        auto client = running.client();
        const bool answered = client.connected() && client.exchange(get("/")).status == 200;
        ++(answered ? good : bad);
      }
    });
  }
  const auto end = Clock::now() + 60s;
  for (int changes = 0; (changes < 10 || good < 50) && Clock::now() < end; ++changes) {
    running.certificates.install(running.certificates.issue());
    CHECK(running.context->refresh().value_or(false));
  }
  over = true;
  for (auto& client : clients) client.join();
  CHECK(good >= 50);
  CHECK(bad == 0);
}

TEST_CASE("without a certificate handshakes fail, and work as soon as there is one") {
  test::Certificates certificates;
  const auto context = std::make_shared<net::TlsContext>(certificates.certificate_file(), certificates.key_file());
  CHECK_FALSE(context->refresh().has_value());
  net::Server server({.listen = "127.0.0.1:0", .tls = context});
  server.route("GET", "/", [](const net::Request&) { return net::plain(200, "hello"); });
  const auto started = server.start();
  REQUIRE(started.has_value());
  CHECK_FALSE(RawClient(server.port(), RawClient::Security::tls).connected());
  certificates.install(certificates.issue());
  CHECK(context->refresh().value_or(false));
  CHECK(RawClient(server.port(), RawClient::Security::tls).exchange(get("/")).status == 200);
}

TEST_CASE("the probe sees which certificate is served") {
  const TlsServer running;
  const auto served = net::probe_certificate("127.0.0.1", running.server->port(), test::kPatience);
  REQUIRE(served.has_value());
  CHECK(*served == running.certificates.installed());
  running.server->stop(1s);
  CHECK_FALSE(net::probe_certificate("127.0.0.1", running.server->port(), 1s).has_value());
}

TEST_CASE("a probe of a port that does not answer ends in time") {
  net::Server plain_server({.listen = "127.0.0.1:0", .idle_timeout = 60s});
  const auto started = plain_server.start();
  REQUIRE(started.has_value());
  const auto begin = Clock::now();
  CHECK_FALSE(net::probe_certificate("127.0.0.1", plain_server.port(), 1s).has_value());
  CHECK(Clock::now() - begin < 20s);
}

}  // namespace
