#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/error.hpp"
#include "common/net/http.hpp"

namespace net {

class TlsContext;

/// Limits and times of a server; the defaults suit an admission webhook and a probe port alike.
struct ServerOptions {
  /// `[::]:8443` and `:8081` (all addresses, IPv6 and IPv4; IPv4 alone where the machine has no IPv6),
  /// `127.0.0.1:0` (a free port, see `Server::port`), `[::1]:8080`.
  std::string listen{};
  /// With it the server speaks TLS; it may be empty of certificates still, then handshakes fail until one is loaded.
  std::shared_ptr<TlsContext> tls{};
  /// Threads for ordinary handlers.
  std::size_t workers = 2;
  /// Threads for routes marked `Pace::slow` and for large bodies, started when there is such a route or such a size;
  /// further slow requests wait.
  std::size_t slow_workers = 4;
  /// A request with a larger body is slow, whatever its route.
  std::size_t slow_body_bytes = std::numeric_limits<std::size_t>::max();
  /// Events that a thread takes up at one wake-up. Each wake-up costs; but all but the first wait for its answer, also
  /// while another thread has nothing to do, so more than one is for handlers that take microseconds.
  std::size_t events_per_wakeup = 1;
  /// A request line with its headers; more is answered 431.
  std::size_t max_head_bytes = std::size_t{32} << 10U;
  /// A body on the wire; more is answered 413. The API server's objects end at 1.5 MiB, a review may hold two.
  std::size_t max_body_bytes = std::size_t{4} << 20U;
  /// All bodies over 32 KiB that are in memory at one time; further ones wait for their turn.
  std::size_t large_body_budget = std::size_t{8} << 20U;
  /// When it is reached, the waiting connection that is nearest to its deadline is closed for each new one. A half TLS
  /// handshake is the dearest kind, with about 48 KiB (measured, OpenSSL 3.0).
  std::size_t max_connections = 768;
  /// Keep-alive without a request. The API server keeps its end for 90 s, so ours must be longer.
  std::chrono::milliseconds idle_timeout{120'000};
  std::chrono::milliseconds handshake_timeout{5'000};
  /// From the first byte of a request to its last, however it trickles in; then 408.
  std::chrono::milliseconds request_timeout{10'000};
  /// From the first byte of an answer to its last.
  std::chrono::milliseconds write_timeout{10'000};
};

/// Whether a handler may block for long (`/drain`): slow ones have threads of their own and starve nobody.
enum class Pace { fast, slow };

/// A handler may run on several threads at once. An exception becomes 500 and a log line.
using Handler = std::function<Response(const Request&)>;

/// Counts since the start, for metrics.
struct ServerStats {
  std::size_t open_connections = 0;
  std::uint64_t accepted = 0;
  std::uint64_t failed_handshakes = 0;
  /// Requests that the server refused itself (400, 408, 411, 413, 431, 503).
  std::uint64_t refused = 0;
};

/// The one HTTP server of this project: plain for probes, metrics, agent and progress, TLS for admission.
///
///     net::Server server({.listen = ":8081"});
///     server.route("GET", "/healthz", [](const net::Request&) { return net::plain(200, "ok"); });
///     if (auto started = server.start(); !started) ...
///
/// Connections wait in one epoll set and cost no thread; a thread takes one up when it is readable, and only a request
/// that has arrived whole reaches a handler, so slow peers hold memory (bounded) but never a thread. An answer leaves
/// in one write.
class Server {
 public:
  explicit Server(ServerOptions options);
  /// Stops, with 5 s for what is in flight.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Before `start`. Paths match exactly; a GET route answers HEAD too. Another method is 405, another path 404.
  void route(std::string_view method, std::string_view path, Handler handler, Pace pace = Pace::fast);
  /// Listens and starts the threads; an error names the address.
  [[nodiscard]] base::Result<> start();
  /// The port in use, also when the address asked for a free one; 0 before `start`. Thread-safe.
  [[nodiscard]] std::uint16_t port() const;
  /// From now on every answer closes its connection, so that clients move elsewhere; new ones are still served.
  /// For the time between SIGTERM and the moment when nobody is sent here any more. Thread-safe.
  void begin_drain();
  /// Stops listening, answers what has begun, closes the rest and ends the threads; after `grace` it cuts. Blocks.
  void stop(std::chrono::milliseconds grace = std::chrono::milliseconds{5'000});
  [[nodiscard]] ServerStats stats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace net
