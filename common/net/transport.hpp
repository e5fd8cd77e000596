#pragma once
#include <cstddef>
#include <memory>
#include <string_view>

struct ssl_st;
struct ssl_ctx_st;

namespace net {

/// How one non-blocking operation ended: it moved `bytes`, or it must wait for the socket, or the connection is over.
struct IoResult {
  enum class State { done, want_read, want_write, closed };
  State state = State::closed;
  std::size_t bytes = 0;
};

/// Bytes to and from one peer, never blocking: a plain socket or TLS over it. Owns the descriptor.
/// Used by one thread at a time.
class Transport {
 public:
  virtual ~Transport() = default;
  /// One step of the handshake; `done` when there is nothing (more) to do.
  [[nodiscard]] virtual IoResult handshake() = 0;
  [[nodiscard]] virtual IoResult read(char* into, std::size_t size) = 0;
  [[nodiscard]] virtual IoResult write(std::string_view bytes) = 0;
  /// Whether bytes wait inside, which the socket will not announce: a second request that came with the first one.
  [[nodiscard]] virtual bool has_buffered() const = 0;
  /// Says goodbye (close_notify) and ends our direction; the peer can still be read from.
  virtual void finish_writing() = 0;
  [[nodiscard]] virtual int descriptor() const = 0;
};

[[nodiscard]] std::unique_ptr<Transport> make_plain_transport(int descriptor);
/// Takes its certificate from `context` as it is now; null when OpenSSL has no memory, and the descriptor is closed.
[[nodiscard]] std::unique_ptr<Transport> make_tls_transport(int descriptor, ssl_ctx_st* context);

}  // namespace net
