#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/descriptor.hpp"
#include "common/base/error.hpp"

namespace net {

/// Where a server listens. An empty host means every address of the machine.
struct ListenAddress {
  std::string host;
  std::uint16_t port = 0;
  bool operator==(const ListenAddress&) const = default;
};

/// Reads `[::]:8443`, `:8081`, `127.0.0.1:0`, `[::1]:8080`, `0.0.0.0:80`, `localhost:80`. Hosts are numeric, or
/// `localhost`.
[[nodiscard]] base::Result<ListenAddress> parse_listen_address(std::string_view text);

/// A listening, non-blocking socket. Owns its descriptor.
class Listener {
 public:
  Listener() = default;

  /// Binds with SO_REUSEADDR (never SO_REUSEPORT: two servers on one port would share the clients unnoticed) and a
  /// backlog of 512. `[::]` takes IPv4 too, and becomes 0.0.0.0 where the machine has no IPv6.
  [[nodiscard]] static base::Result<Listener> open(std::string_view address);

  [[nodiscard]] int descriptor() const { return descriptor_.get(); }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  void close() { descriptor_.close(); }

 private:
  base::Descriptor descriptor_;
  std::uint16_t port_ = 0;
};

/// One connection taken from a listener: non-blocking, TCP_NODELAY. A descriptor of -1 means none (see `error`).
struct Accepted {
  int descriptor = -1;
  /// IPv4 peers of a dual-stack socket come as IPv4: "192.0.2.1".
  std::string remote_addr;
  /// errno when there is no connection: EAGAIN is the end of the queue.
  int error = 0;
};
[[nodiscard]] Accepted accept_connection(int listener);

}  // namespace net
