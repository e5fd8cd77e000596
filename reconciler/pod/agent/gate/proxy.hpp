#pragma once
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "common/base/descriptor.hpp"
#include "common/base/error.hpp"
#include "common/net/listener.hpp"
#include "reconciler/pod/agent/gate/connection.hpp"
#include "reconciler/pod/agent/gate/shared_scheduler.hpp"

namespace agent {

/// The gate's I/O: one thread, one epoll set, any number of clients. Requests that may go in are passed to llama-server
/// on a connection each (llama-server closes it after every answer of a model anyway), and answers are passed back as
/// they come.
class Proxy : private ConnectionHost {
 public:
  struct Options {
    std::string listen = ":8090";
    /// llama-server, a numeric IPv4 address.
    std::string server_host = "127.0.0.1";
    std::uint16_t server_port = 8080;
    /// The agent's own port on 127.0.0.1, for /metrics.
    std::uint16_t agent_port = 8081;
    std::size_t max_body_bytes = std::size_t{64} << 20U;
    /// What connections may hold together, of requests and answers: up to `large_bytes` with those whose body is over
    /// 64 KiB, and `small_bytes` more with smaller ones; a request for which there is no room is answered 503. Answers
    /// for slow readers and bodies for a second try get half of `large_bytes`; above that they pass in steps of 4 KiB.
    /// Not counted are the first 4 KiB of each connection and those steps. So by default, of the container's 256 MiB,
    ///
    ///     128 MiB + 16 MiB + 4096 connections x (4 + 4 KiB, and 2 KiB for the connection itself) = 184 MiB
    ///
    /// at most, 8 MiB for a moment while a body's buffer grows, and 32 MiB that were given back but not yet to the
    /// system.
    std::size_t large_bytes = std::size_t{128} << 20U;
    std::size_t small_bytes = std::size_t{16} << 20U;
    std::size_t max_connections = 4096;
  };

  Proxy(Options options, SharedScheduler& scheduler, const base::Clock& clock);
  ~Proxy() override;

  /// Listens and starts the thread.
  [[nodiscard]] base::Result<> start();
  /// Ends the thread: answers under way get up to `grace`.
  void stop(std::chrono::milliseconds grace = std::chrono::milliseconds{2'000});
  [[nodiscard]] std::uint16_t port() const { return listener_.port(); }
  /// Open connections of clients. Thread-safe.
  [[nodiscard]] std::size_t connections() const { return connection_count_; }
  /// What they hold, as far as it counts. Thread-safe.
  [[nodiscard]] std::size_t held_bytes() const { return held_bytes_; }

 private:
  void run();
  void wake();
  void accept_all();
  void watch_listener(std::uint32_t events);
  void decide();
  void tick();
  void trim();
  void end_farewell(int server);
  void handle(std::uint64_t key, std::uint32_t events);
  [[nodiscard]] int timeout_ms() const;

  void watch(int descriptor, std::uint32_t events, Connection& connection, bool server, bool is_new) override;
  void expect(Scheduler::Ticket ticket, Connection& connection) override;
  void forget(Scheduler::Ticket ticket) override;
  void see_off(int server, std::optional<Scheduler::Ticket> ticket) override;
  void bury(Connection& connection) override;
  [[nodiscard]] SharedScheduler& scheduler() override { return scheduler_; }
  [[nodiscard]] base::SteadyTime now() const override { return clock_.steady(); }
  [[nodiscard]] int connect(bool agent) override;
  [[nodiscard]] std::size_t max_body_bytes() const override { return options_.max_body_bytes; }
  void count_held(std::size_t before, std::size_t now) override;
  [[nodiscard]] bool has_room(Need need) const override;
  [[nodiscard]] bool stopping() const override { return stopping_ || scheduler_.is_closing(); }

  const Options options_;
  SharedScheduler& scheduler_;
  const base::Clock& clock_;
  net::Listener listener_;
  base::Descriptor epoll_;
  base::Descriptor wake_;
  std::thread thread_;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::int64_t> grace_ms_ = 0;
  std::atomic<std::size_t> connection_count_ = 0;
  std::atomic<std::size_t> held_bytes_ = 0;

  // Only the thread touches these.
  std::unordered_map<Connection*, std::unique_ptr<Connection>> connections_;
  std::unordered_map<Scheduler::Ticket, Connection*> waiting_;
  std::vector<Connection*> buried_;
  /// Connections to llama-server whose answer is complete, until it closes them.
  struct Farewell {
    std::optional<Scheduler::Ticket> ticket;
    base::SteadyTime since;
  };
  std::unordered_map<int, Farewell> farewells_;
  /// The most that was held since memory was given back to the system.
  std::size_t most_held_ = 0;
  /// There was no memory or descriptor for a new connection.
  bool listener_paused_ = false;
  bool decide_due_ = false;
  std::optional<base::SteadyTime> next_wakeup_;
  base::SteadyTime next_tick_;
};

}  // namespace agent
