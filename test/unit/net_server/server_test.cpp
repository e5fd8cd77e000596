#include "common/net/server.hpp"

#include <sys/resource.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "test/catch.hpp"
#include "test/support/eventually.hpp"
#include "test/support/raw_client.hpp"

namespace {

using namespace std::chrono_literals;
using test::get;
using test::post;
using test::RawClient;
using Clock = std::chrono::steady_clock;

net::Response echo(const net::Request& request) {
  return {.status = 200, .content_type = "application/json", .headers = {}, .body = std::string(request.body)};
}

net::Response describe(const net::Request& request) {
  std::string text = std::string(request.head.method) + " " + request.path + " from " + request.remote_addr + "\n";
  text += "? " + std::string(request.head.query()) + "\n";
  for (const auto& [name, value] : request.head.lines) text.append("h ").append(name).append("=").append(value) += "\n";
  return {
      .status = 200, .content_type = "text/plain", .headers = {{"X-Two", "2"}, {"X-Bad", "a\r\nb: c"}}, .body = text};
}

/// Handlers that wait for the test: nothing here depends on how fast the machine is.
struct Gate {
  void enter() {
    std::unique_lock lock(mutex);
    ++waiting;
    changed.notify_all();
    changed.wait(lock, [this] { return open; });
  }
  void wait_for(int count) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return waiting >= count; });
  }
  void release() {
    const std::lock_guard lock(mutex);
    open = true;
    changed.notify_all();
  }
  std::mutex mutex;
  std::condition_variable changed;
  int waiting = 0;
  bool open = false;
};

void add_routes(net::Server& server, Gate& gate) {
  server.route("POST", "/echo", echo);
  server.route("GET", "/describe", describe);
  server.route("GET", "/throw", [](const net::Request&) -> net::Response { throw std::runtime_error("secret words"); });
  const auto wait = [&gate](const net::Request&) {
    gate.enter();
    return net::plain(200, "late");
  };
  server.route("GET", "/slow", wait, net::Pace::slow);
  server.route("GET", "/busy", wait);
  server.route("POST", "/hold", wait);
}

/// A server with the routes above on a free port.
struct Running {
  explicit Running(net::ServerOptions options = {}) : server(with_address(std::move(options))) {
    add_routes(server, gate);
    const auto started = server.start();
    REQUIRE(started.has_value());
  }
  static net::ServerOptions with_address(net::ServerOptions options) {
    options.listen = "127.0.0.1:0";
    return options;
  }
  [[nodiscard]] RawClient client() const { return RawClient(server.port()); }
  ~Running() { gate.release(); }
  Gate gate;
  net::Server server;
};

std::string head_of(std::size_t bytes) {
  std::string text = "GET /describe HTTP/1.1\r\nHost: h\r\n";
  while (text.size() < bytes) text += "X-Filler-" + std::to_string(text.size()) + ": " + std::string(500, 'x') + "\r\n";
  return text + "\r\n";
}

TEST_CASE("a request is answered and the connection is kept") {
  Running running;
  auto client = running.client();
  for (int i = 0; i < 3; ++i) {
    const auto response = client.exchange(post("/echo", R"({"n":)" + std::to_string(i) + "}"));
    CHECK(response.status == 200);
    CHECK(response.body == R"({"n":)" + std::to_string(i) + "}");
    CHECK_THAT(response.head, ContainsSubstring("Content-Type: application/json\r\n"));
    CHECK_THAT(response.head, !ContainsSubstring("Connection: close"));
  }
}

TEST_CASE("a handler sees method, path, query, headers and the peer, and not what a client claims to be") {
  Running running;
  auto client = running.client();
  const auto response =
      client.exchange(get("/descri%62e?timeout=10s&name=a%20b", "X-One: 1\r\nREMOTE_ADDR: 8.8.8.8\r\n"));
  CHECK(response.status == 200);
  CHECK_THAT(response.body, ContainsSubstring("GET /describe from 127.0.0.1\n"));
  CHECK_THAT(response.body, ContainsSubstring("? timeout=10s&name=a%20b\n"));
  CHECK_THAT(response.body, ContainsSubstring("h X-One=1\n"));
  CHECK_THAT(response.body, ContainsSubstring("h REMOTE_ADDR=8.8.8.8\n"));  // a header like any other
}

TEST_CASE("a header value with a line break is left out") {
  Running running;
  auto client = running.client();
  const auto response = client.exchange(get("/describe"));
  CHECK_THAT(response.head, ContainsSubstring("X-Two: 2\r\n"));
  CHECK_THAT(response.head, !ContainsSubstring("X-Bad"));
}

TEST_CASE("an unknown path is 404, another method 405, HEAD is GET without a body") {
  Running running;
  auto client = running.client();
  CHECK(client.exchange(get("/nothing")).status == 404);
  CHECK(client.exchange(post("/nothing", "{}")).status == 404);
  const auto wrong_method = client.exchange(get("/echo"));
  CHECK(wrong_method.status == 405);
  CHECK_THAT(wrong_method.head, ContainsSubstring("Allow: POST\r\n"));
  client.send("HEAD /describe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(client.receive(300ms).status == 0);  // announces a length and sends no body
}

TEST_CASE("an exception in a handler is a 500 without its words, and the connection lives") {
  Running running;
  auto client = running.client();
  const auto response = client.exchange(get("/throw"));
  CHECK(response.status == 500);
  CHECK_THAT(response.head + response.body, !ContainsSubstring("secret"));
  CHECK(client.exchange(get("/describe")).status == 200);
}

TEST_CASE("requests sent back to back are all answered, in order") {
  Running running;
  auto client = running.client();
  std::string all;
  for (int i = 0; i < 40; ++i) all += post("/echo", std::to_string(i));
  client.send(all);
  for (int i = 0; i < 40; ++i) CHECK(client.receive().body == std::to_string(i));
}

TEST_CASE("a request may come byte by byte") {
  Running running;
  auto client = running.client();
  for (const char byte : post("/echo", R"({"slow":true})")) client.send({&byte, 1});
  CHECK(client.receive().body == R"({"slow":true})");
}

TEST_CASE("idle connections starve nobody") {
  Running running;
  std::vector<RawClient> idle;
  for (int i = 0; i < 250; ++i) idle.push_back(running.client());
  CHECK(running.client().exchange(get("/describe")).status == 200);
  CHECK(idle.front().exchange(get("/describe")).status == 200);
  CHECK(idle.back().exchange(get("/describe")).status == 200);
  CHECK(running.server.stats().open_connections >= 250);
}

TEST_CASE("300 clients at once are all answered") {
  Running running({.events_per_wakeup = 8});
  std::vector<RawClient> clients;
  for (int i = 0; i < 300; ++i) clients.push_back(running.client());
  for (auto& client : clients) client.send(post("/echo", "{}"));
  for (auto& client : clients) CHECK(client.receive().status == 200);
}

TEST_CASE("slow peers get 408 at the deadline, however they trickle, and hold no thread") {
  Running running({.request_timeout = 2s});
  std::vector<RawClient> slow;
  for (int i = 0; i < 100; ++i) {
    slow.push_back(running.client());
    slow.back().send(i % 2 == 0 ? "GET /describe HTTP/1.1\r\nHost: h\r\nX-A:"
                                : "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9000\r\n\r\n1");
  }
  // If each held one of the two threads for its 2 s, this would take 100 s.
  CHECK(running.client().exchange(get("/describe")).status == 200);
  for (const auto end = Clock::now() + 1500ms; Clock::now() < end; std::this_thread::sleep_for(200ms)) {
    for (auto& client : slow) client.send("x");
  }
  for (auto& client : slow) CHECK(client.receive().status == 408);
  CHECK(slow.front().closed_within(test::kPatience));
  CHECK(running.server.stats().refused == 100);
}

TEST_CASE("an idle connection is closed after its time") {
  Running running({.idle_timeout = 1s});
  auto client = running.client();
  // A busy machine may let it wait for too long before it asks.
  for (int tries = 0; tries < 20 && client.exchange(get("/describe")).status != 200; ++tries) client = running.client();
  CHECK(client.exchange(get("/describe")).status == 200);
  CHECK(client.closed_within(test::kPatience));
}

TEST_CASE("what is too large or has no length is refused, with the end of the connection") {
  Running running({.max_body_bytes = 1000});
  struct Case {
    std::string request;
    int status;
  };
  const std::vector<Case> cases{
      {head_of(40'000), 431},
      {"GET /" + std::string(40'000, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n", 431},
      {post("/echo", std::string(1001, ' ')), 413},
      {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999999\r\n\r\n", 413},
      {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 411},
      {"POST /echo HTTP/1.1\r\nHost: x\r\n\r\n", 411},
      {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400},
      {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: -2\r\n\r\n{}", 400},
      {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\nX: y\r\n\r\n{}", 400},
      {"POST /echo HTTP/1.1\r\nHost: h\r\n Content-Length: 2\r\n\r\n{}", 400},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
      {"GET /describe#part HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"nonsense\r\n\r\n", 400},
      {std::string("\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 11), 400},
  };
  for (const auto& one : cases) {
    INFO(one.request.substr(0, 60));
    auto client = running.client();
    client.send(one.request + get("/describe"));  // must not be taken for a second request
    const auto response = client.receive();
    CHECK(response.status == one.status);
    CHECK_THAT(response.head, ContainsSubstring("Connection: close\r\n"));
    CHECK(client.closed_within(test::kPatience));
  }
}

TEST_CASE("100 MB of headers cost no memory") {
  Running running;
  auto client = running.client();
  client.send("GET /describe HTTP/1.1\r\nHost: h\r\n");
  const std::string filler = "X-Filler: " + std::string(60'000, 'x') + "\r\n";
  std::size_t sent = 0;
  while (sent < 100'000'000 && client.send(filler)) sent += filler.size();
  CHECK(sent < 20'000'000);
  CHECK(running.client().exchange(get("/describe")).status == 200);
}

TEST_CASE("a compressed body arrives as it is") {
  Running running;
  auto client = running.client();
  const std::string gzip("\x1f\x8b\x08\x00\x00\x00\x00\x00", 8);
  CHECK(client.exchange(post("/echo", gzip, "Content-Encoding: gzip\r\nAccept-Encoding: gzip\r\n")).body == gzip);
}

TEST_CASE("multipart and form bodies are only bytes") {
  Running running;
  auto client = running.client();
  for (const auto* type : {"multipart/form-data", "application/x-www-form-urlencoded"}) {
    client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Type: " + std::string(type) +
                "\r\n\r\na=b&c");
    CHECK(client.receive().body == "a=b&c");
  }
}

TEST_CASE("a client that waits for 100 Continue gets it before its body") {
  Running running;
  auto client = running.client();
  client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  CHECK(client.receive().status == 100);
  client.send("{}");
  CHECK(client.receive().body == "{}");
}

TEST_CASE("large bodies share a budget: they wait their turn and are all answered") {
  Running running({.max_body_bytes = 200'000, .large_body_budget = 250'000});
  const std::string body(150'000, 'b');
  std::vector<RawClient> clients;
  for (int i = 0; i < 12; ++i) clients.push_back(running.client());
  std::vector<std::thread> senders;
  std::atomic<int> good{0};
  for (auto& client : clients) {
    senders.emplace_back([&] {
      if (client.exchange(post("/echo", body)).body == body) ++good;
    });
  }
  for (auto& sender : senders) sender.join();
  CHECK(good == 12);
}

TEST_CASE("a peer that does not read its answers blocks nobody") {
  Running running({.workers = 1, .write_timeout = 60s});
  auto deaf = running.client();
  const auto request = post("/echo", std::string(1'000'000, 'a'));
  std::thread sender([&] {
    for (int i = 0; i < 30 && deaf.send(request); ++i) {
    }
  });
  std::this_thread::sleep_for(100ms);
  CHECK(running.client().exchange(get("/describe")).status == 200);
  ::shutdown(deaf.descriptor(), SHUT_RDWR);
  sender.join();
}

TEST_CASE("slow routes have threads of their own") {
  Running running({.workers = 1, .slow_workers = 2});
  auto waiting = running.client();
  auto another = running.client();
  waiting.send(get("/slow"));
  another.send(get("/sl%6fw"));
  running.gate.wait_for(2);
  CHECK(running.client().exchange(get("/describe")).status == 200);
  running.gate.release();
  CHECK(waiting.receive().body == "late\n");
  CHECK(another.receive().body == "late\n");
  CHECK(waiting.exchange(get("/describe")).status == 200);
}

TEST_CASE("large bodies are answered one after the other, and those of usual size do not wait for them") {
  Running running({.workers = 1, .slow_workers = 1, .slow_body_bytes = 100});
  const std::string large(101, 'x');
  auto first = running.client();
  auto second = running.client();
  for (auto* client : {&first, &second}) client->send(post("/hold", large));
  running.gate.wait_for(1);
  CHECK(running.client().exchange(post("/echo", std::string(100, 'x'))).status == 200);
  CHECK(running.gate.waiting == 1);
  running.gate.release();
  for (auto* client : {&first, &second}) CHECK(client->receive().body == "late\n");
}

TEST_CASE("stop answers what is in flight and does not wait for idle connections") {
  Running running;
  auto idle = running.client();
  CHECK(idle.exchange(get("/describe")).status == 200);
  auto busy = running.client();
  busy.send(get("/slow"));
  running.gate.wait_for(1);
  auto stopped = std::async([&] { running.server.stop(60s); });
  CHECK(idle.closed_within(test::kPatience));
  running.gate.release();
  const auto answered = busy.receive();
  CHECK(answered.status == 200);
  CHECK_THAT(answered.head, ContainsSubstring("Connection: close"));
  CHECK(stopped.wait_for(30s) == std::future_status::ready);
  CHECK_FALSE(running.client().connected());
}

TEST_CASE("stop with idle connections alone takes no time") {
  Running running;
  std::vector<RawClient> idle;
  for (int i = 0; i < 50; ++i) {
    idle.push_back(running.client());
    REQUIRE(idle.back().exchange(get("/describe")).status == 200);
  }
  const auto begin = Clock::now();
  running.server.stop(60s);
  CHECK(Clock::now() - begin < 20s);
}

TEST_CASE("while draining, requests are served and sent away") {
  Running running;
  auto client = running.client();
  CHECK(client.exchange(get("/describe")).status == 200);
  running.server.begin_drain();
  const auto last = client.exchange(get("/describe"));
  CHECK(last.status == 200);
  CHECK_THAT(last.head, ContainsSubstring("Connection: close"));
  CHECK(running.client().exchange(get("/describe")).status == 200);
}

TEST_CASE("a drain under load fails no request") {
  Running running({.events_per_wakeup = 8});
  std::atomic<bool> elsewhere{false};  // the endpoint is gone: no new connections come
  std::atomic<int> answered{0};
  std::atomic<int> failed{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      while (!elsewhere) {
        RawClient client(running.server.port());
        for (bool last = false; !last;) {
          const auto response = client.exchange(post("/echo", "{}"));
          ++(response.status == 200 ? answered : failed);
          last = response.status != 200 || response.head.find("Connection: close") != std::string::npos;
        }
      }
    });
  }
  while (answered < 200 && failed == 0) std::this_thread::sleep_for(1ms);
  running.server.begin_drain();
  const int at_drain = answered;
  while (answered < at_drain + 50 && failed == 0) std::this_thread::sleep_for(1ms);
  elsewhere = true;
  for (auto& client : clients) client.join();
  running.server.stop(5s);
  CHECK(failed == 0);
}

TEST_CASE("who connected before stop is answered, also from the backlog") {
  Running running({.workers = 1});
  auto busy = running.client();
  busy.send(get("/busy"));
  running.gate.wait_for(1);
  auto waiting = running.client();  // nobody has accepted it
  waiting.send(get("/describe"));
  auto stopped = std::async([&] { running.server.stop(60s); });
  std::this_thread::sleep_for(50ms);
  running.gate.release();
  CHECK(busy.receive().status == 200);
  CHECK(waiting.receive().status == 200);
  CHECK(stopped.wait_for(30s) == std::future_status::ready);
}

TEST_CASE("when the table is full, the connection nearest to its deadline makes room") {
  Running running({.max_connections = 10});
  std::vector<RawClient> idle;
  for (int i = 0; i < 30; ++i) idle.push_back(running.client());
  CHECK(running.client().exchange(get("/describe")).status == 200);
  CHECK(running.server.stats().open_connections <= 10);
}

TEST_CASE("running out of descriptors is survived") {
  Running running;
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  std::vector<RawClient> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(running.client());
  REQUIRE(clients.back().exchange(get("/describe")).status == 200);
  const int highest = clients.back().descriptor() + 12;
  rlimit low{.rlim_cur = static_cast<rlim_t>(highest), .rlim_max = before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_NOFILE, &low) == 0);
  std::vector<RawClient> more;
  for (int i = 0; i < 12; ++i) more.push_back(running.client());
  CHECK(clients.front().exchange(get("/describe")).status == 200);
  more.clear();
  clients.clear();
  REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(running.client().exchange(get("/describe")).status == 200);
}

TEST_CASE("idle connections cost no CPU") {
  Running running;
  std::vector<RawClient> idle;
  for (int i = 0; i < 250; ++i) idle.push_back(running.client());
  CHECK(idle.back().exchange(get("/describe")).status == 200);
  REQUIRE(test::eventually([&] { return running.server.stats().open_connections == 250; }));
  const auto cpu = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_utime.tv_sec * 1'000'000 + usage.ru_utime.tv_usec + usage.ru_stime.tv_sec * 1'000'000 +
           usage.ru_stime.tv_usec;
  };
  // 5 % of a core, in the calmest of some seconds; polling every 10 ms takes 40 % in each.
  const auto takes_none = [&] {
    const auto before = cpu();
    std::this_thread::sleep_for(1s);
    return cpu() - before < 50'000;  // microseconds
  };
  CHECK(test::eventually(takes_none, 10s));
}

TEST_CASE("a port in use is an error that names it") {
  Running running;
  net::Server second({.listen = "127.0.0.1:" + std::to_string(running.server.port())});
  const auto started = second.start();
  REQUIRE_FALSE(started.has_value());
  CHECK_THAT(started.error().to_string(), ContainsSubstring(std::to_string(running.server.port())));
}

}  // namespace
