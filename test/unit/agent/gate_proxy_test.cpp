#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ctime>
#include <functional>
#include <thread>

#include "reconciler/pod/agent/gate/proxy.hpp"
#include "reconciler/pod/agent/statistics.hpp"
#include "test/catch.hpp"
#include "test/fakes/llama_server/llama_server.hpp"
#include "test/support/eventually.hpp"
#include "test/support/leaping_clock.hpp"
#include "test/support/raw_client.hpp"

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::eventually;
using test::RawClient;

namespace {

/// So many tokens have no end in a test.
constexpr int kEndless = 1'000'000;

std::string chat(const std::string& model, int tokens = 1, bool stream = false, const std::string& headers = {}) {
  const std::string body = "{\"model\":\"" + model + "\",\"max_tokens\":" + std::to_string(tokens) +
                           ",\"stream\":" + (stream ? "true" : "false") + "}";
  return test::post("/v1/chat/completions", body, headers);
}

/// All that comes until the peer closes, or `until` has come.
std::string read_until(const RawClient& client, const std::string& until, milliseconds timeout = test::kPatience) {
  std::string out;
  char buffer[65536];
  const auto end = std::chrono::steady_clock::now() + timeout;
  while (until.empty() || out.find(until) == std::string::npos) {
    const auto left = std::chrono::duration_cast<milliseconds>(end - std::chrono::steady_clock::now());
    pollfd waiting{.fd = client.descriptor(), .events = POLLIN, .revents = 0};
    if (left.count() <= 0 || ::poll(&waiting, 1, static_cast<int>(left.count())) != 1) return out;
    const auto count = ::recv(client.descriptor(), buffer, sizeof buffer, 0);
    if (count <= 0) return out;
    out.append(buffer, static_cast<std::size_t>(count));
  }
  return out;
}
const std::string kEnd = "\r\n0\r\n\r\n";

/// A gate before a fake llama-server; what the agent would tell it, the tests say.
struct Gate {
  explicit Gate(std::vector<fakes::LlamaModel> models = {{"a", {"al-a"}}, {"b"}, {"c"}}, std::size_t places = 1,
                std::size_t max_body = std::size_t{64} << 20U, std::size_t small_bytes = std::size_t{16} << 20U)
      : server(models, places),
        scheduler(places, table, clock),
        proxy({.listen = "127.0.0.1:0",
               .server_port = server.port(),
               .agent_port = server.port(),
               .max_body_bytes = max_body,
               .large_bytes = 2 * max_body,
               .small_bytes = small_bytes},
              scheduler, clock) {
    scheduling.min_residency = milliseconds{100};
    scheduling.max_turn = milliseconds{300};
    scheduler.configure(scheduling);
    observe();
    REQUIRE(proxy.start().has_value());
  }
  void observe() {
    std::vector<agent::SharedScheduler::Known> known;
    for (const auto* name : {"a", "b", "c"}) {
      const auto state = server.state(name);
      // 1: it was killed.
      const bool failed = state == "unloaded" && server.loads(name) > 0 && server.exit_code(name) > 1;
      known.push_back({name, {}, state != "unloaded", state == "loaded", failed ? "failed to load" : ""});
      if (known.back().name == "a") known.back().aliases = {"al-a"};
    }
    scheduler.observe(known, clock.steady());
  }
  RawClient client() const { return RawClient(proxy.port()); }
  std::string ask(const std::string& request, const std::string& until = kEnd) const {
    auto one = client();
    one.send(request);
    return read_until(one, until);
  }

  test::LeapingClock clock;
  base::MetricTable table{agent::metric_rows()};
  agent::Scheduling scheduling;
  fakes::LlamaServer server;
  agent::SharedScheduler scheduler;
  agent::Proxy proxy;
};

/// The agent's part: it lists, again and again.
struct Observer {
  explicit Observer(Gate& gate)
      : thread([this, &gate] {
          while (!stop) {
            gate.observe();
            std::this_thread::sleep_for(milliseconds{20});
          }
        }) {}
  ~Observer() {
    stop = true;
    thread.join();
  }
  std::atomic<bool> stop = false;
  std::thread thread;
};

}  // namespace

TEST_CASE("an answer comes through as it is, without the headers of the hop, and the connection stays") {
  Gate gate;
  auto client = gate.client();
  for (int i = 0; i < 3; ++i) {
    client.send(chat(i == 1 ? "al-a" : "a"));
    const auto answer = read_until(client, kEnd);
    CHECK_THAT(answer, ContainsSubstring("HTTP/1.1 200 OK\r\nServer: llama.cpp\r\nContent-Type: application/json"));
    CHECK_THAT(answer, ContainsSubstring("chat.completion"));
    CHECK(answer.find("Connection:") == std::string::npos);
    CHECK(answer.find("Keep-Alive:") == std::string::npos);
  }
}

TEST_CASE("a request reaches llama-server as the client wrote it") {
  Gate gate;
  auto client = gate.client();
  const auto answer = client.exchange(
      "POST /v1/x?y=%20z HTTP/1.1\r\nHost: some\r\nAuthorization: Bearer k\r\nX-Fault: echo\r\nExpect: 100-continue\r\n"
      "Content-Length: 13\r\n\r\n{\"model\":\"a\"}");
  // The 100 came first only when the body was not there yet; here it was.
  CHECK(answer.status == 200);
  CHECK(answer.body ==
        "POST /v1/x?y=%20z HTTP/1.1\r\nHost: some\r\nAuthorization: Bearer k\r\nX-Fault: echo\r\nContent-Length: 13\r\n"
        "Connection: close\r\n\r\n{\"model\":\"a\"}");
}

TEST_CASE("100-continue is answered before the body comes, and chunked bodies go on with their length") {
  Gate gate;
  auto client = gate.client();
  client.send(
      "POST /v1/x HTTP/1.1\r\nHost: h\r\nX-Fault: echo\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n");
  CHECK(read_until(client, "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("5\r\n{\"mod");
  std::this_thread::sleep_for(milliseconds{20});
  client.send("\r\n8\r\nel\":\"a\"}\r\n0\r\n\r\n");
  CHECK_THAT(client.receive().body,
             ContainsSubstring("Content-Length: 13\r\nConnection: close\r\n\r\n{\"model\":\"a\"}"));
}

TEST_CASE("a stream comes through chunk by chunk") {
  Gate gate;
  gate.server.set_token_time(milliseconds{100});  // what is held back in a buffer comes in minutes
  auto client = gate.client();
  client.send(chat("a", kEndless, true));
  CHECK_THAT(read_until(client, "\"token\":2"), ContainsSubstring("\"token\":2"));
  gate.server.finish();
  CHECK_THAT(read_until(client, kEnd), ContainsSubstring("data: [DONE]"));
}

TEST_CASE("pipelined requests are answered in order") {
  Gate gate;
  auto client = gate.client();
  client.send(test::get("/health") + chat("a") + test::get("/health") + test::get("/slots") + test::get("/v1/models"));
  const auto all = read_until(client, "\"id\":\"c\"");
  const auto health = all.find(R"({"status":"ok"})");
  const auto completion = all.find("chat.completion");
  const auto slots = all.find("403");
  REQUIRE(health != std::string::npos);
  REQUIRE(completion != std::string::npos);
  CHECK(health < completion);
  CHECK(completion < slots);
  CHECK(slots < all.find("\"id\":\"a\""));
}

TEST_CASE("what would change the server is closed to clients and never reaches it") {
  Gate gate;
  const auto request =
      GENERATE(test::post("/models/load", "{\"model\":\"b\"}"), test::post("/models/unload", "{\"model\":\"a\"}"),
               test::get("/models?reload=1"), test::get("/slots?model=a"), test::post("/lora-adapters", "[]"),
               test::get("/%6Dodels?%72eload=1"));
  auto client = gate.client();
  const auto answer = client.exchange(request);
  CHECK(answer.status == 403);
  CHECK_THAT(answer.body, ContainsSubstring("permission_error"));
  CHECK(gate.server.requests().empty());
}

TEST_CASE("an unknown model and a body without one are llama-server's to refuse") {
  Gate gate;
  auto client = gate.client();
  CHECK_THAT(client.exchange(chat("nobody")).body, ContainsSubstring("model 'nobody' not found"));
  CHECK_THAT(client.exchange(test::post("/v1/chat/completions", "{}")).body,
             ContainsSubstring("model name is missing"));
}

TEST_CASE("what is no request is refused, and the connection ends") {
  Gate gate({{"a"}}, 1, 1000);
  const auto [request, status] = GENERATE(table<std::string, int>({
      {"hello\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n", 413},
      {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n800\r\n" + std::string(2048, 'x'), 413},
      {"GET / HTTP/1.1\r\nHost: h\r\nA: " + std::string(40'000, 'x'), 431},
  }));
  auto client = gate.client();
  const auto answer = client.exchange(request);
  CHECK(answer.status == status);
  CHECK_THAT(answer.head, ContainsSubstring("Connection: close"));
  CHECK(client.closed_within(seconds{5}));
}

TEST_CASE("an error after a HEAD request has the body that it announces") {
  Gate gate;
  auto client = gate.client();
  client.send("HEAD /v1/models HTTP/1.1\r\nHost: h\r\n\r\n");
  REQUIRE_THAT(read_until(client, "\r\n\r\n"), ContainsSubstring("HTTP/1.1 200"));
  SECTION("what is no request") {
    const auto answer = client.exchange("hello\r\n\r\n");
    CHECK(answer.status == 400);
    CHECK_THAT(answer.body, ContainsSubstring("invalid_request_error"));
  }
  SECTION("half a head") {
    client.send("GET / HTTP/1.1\r\n");
    // Whenever it is read: nothing more comes.
    CHECK(eventually([&] {
      gate.clock.leap(seconds{31});
      const auto answer = read_until(client, "", seconds{2});
      return answer.contains("408") && answer.contains("invalid_request_error");
    }));
  }
}

TEST_CASE("what llama-server does wrong becomes a clean error, or an answer that is visibly cut") {
  Gate gate;
  auto client = gate.client();
  SECTION("it closes without an answer") {
    CHECK(client.exchange(chat("a", 1, false, "X-Fault: close\r\n")).status == 502);
    client.send(chat("a"));
    CHECK_THAT(read_until(client, kEnd), ContainsSubstring("200 OK"));
  }
  SECTION("it answers no HTTP") { CHECK(client.exchange(chat("a", 1, false, "X-Fault: garbage\r\n")).status == 502); }
  SECTION("it cuts a stream") {
    client.send(chat("a", 10, true, "X-Fault: cut\r\n"));
    const auto answer = read_until(client, "");
    CHECK_THAT(answer, ContainsSubstring("\"token\":1"));
    CHECK(answer.find(kEnd) == std::string::npos);
  }
  SECTION("it is not there") {
    gate.server.stop();
    CHECK(client.exchange(chat("a")).status == 503);
    gate.scheduler.server_lost();
    CHECK(client.exchange(test::get("/health")).status == 503);
  }
  SECTION("it says 100 first") {
    client.send(chat("a", 1, false, "X-Fault: continue\r\n"));
    const auto answer = read_until(client, kEnd);
    CHECK(answer.starts_with("HTTP/1.1 200 OK"));
  }
  SECTION("it ends its answer by closing") {
    client.send(chat("a", 1, false, "X-Fault: until-close\r\n"));
    CHECK_THAT(read_until(client, ""), ContainsSubstring("chat.completion"));
  }
  CHECK(eventually([&] { return gate.scheduler.unfinished() == 0; }));
  CHECK(eventually([&] { return gate.scheduler.in_flight("a") == 0; }));
}

TEST_CASE("a client that goes away while it waits is forgotten, and nothing is loaded for nobody") {
  Gate gate;
  gate.server.set_token_time(milliseconds{20});
  auto busy = gate.client();
  busy.send(chat("a", kEndless, true));
  read_until(busy, "\"token\":0");
  {
    auto waiting = gate.client();
    waiting.send(chat("b"));
    REQUIRE(eventually([&] { return gate.scheduler.unfinished() == 2; }));
  }
  REQUIRE(eventually([&] { return gate.scheduler.unfinished() == 1; }));
  gate.server.finish();
  CHECK_THAT(read_until(busy, kEnd), ContainsSubstring("[DONE]"));
  CHECK(gate.server.loads("b") == 0);
}

TEST_CASE("a client that goes away in the middle ends its request in llama-server") {
  Gate gate;
  gate.server.set_token_time(milliseconds{20});
  {
    auto client = gate.client();
    client.send(chat("a", kEndless, true));
    read_until(client, "\"token\":0");
  }
  CHECK(eventually([&] { return gate.server.abandoned() == 1; }));
  CHECK(eventually([&] { return gate.scheduler.in_flight("a") == 0; }));
}

TEST_CASE("a slow reader stops llama-server, not the gate's memory") {
  Gate gate;
  auto client = gate.client();
  const int small = 256 << 10;
  ::setsockopt(client.descriptor(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  client.send(chat("a", 1, false, "X-Fault: large\r\n"));
  REQUIRE(eventually([&] { return gate.server.large_bytes() > 0; }));
  std::this_thread::sleep_for(milliseconds{300});
  // What was taken lies in the buffers of two sockets and 256 KiB of the gate's.
  CHECK(gate.server.large_bytes() < std::size_t{12} << 20U);
  auto other = gate.client();
  CHECK(other.exchange(test::get("/health")).status == 200);
  std::size_t received = 0;
  char buffer[65536];
  while (received < std::size_t{32} << 20U) {
    const auto count = ::recv(client.descriptor(), buffer, sizeof buffer, 0);
    REQUIRE(count > 0);
    received += static_cast<std::size_t>(count);
  }
  CHECK(eventually([&] { return gate.scheduler.unfinished() == 0; }));
}

TEST_CASE("a connection of llama-server that is reset while its reader is behind costs no time") {
  // What llama-server has not taken of the request stays with the gate.
  const std::size_t body = GENERATE(std::size_t{2}, std::size_t{16} << 20U);
  net::Listener listener = std::move(*net::Listener::open("127.0.0.1:0"));
  const test::LeapingClock clock;
  base::MetricTable table(agent::metric_rows());
  agent::SharedScheduler scheduler(1, table, clock);
  agent::Proxy proxy({.listen = "127.0.0.1:0", .server_port = listener.port()}, scheduler, clock);
  REQUIRE(proxy.start().has_value());
  RawClient client(proxy.port());
  const int small = 256 << 10;
  ::setsockopt(client.descriptor(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  client.send(test::post("/", std::string(body, ' ')));

  pollfd waiting{.fd = listener.descriptor(), .events = POLLIN, .revents = 0};
  REQUIRE(::poll(&waiting, 1, static_cast<int>(milliseconds{test::kPatience}.count())) == 1);
  const int server = ::accept(listener.descriptor(), nullptr, nullptr);
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n";
  REQUIRE(::send(server, head.data(), head.size(), MSG_NOSIGNAL) > 0);
  const std::string block(65536, 'x');
  for (int full = 0; full < 30;) {
    full = ::send(server, block.data(), block.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0 ? 0 : full + 1;
    if (full > 0) std::this_thread::sleep_for(milliseconds{10});
  }
  const linger reset{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(server, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  ::close(server);

  const auto before = std::clock();
  std::this_thread::sleep_for(seconds{1});
  CHECK(std::clock() - before < CLOCKS_PER_SEC / 5);
  // The reader gets what there is, and sees that it is cut.
  CHECK(read_until(client, "").starts_with("HTTP/1.1 200 OK"));
  CHECK(eventually([&] { return proxy.connections() == 0; }));
}

TEST_CASE("a body of 64 MiB goes through, however long it takes as a whole, and its model is found") {
  Gate gate;
  const std::size_t size = std::size_t{64} << 20U;
  std::string body = "{\"text\":\"";
  const std::string end = "\",\"model\":\"a\"}";
  body.append(size - body.size() - end.size(), 'x');
  body += end;
  auto client = gate.client();
  const auto request = test::post("/v1/chat/completions", body);
  const std::size_t part = request.size() / 4 + 1;
  std::thread sender([&] {
    for (std::size_t at = 0; at < request.size(); at += part) {
      client.send(std::string_view(request).substr(at, part));
      // Most of a part is in the gate by now: no two sockets' buffers hold all of it.
      gate.clock.leap(seconds{20});
    }
  });
  const auto answer = read_until(client, kEnd);
  sender.join();
  CHECK_THAT(answer, ContainsSubstring("200 OK"));
  CHECK(gate.server.count("POST /v1/chat/completions a") == 1);
}

TEST_CASE("large bodies have bounded room: who finds none is told to come again, and it is given back") {
  constexpr std::size_t kLarge = 400'000;
  Gate gate({{"a"}}, 1, kLarge);
  const auto padded = [](std::size_t size) {
    const std::string model = R"({"model":"a"})";
    return test::post("/v1/chat/completions", std::string(size - model.size(), ' ') + model);
  };
  const auto request = padded(kLarge);
  const bool chunked = GENERATE(false, true);
  const std::string third =
      chunked ? "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n20000\r\n" + std::string(0x20000, ' ')
              : request;
  {
    std::vector<RawClient> most;
    for (int i = 0; i < 2; ++i) {
      most.push_back(gate.client());
      most.back().send(std::string_view(request).substr(0, request.size() - 50'000));
    }
    // The gate reads from all that have something, then from all again: now it has those.
    auto other = gate.client();
    for (int i = 0; i < 50; ++i) CHECK(other.exchange(test::get("/health")).status == 200);
    CHECK(other.exchange(third).status == 503);
    // A small one always finds room.
    CHECK_THAT(gate.ask(padded(50'000)), ContainsSubstring("200 OK"));
    most[0].send(std::string_view(request).substr(request.size() - 50'000));
    CHECK_THAT(read_until(most[0], kEnd), ContainsSubstring("200 OK"));
  }
  CHECK(eventually([&] { return gate.ask(request).find("200 OK") != std::string::npos; }));
}

TEST_CASE("a body that is announced takes no room before it comes") {
  Gate gate({{"a"}}, 1, 100'000);
  std::vector<RawClient> stalled;
  for (int i = 0; i < 4; ++i) {
    stalled.push_back(gate.client());
    stalled.back().send("POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n{");
  }
  std::this_thread::sleep_for(milliseconds{100});
  const std::string body = R"({"model":"a"})" + std::string(90'000, ' ');
  for (int i = 0; i < 3; ++i) {
    CHECK_THAT(gate.ask(chat("a")), ContainsSubstring("200 OK"));
    CHECK_THAT(gate.ask(test::post("/v1/chat/completions", body)), ContainsSubstring("200 OK"));
  }
}

TEST_CASE("while there is no descriptor for a new client the others lose no time, and it is served when there is one") {
  Gate gate;
  auto client = gate.client();
  REQUIRE(client.exchange(test::get("/health")).status == 200);
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const int next = ::dup(0);
  ::close(next);
  const rlimit one_more{.rlim_cur = static_cast<rlim_t>(next) + 1, .rlim_max = before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &one_more) == 0);
  auto late = gate.client();
  late.send(test::get("/health"));
  int answered = 0;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 1'000; ++i) {
    if (client.exchange(test::get("/health")).status == 200) ++answered;
  }
  const auto took = std::chrono::steady_clock::now() - start;
  ::setrlimit(RLIMIT_NOFILE, &before);
  CHECK(late.connected());
  CHECK(answered == 1'000);
  CHECK(took < seconds{8});  // 10 ms each, were it waited for
  CHECK(late.receive().status == 200);
}

TEST_CASE("half requests and slow readers together hold what the gate may hold, and it serves on") {
  constexpr std::size_t kMebi = std::size_t{1} << 20U;
  Gate gate({{"a"}}, 1, kMebi, kMebi);
  const auto held = [&] { return gate.proxy.held_bytes(); };
  std::vector<RawClient> clients;
  const auto begin = [&](const std::string& bytes) {
    clients.push_back(gate.client());
    clients.back().send(bytes);
  };
  SECTION("bodies, each one byte short of a small one") {
    const std::string request = test::post("/v1/chat/completions", std::string(65'536, ' '));
    for (int i = 0; i < 100; ++i) begin(request.substr(0, request.size() - 1));
    REQUIRE(eventually([&] { return held() > 2 * kMebi; }));
  }
  SECTION("heads of many lines, each of which is eight times as large when it is read") {
    std::string request = "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n";
    while (request.size() < 32'000) request += "a:\r\n";
    for (int i = 0; i < 100; ++i) begin(request + "\r\n");
    REQUIRE(eventually([&] { return held() > 2 * kMebi; }));
  }
  SECTION("answers that nobody takes") {
    const int small = 4096;
    for (int i = 0; i < 20; ++i) {
      begin("");
      ::setsockopt(clients.back().descriptor(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
      clients.back().send(chat("a", 1, false, "X-Fault: large\r\n"));
    }
    REQUIRE(eventually([&] { return held() > kMebi; }));
  }
  auto other = gate.client();
  // The gate reads from all that have something, then from all again: now it has what was sent.
  for (int i = 0; i < 200; ++i) CHECK(other.exchange(test::get("/health")).status == 200);
  CHECK(held() <= 3 * kMebi);
  CHECK_THAT(gate.ask(chat("a")), ContainsSubstring("200 OK"));
  CHECK_THAT(gate.ask(chat("a", 50, true)), ContainsSubstring("[DONE]"));
  clients.clear();
  CHECK(eventually([&] { return held() == 0; }));
}

TEST_CASE("a body that trickles is given up, although a byte comes again and again") {
  Gate gate;
  auto client = gate.client();
  client.send("POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n{");
  std::string answer;
  for (int i = 0; i < 20 && answer.empty(); ++i) {
    gate.clock.leap(seconds{11});
    client.send(" ");
    answer = read_until(client, "\r\n\r\n", milliseconds{1'500});
  }
  CHECK_THAT(answer, ContainsSubstring("408"));
}

TEST_CASE("a head may come in any two parts, before and behind another request") {
  Gate gate;
  const auto request = test::get("/health");
  auto client = gate.client();
  for (std::size_t cut = 0; cut <= request.size(); ++cut) {
    client.send(request + request.substr(0, cut));
    CHECK(client.receive().status == 200);
    client.send(request.substr(cut));
    CHECK(client.receive().status == 200);
  }
}

TEST_CASE("half a request does not hold the gate") {
  Gate gate;
  auto half_head = gate.client();
  half_head.send("POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nConte");
  auto half_body = gate.client();
  half_body.send("POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{\"model\":");
  CHECK_THAT(gate.ask(chat("a")), ContainsSubstring("200 OK"));
}

TEST_CASE("many idle and streaming connections at once") {
  Gate gate;
  gate.server.set_token_time(milliseconds{5});
  std::vector<RawClient> idle;
  for (int i = 0; i < 250; ++i) idle.push_back(gate.client());
  std::vector<RawClient> streams;
  for (int i = 0; i < 64; ++i) {
    streams.push_back(gate.client());
    streams.back().send(chat("a", 50, true));
  }
  for (const auto& stream : streams) CHECK_THAT(read_until(stream, kEnd), ContainsSubstring("[DONE]"));
  for (auto& one : idle) CHECK(one.exchange(test::get("/health")).status == 200);
}

TEST_CASE("models fight for one place: every request is answered, and none meets a busy place") {
  Gate gate;
  gate.server.set_token_time(milliseconds{2});
  std::atomic<int> good = 0;
  std::atomic<int> bad = 0;
  const Observer observer(gate);
  const auto loads = [&] { return gate.server.loads("a") + gate.server.loads("b") + gate.server.loads("c"); };
  const auto end = std::chrono::steady_clock::now() + seconds{4};
  const auto is_over = [&] {
    const auto now = std::chrono::steady_clock::now();
    return now >= end && ((good > 50 && loads() > 5) || bad > 0 || now >= end + test::kPatience);
  };
  std::vector<std::thread> clients;
  for (int i = 0; i < 6; ++i) {
    clients.emplace_back([&, i] {
      const std::string model = i < 3 ? "a" : i < 5 ? "b" : "c";
      auto client = gate.client();
      for (int n = 0; !is_over(); ++n) {
        const bool stream = n % 2 == 0;
        client.send(chat(model, 1 + n % 9, stream));
        const auto answer = read_until(client, kEnd);
        const bool whole = answer.find(stream ? "[DONE]" : "chat.completion") != std::string::npos &&
                           answer.find("\"model\":\"" + model) != std::string::npos;
        ++(whole ? good : bad);
        if (!whole) client = gate.client();
      }
    });
  }
  for (auto& client : clients) client.join();
  CHECK(bad == 0);
  CHECK(good > 50);
  CHECK(gate.server.crowded() == 0);
  CHECK(loads() > 5);
}

TEST_CASE("who waits too long gets 503 with Retry-After and what is ahead") {
  Gate gate;
  gate.scheduling.max_wait = milliseconds{200};
  gate.scheduling.max_turn = seconds{100};
  gate.scheduler.configure(gate.scheduling);
  gate.server.set_token_time(milliseconds{20});
  auto busy = gate.client();
  busy.send(chat("a", kEndless, true));
  read_until(busy, "\"token\":0");
  auto client = gate.client();
  const auto answer = client.exchange(chat("b"));
  gate.server.finish();
  CHECK(answer.status == 503);
  CHECK_THAT(answer.head, ContainsSubstring("Retry-After: 1\r\n"));
  CHECK_THAT(answer.body, ContainsSubstring("ahead of it: a with 1 requests in flight"));
  CHECK_THAT(read_until(busy, kEnd), ContainsSubstring("[DONE]"));
}

TEST_CASE("a failed load answers all who waited for it") {
  Gate gate({{"a"}, {"b", {}, milliseconds{50}, 7}, {"c"}});
  std::vector<RawClient> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(gate.client());
    clients.back().send(chat("b"));
  }
  for (auto& client : clients) CHECK(client.receive().status == 500);
  gate.observe();
  auto next = gate.client();
  const auto answer = next.exchange(chat("b"));
  CHECK(answer.status == 503);
  CHECK_THAT(answer.body, ContainsSubstring("failed to load"));
  CHECK(gate.server.loads("b") <= 3);
}

TEST_CASE("who asked for a model whose load fails hears why, at once") {
  Gate gate({{"a"}, {"b", {}, milliseconds{50}, 7}, {"c"}});
  gate.scheduler.set_cause([](const std::string& model) { return model + R"(: tensor "x" is missing)"; });
  auto client = gate.client();
  const auto answer = client.exchange(chat("b"));
  CHECK(answer.status == 500);
  CHECK_THAT(answer.body, ContainsSubstring(R"("message":"model name=b failed to load: b: tensor \"x\" is missing")"));
  // The connection goes on where the answer ends.
  CHECK(client.exchange(chat("a")).status == 200);
}

TEST_CASE("a request that met a dead process is tried again once the model has gone, with its body") {
  Gate gate;
  const Observer observer(gate);
  REQUIRE_THAT(gate.ask(chat("a")), ContainsSubstring("200 OK"));
  gate.server.set_token_time(milliseconds{100});
  std::vector<RawClient> clients;
  const auto begin = [&](const std::string& request) {
    clients.push_back(gate.client());
    clients.back().send(request);
  };
  begin(chat("a", kEndless, true));
  read_until(clients[0], "\"token\":0");
  begin(chat("a", 1'000));
  REQUIRE(eventually([&] { return gate.server.count("POST /v1/chat/completions a") == 3; }));
  gate.server.kill("a", milliseconds{150});
  std::this_thread::sleep_for(milliseconds{20});
  gate.server.set_token_time(milliseconds{1});
  begin(chat("a"));
  begin(chat("al-a", 3, true));

  // Its answer had begun.
  CHECK(read_until(clients[0], "").find(kEnd) == std::string::npos);
  CHECK_THAT(read_until(clients[1], kEnd), ContainsSubstring("chat.completion"));
  CHECK_THAT(read_until(clients[2], kEnd), ContainsSubstring("chat.completion"));
  CHECK_THAT(read_until(clients[3], kEnd), ContainsSubstring("[DONE]"));
  CHECK(gate.server.loads("a") == 2);
  CHECK(eventually([&] { return gate.scheduler.unfinished() == 0 && gate.scheduler.in_flight("a") == 0; }));
  const auto count = [&](const std::string& result) {
    return gate.table.value("router_agent_gate_requests_total", {"a", result});
  };
  CHECK(count("tried_again") >= 1);
  CHECK(count("admitted") == 5 + count("tried_again"));
}

TEST_CASE("a request is tried again once, and not after maxWaitSeconds") {
  Gate gate;
  const Observer observer(gate);
  REQUIRE_THAT(gate.ask(chat("a")), ContainsSubstring("200 OK"));
  SECTION("once") {
    gate.server.kill("a", test::kPatience);
    CHECK_THAT(gate.ask(chat("a")), ContainsSubstring("proxy error: Could not establish connection"));
    CHECK(gate.server.count("POST /v1/chat/completions a") == 3);
  }
  SECTION("not after maxWaitSeconds") {
    gate.scheduling.max_wait = milliseconds{100};
    gate.scheduler.configure(gate.scheduling);
    gate.server.set_token_time(milliseconds{20});
    auto client = gate.client();
    client.send(chat("a", kEndless));
    REQUIRE(eventually([&] { return gate.server.count("POST /v1/chat/completions a") == 2; }));
    std::this_thread::sleep_for(milliseconds{200});
    gate.server.kill("a", milliseconds{150});
    CHECK_THAT(read_until(client, kEnd), ContainsSubstring("proxy error: Failed to read connection"));
    CHECK(gate.server.count("POST /v1/chat/completions a") == 2);
  }
  CHECK(eventually([&] { return gate.scheduler.unfinished() == 0 && gate.scheduler.in_flight("a") == 0; }));
}

TEST_CASE("bodies are kept for a second try only while others find room") {
  Gate gate({{"a"}}, 1, 100'000);
  const std::string body(70'000, ' ');
  const auto request = test::post("/v1/chat/completions", "{\"model\":\"a\",\"max_tokens\":1000000" + body + "}");
  gate.server.set_token_time(milliseconds{20});
  // 280,000 bytes of bodies are in llama-server, and 200,000 may be held.
  std::vector<RawClient> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(gate.client());
    clients.back().send(request);
    REQUIRE(eventually([&] { return gate.scheduler.in_flight("a") == static_cast<std::size_t>(i) + 1; }));
  }
  gate.server.finish();
  for (const auto& client : clients) CHECK_THAT(read_until(client, kEnd), ContainsSubstring("200 OK"));
}

TEST_CASE("a stopping Pod serves what is in flight, and sends the rest away") {
  Gate gate;
  gate.server.set_token_time(milliseconds{20});
  auto stream = gate.client();
  stream.send(chat("a", kEndless, true));
  read_until(stream, "\"token\":0");
  auto waiting = gate.client();
  waiting.send(chat("b"));
  REQUIRE(eventually([&] { return gate.scheduler.unfinished() == 2; }));
  gate.scheduler.close(seconds{25});
  const auto refused = waiting.receive();
  CHECK(refused.status == 503);
  CHECK_THAT(refused.head, ContainsSubstring("Connection: close"));
  CHECK_THAT(gate.ask(test::get("/health"), ""), ContainsSubstring("503 Service Unavailable"));
  // Endpoints vanish a little later: until then open models serve.
  CHECK_THAT(gate.ask(chat("a"), ""), ContainsSubstring("200 OK"));
  gate.clock.leap(seconds{25});
  auto late = gate.client();
  CHECK(late.exchange(chat("a")).status == 503);
  gate.server.finish();
  CHECK_THAT(read_until(stream, kEnd), ContainsSubstring("[DONE]"));
  CHECK(eventually([&] { return gate.scheduler.unfinished() == 0; }));
}

namespace {

/// Streams get a signal while they wait, and all but those of model a wait: who is returned has it, until
/// `gate.server.finish()`.
RawClient hold_behind_signal(Gate& gate) {
  gate.scheduling.loading_signal = true;
  gate.scheduler.configure(gate.scheduling);
  gate.server.set_token_time(milliseconds{50});
  auto busy = gate.client();
  busy.send(chat("a", kEndless, true));
  read_until(busy, "\"token\":0");
  return busy;
}

}  // namespace

TEST_CASE("with loadingSignal a waiting stream gets comments, then its answer or the error") {
  const int exit_code = GENERATE(0, 7);
  Gate gate({{"a"}, {"b", {}, milliseconds{500}, exit_code}, {"c"}});
  const auto busy = hold_behind_signal(gate);
  auto client = gate.client();
  client.send(chat("b", 3, true));
  auto answer = read_until(client, ": waiting for the model\n\n");
  gate.server.finish();
  answer += read_until(client, kEnd);
  CHECK(answer.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream"));
  CHECK_THAT(answer, ContainsSubstring(": waiting for the model\n\n"));
  if (exit_code == 0) {
    CHECK_THAT(answer, ContainsSubstring("data: [DONE]\n\n"));
  } else {
    CHECK_THAT(answer, ContainsSubstring("data: \r\n"));
    CHECK_THAT(answer, ContainsSubstring("failed to load"));
  }
  // The connection goes on.
  CHECK(client.exchange(test::get("/health")).status == 200);
}

TEST_CASE("an error behind a loading signal ends its stream, whatever follows on the connection") {
  const bool closes = GENERATE(false, true);
  Gate gate;
  const auto busy = hold_behind_signal(gate);
  auto client = gate.client();
  client.send(chat("b", 3, true) + test::get("/health"));
  read_until(client, ": waiting for the model\n\n\r\n");
  if (closes) {
    gate.scheduler.close(seconds{25});
    const auto answer = read_until(client, "");
    CHECK_THAT(answer, ContainsSubstring("this Pod is being stopped"));
    CHECK_THAT(answer, Catch::Matchers::EndsWith(kEnd));
  } else {
    gate.clock.leap(gate.scheduling.max_wait);
    auto other = gate.client();  // it has the gate look at its clock
    other.send(chat("b"));
    const auto answer = read_until(client, R"({"status":"ok"})");
    CHECK_THAT(answer, ContainsSubstring("waited "));
    CHECK(answer.find(kEnd) < answer.find("HTTP/1.1 200 OK"));
  }
  gate.server.finish();
}

TEST_CASE("behind a loading signal an answer that its connection ends has a last chunk") {
  Gate gate;
  const auto busy = hold_behind_signal(gate);
  auto client = gate.client();
  client.send(chat("b", 3, true, "X-Fault: until-close\r\n"));
  read_until(client, ": waiting for the model\n\n");
  gate.server.finish();
  const auto answer = read_until(client, "");
  CHECK_THAT(answer, ContainsSubstring("[DONE]"));
  CHECK(answer.ends_with(kEnd));
}

TEST_CASE("ten thousand requests leave nothing behind") {
  Gate gate;
  gate.server.set_token_time(milliseconds{0});
  auto client = gate.client();
  for (int i = 0; i < 10'000; ++i) {
    if (i % 100 != 0) {
      if (client.exchange(test::get("/health")).status != 200) FAIL("request " << i);
      continue;
    }
    client.send(chat("a"));
    if (read_until(client, kEnd).find("chat.completion") == std::string::npos) FAIL("request " << i);
  }
  CHECK(eventually([&] { return gate.scheduler.unfinished() == 0 && gate.proxy.connections() == 1; }));
}
