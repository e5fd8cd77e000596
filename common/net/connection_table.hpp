#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "common/base/clock.hpp"
#include "common/net/transport.hpp"

namespace net {

/// What a connection does next when its socket is ready, or what it is being waited for.
///
///     handshaking ─► reading ─► writing ─┬─► reading
///                       │                └─► lingering ─► closed
///                       └─► (refused) ─► writing
enum class Phase { handshaking, reading, writing, lingering };

/// One client connection. Belongs to one thread at a time, or to the table while it is parked.
struct Connection {
  std::uint64_t id = 0;
  std::unique_ptr<Transport> transport{};
  /// Whether the epoll set knows its descriptor.
  bool in_epoll = false;
  std::string remote_addr{};
  Phase phase = Phase::reading;
  /// What came and is not answered yet: at most one head, or one whole request and what was sent behind it.
  std::string input{};
  /// How much of `input` has been searched for the end of the head.
  std::size_t searched = 0;
  /// The size of the request in `input`, once its head is complete; else 0.
  std::size_t request_size = 0;
  std::string output{};
  std::size_t written = 0;
  bool close_after_write = false;
  bool sent_continue = false;
  /// Answers given so far.
  std::size_t served = 0;
  /// Bytes taken from the budget of large bodies.
  std::size_t reserved = 0;
  /// With `reserved` for a large body: when all of it must be here.
  base::SteadyTime body_deadline{};
  /// Bytes thrown away while lingering.
  std::size_t discarded = 0;
  base::SteadyTime accepted_at{};
  /// When the present phase (handshake, request, answer, idling) is over at the latest.
  base::SteadyTime deadline{};
};

/// What to wait for. `nothing` waits for a deadline, or for `wake`, and does not hear that the peer has hung up.
enum class Interest { nothing, readable, writable };

/// The connections of a server: who is parked, until when, and the epoll set that wakes them. A parked connection is
/// handed out once, either by its event or by its deadline. Thread-safe.
class ConnectionTable {
 public:
  explicit ConnectionTable(int epoll) : epoll_(epoll) {}

  /// Takes a new connection in, parked until it is readable. Ids start after `kFirstId`.
  void add(std::unique_ptr<Connection> connection);
  /// Gives the connection out of the caller's hands; it must not be touched afterwards. False when what it waits for
  /// has come meanwhile: then it is the caller's still.
  [[nodiscard]] bool park(Connection& connection, Interest interest);
  /// The parked connection of an event, now the caller's; null when it is gone, or in other hands, which will be told.
  [[nodiscard]] Connection* claim(std::uint64_t id);
  /// A parked connection that is `wanted`, now the caller's.
  [[nodiscard]] Connection* claim_if(const std::function<bool(const Connection&)>& wanted);
  /// The parked connection that is nearest to its deadline, now the caller's.
  [[nodiscard]] Connection* claim_nearest_deadline();
  /// Makes a parked connection's event come at once, or when it is parked next; nothing happens when it is gone.
  void wake(std::uint64_t id);
  /// Closes a connection that is the caller's.
  void close(Connection& connection);
  [[nodiscard]] std::size_t size() const;

  static constexpr std::uint64_t kFirstId = 16;

 private:
  struct Entry {
    std::unique_ptr<Connection> connection{};
    bool parked = false;
    /// What it waits for came while it was in somebody's hands.
    bool woken = false;
  };

  static Connection* take(Entry& entry);  // caller holds the mutex
  /// For whoever holds the connection; while it is parked, whoever holds the mutex.
  void arm(Connection& connection, std::uint32_t events) const;

  int epoll_;
  mutable std::mutex mutex_;  // guards all below
  std::unordered_map<std::uint64_t, Entry> entries_;
  std::uint64_t next_id_ = kFirstId;
};

}  // namespace net
