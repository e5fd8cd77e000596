// load PORT PATH BODY_FILE CONNECTIONS REQUESTS RATE PID... — keep-alive TLS connections on one thread, each of which
// has at most one request under way. RATE 0: a closed loop, each answer is followed by the next request. Else RATE
// requests a second begin at their times, on connections that are free, so that all servers get the same load. Prints
// one line of JSON: requests, failures, seconds, latencies in milliseconds (from the time at which it should have
// begun), CPU seconds of the PIDs.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

namespace {

constexpr std::uint32_t kNothing = 0;
constexpr std::uint32_t kReadable = EPOLLIN;
constexpr std::uint32_t kWritable = EPOLLOUT;

using Clock = std::chrono::steady_clock;

struct Connection {
  int fd = -1;
  SSL* ssl = nullptr;
  std::size_t sent = 0;
  bool sending = true;
  std::string received;
  Clock::time_point begun;
};

struct Run {
  std::string request;
  std::size_t wanted = 0;
  std::size_t started = 0;
  std::size_t done = 0;
  std::size_t failed = 0;
  /// Requests a second; 0 in a closed loop.
  double rate = 0;
  Clock::time_point began;
  std::vector<double> latencies;

  /// When the next request begins.
  [[nodiscard]] Clock::time_point due() const {
    if (rate == 0) return Clock::time_point::min();
    return began + std::chrono::duration_cast<Clock::duration>(
                       std::chrono::duration<double>(static_cast<double>(started) / rate));
  }
};

int connect_to(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return -1;
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

std::unique_ptr<Connection> open_connection(SSL_CTX* context, std::uint16_t port) {
  auto connection = std::make_unique<Connection>();
  connection->fd = connect_to(port);
  connection->ssl = SSL_new(context);
  SSL_set_fd(connection->ssl, connection->fd);
  if (connection->fd < 0 || SSL_connect(connection->ssl) != 1) return nullptr;
  ::fcntl(connection->fd, F_SETFL, ::fcntl(connection->fd, F_GETFL) | O_NONBLOCK);
  return connection;
}

/// Whether the answer is whole; `good` says that it is a 200.
bool is_whole(const std::string& text, bool& good) {
  const auto end = text.find("\r\n\r\n");
  if (end == std::string::npos) return false;
  const auto at = std::min(text.find("Content-Length: "), text.find("content-length: "));
  const auto length = at < end ? std::strtoul(text.c_str() + at + 16, nullptr, 10) : 0;
  good = text.starts_with("HTTP/1.1 200");
  return text.size() >= end + 4 + length;
}

void begin(Run& run, Connection& connection) {
  connection.begun = run.rate == 0 ? Clock::now() : run.due();
  ++run.started;
  connection.sending = true;
  connection.sent = 0;
  connection.received.clear();
}

/// Moves what can be moved; the epoll events to wait for, or kNothing when this connection has nothing more to do for
/// now.
std::uint32_t advance(Run& run, Connection& connection) {
  char buffer[16384];
  for (;;) {
    if (connection.sending) {
      const int count = SSL_write(connection.ssl, run.request.data() + connection.sent,
                                  static_cast<int>(run.request.size() - connection.sent));
      if (count <= 0) return SSL_get_error(connection.ssl, count) == SSL_ERROR_WANT_WRITE ? kWritable : kNothing;
      connection.sent += static_cast<std::size_t>(count);
      connection.sending = connection.sent < run.request.size();
      continue;
    }
    const int count = SSL_read(connection.ssl, buffer, sizeof buffer);
    if (count <= 0) {
      if (SSL_get_error(connection.ssl, count) == SSL_ERROR_WANT_READ) return kReadable;
      ++run.failed;
      return kNothing;
    }
    connection.received.append(buffer, static_cast<std::size_t>(count));
    bool good = false;
    if (!is_whole(connection.received, good)) continue;
    ++run.done;
    if (!good) ++run.failed;
    run.latencies.push_back(std::chrono::duration<double, std::milli>(Clock::now() - connection.begun).count());
    if (run.rate > 0 || run.started >= run.wanted) return kNothing;
    begin(run, connection);
  }
}

/// Time on a CPU of all threads of a process so far, in seconds, counted in nanoseconds (proc(5) knows only ticks of
/// 10 ms in `stat`); Documentation/scheduler/sched-stats.rst.
double cpu_seconds(const char* pid) {
  double sum = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::string(pid) + "/task")) {
    std::ifstream in(task.path() / "schedstat");
    double nanoseconds = 0;
    if (in >> nanoseconds) sum += nanoseconds / 1e9;
  }
  return sum;
}

double cpu_seconds(char** first, char** last) {
  double sum = 0;
  for (char** pid = first; pid != last; ++pid) sum += cpu_seconds(*pid);
  return sum;
}

double percentile(const std::vector<double>& sorted, double part) {
  return sorted.empty() ? 0 : sorted[static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1))];
}

void drive(Run& run, std::vector<std::unique_ptr<Connection>>& connections) {
  const int epoll = ::epoll_create1(0);
  std::vector<Connection*> idle;
  const auto go_on = [&](Connection& connection) {
    epoll_event event{};
    event.events = advance(run, connection);
    event.data.ptr = &connection;
    ::epoll_ctl(epoll, EPOLL_CTL_MOD, connection.fd, &event);
    if (event.events == kNothing) idle.push_back(&connection);
  };
  for (auto& connection : connections) {
    epoll_event event{};
    event.data.ptr = connection.get();
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event);
    idle.push_back(connection.get());
  }
  std::vector<epoll_event> events(256);
  run.began = Clock::now();
  while (run.failed == 0) {
    while (!idle.empty() && run.started < run.wanted && run.due() <= Clock::now()) {
      Connection* const connection = idle.back();
      idle.pop_back();
      begin(run, *connection);
      go_on(*connection);
    }
    if (idle.size() == connections.size() && run.started >= run.wanted) break;
    auto left = std::chrono::nanoseconds(std::chrono::seconds{10});
    if (!idle.empty() && run.started < run.wanted)
      left = std::max<std::chrono::nanoseconds>(run.due() - Clock::now(), std::chrono::nanoseconds{0});
    const timespec wait{left.count() / 1'000'000'000, left.count() % 1'000'000'000};
    const int count = ::epoll_pwait2(epoll, events.data(), static_cast<int>(events.size()), &wait, nullptr);
    if (count <= 0 && left >= std::chrono::seconds{10}) break;
    for (int i = 0; i < count; ++i) go_on(*static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr));
  }
  ::close(epoll);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 7) return std::fprintf(stderr, "usage: load PORT PATH BODY_FILE CONNECTIONS REQUESTS RATE PID...\n"), 2;
  ::signal(SIGPIPE, SIG_IGN);
  std::ifstream in(argv[3], std::ios::binary);
  const std::string body((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  Run run;
  run.request = "POST " + std::string(argv[2]) +
                " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " +
                std::to_string(body.size()) + "\r\n\r\n" + body;
  run.wanted = std::strtoul(argv[5], nullptr, 10);
  run.rate = std::strtod(argv[6], nullptr);
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  std::vector<std::unique_ptr<Connection>> connections;
  for (unsigned long i = std::strtoul(argv[4], nullptr, 10); i > 0; --i) {
    auto connection = open_connection(context, static_cast<std::uint16_t>(std::atoi(argv[1])));
    if (!connection) return std::fprintf(stderr, "cannot connect\n"), 1;
    connections.push_back(std::move(connection));
  }
  const double cpu_before = cpu_seconds(argv + 7, argv + argc);
  const auto begun = Clock::now();
  drive(run, connections);
  const std::chrono::duration<double> took = Clock::now() - begun;
  const double cpu = cpu_seconds(argv + 7, argv + argc) - cpu_before;
  std::sort(run.latencies.begin(), run.latencies.end());
  std::printf(
      "{\"requests\":%zu,\"failed\":%zu,\"seconds\":%.3f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"cpu_seconds\":%.6f}\n",
      run.done, run.failed, took.count(), percentile(run.latencies, 0.5), percentile(run.latencies, 0.99), cpu);
  return run.failed == 0 && run.done >= run.wanted ? 0 : 1;
}
