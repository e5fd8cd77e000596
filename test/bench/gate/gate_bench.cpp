// What the gate costs: the same requests to llama-server directly and through the gate, alternating in one run.
//
//   gate-bench --direct 8080 --gate 8090 --model NAME [--requests N] [--clients N] [--seconds S]
//   gate-bench --fight PORT --model NAME --rival NAME [--fight-seconds S]
//
// Needs a llama-server in router mode with tiny models and a router-agent before it: `run` starts both.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Flags {
  int direct = 8080;
  int gate = 8090;
  std::string model = "a";
  int requests = 2000;
  int clients = 8;
  int seconds = 10;
  /// Not 0: two clients on each of two models fight for one place at this port, and nothing else.
  int fight = 0;
  std::string rival = "b";
  int fight_seconds = 60;
};

/// A client that keeps its connection where the server lets it.
class Client {
 public:
  explicit Client(int port) : port_(port) {}
  ~Client() { drop(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Sends and reads the whole answer. False when it is not a whole 200. `first_event`: seconds to the first byte of a
  /// stream's first event.
  bool exchange(const std::string& request, double& seconds, double& first_event) {
    const auto start = Clock::now();
    first_event = -1;
    if (socket_ < 0 && !connect()) return false;
    if (::send(socket_, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
      return drop(), false;
    std::string answer;
    char buffer[65536];
    while (!is_whole(answer)) {
      const auto count = ::recv(socket_, buffer, sizeof buffer, 0);
      if (count <= 0) return drop(), false;
      answer.append(buffer, static_cast<std::size_t>(count));
      if (first_event < 0 && answer.find("data: ") != std::string::npos) first_event = since(start);
    }
    seconds = since(start);
    if (answer.find("Connection: close") < answer.find("\r\n\r\n")) drop();
    return answer.starts_with("HTTP/1.1 200");
  }

 private:
  static double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }
  static bool is_whole(const std::string& answer) { return answer.ends_with("\r\n0\r\n\r\n"); }
  bool connect() {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port_));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 || (drop(), false);
  }
  void drop() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }

  int port_;
  int socket_ = -1;
};

std::string chat(const std::string& model, int tokens, bool stream) {
  const std::string body = "{\"model\":\"" + model + "\",\"max_tokens\":" + std::to_string(tokens) +
                           ",\"stream\":" + (stream ? "true" : "false") +
                           ",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}";
  return "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

double quantile(std::vector<double>& values, double part) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[std::min(values.size() - 1, static_cast<std::size_t>(part * static_cast<double>(values.size())))];
}

struct Series {
  std::vector<double> whole;
  std::vector<double> first;
  int failed = 0;
};

void one(Client& client, const std::string& request, Series& series) {
  double seconds = 0;
  double first = 0;
  if (!client.exchange(request, seconds, first)) {
    ++series.failed;
    return;
  }
  series.whole.push_back(seconds);
  series.first.push_back(first);
}

/// One client, alternating: what a request costs more.
void latency(const Flags& flags, bool stream) {
  const auto request = chat(flags.model, stream ? 8 : 1, stream);
  Client direct(flags.direct);
  Client gate(flags.gate);
  Series direct_series;
  Series gate_series;
  for (int i = 0; i < flags.requests; ++i) {
    one(direct, request, direct_series);
    one(gate, request, gate_series);
  }
  const auto row = [](const char* what, std::vector<double>& a, std::vector<double>& b) {
    const double a50 = quantile(a, 0.5) * 1e3;
    const double a99 = quantile(a, 0.99) * 1e3;
    const double b50 = quantile(b, 0.5) * 1e3;
    const double b99 = quantile(b, 0.99) * 1e3;
    std::printf("| %s | %.3f | %.3f | %+.3f | %.3f | %.3f | %+.3f |\n", what, a50, b50, b50 - a50, a99, b99, b99 - a99);
  };
  row(stream ? "stream of 8 tokens, whole" : "1 token, whole", direct_series.whole, gate_series.whole);
  if (stream) row("stream, first byte of the first event", direct_series.first, gate_series.first);
  if (direct_series.failed + gate_series.failed > 0)
    std::printf("failed: direct %d, gate %d\n", direct_series.failed, gate_series.failed);
}

/// Closed-loop clients: requests per second.
double throughput(const Flags& flags, int port, std::atomic<int>& failed) {
  const auto request = chat(flags.model, 4, false);
  const auto end = Clock::now() + std::chrono::seconds{flags.seconds};
  std::atomic<int> done = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < flags.clients; ++i) {
    threads.emplace_back([&] {
      Client client(port);
      double seconds = 0;
      double first = 0;
      while (Clock::now() < end) ++(client.exchange(request, seconds, first) ? done : failed);
    });
  }
  for (auto& thread : threads) thread.join();
  return done / static_cast<double>(flags.seconds);
}

/// Two models, one place, two closed-loop clients on each. Prints answers of each model, failures, worst wait of each.
void fight(const Flags& flags) {
  const auto end = Clock::now() + std::chrono::seconds{flags.fight_seconds};
  std::array<std::atomic<int>, 2> done{};
  std::atomic<int> failed = 0;
  std::array<std::atomic<int>, 2> worst_ms{};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      const std::size_t side = i % 2;
      const auto request = chat(side == 0 ? flags.model : flags.rival, 8, false);
      Client client(flags.fight);
      double seconds = 0;
      double first = 0;
      while (Clock::now() < end) {
        if (!client.exchange(request, seconds, first)) {
          ++failed;
          continue;
        }
        ++done[side];
        int worst = worst_ms[side];
        const int now = static_cast<int>(seconds * 1e3);
        while (now > worst && !worst_ms[side].compare_exchange_weak(worst, now)) {
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  std::printf("%d %d %d %.1f %.1f\n", done[0].load(), done[1].load(), failed.load(), worst_ms[0] / 1e3,
              worst_ms[1] / 1e3);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"gate-bench: llama-server directly and through the gate, side by side"};
  Flags flags;
  app.add_option("--direct", flags.direct, "llama-server's port")->capture_default_str();
  app.add_option("--gate", flags.gate, "the gate's port")->capture_default_str();
  app.add_option("--model", flags.model, "a loaded model")->capture_default_str();
  app.add_option("--requests", flags.requests, "for latencies, each way")->capture_default_str();
  app.add_option("--clients", flags.clients, "for throughput")->capture_default_str();
  app.add_option("--seconds", flags.seconds, "for throughput, each round")->capture_default_str();
  app.add_option("--fight", flags.fight, "only the fight of two models for one place, at this port");
  app.add_option("--rival", flags.rival, "the second model of the fight")->capture_default_str();
  app.add_option("--fight-seconds", flags.fight_seconds, "")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  if (flags.fight != 0) return fight(flags), 0;

  std::printf(
      "| ms | p50 direct | p50 gate | added | p99 direct | p99 gate | added |\n| --- | --- | --- | --- | --- | --- | "
      "--- |\n");
  latency(flags, false);
  latency(flags, true);
  std::printf(
      "\n| requests/s, %d clients | direct | gate | gate/direct | failed direct | failed gate |\n| --- | --- | --- | "
      "--- | --- | --- |\n",
      flags.clients);
  for (int round = 1; round <= 3; ++round) {
    std::atomic<int> direct_failed = 0;
    std::atomic<int> gate_failed = 0;
    const double direct = throughput(flags, flags.direct, direct_failed);
    const double gate = throughput(flags, flags.gate, gate_failed);
    std::printf("| round %d | %.1f | %.1f | %.3f | %d | %d |\n", round, direct, gate, gate / direct,
                direct_failed.load(), gate_failed.load());
  }
  return 0;
}
