#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "test/support/eventually.hpp"

namespace test {

/// What a server sent: status 0 when it closed without a whole answer.
struct RawResponse {
  int status = 0;
  std::string head;
  std::string body;
};

/// A client that sends exactly the bytes it is given, over a loopback socket, plain or with TLS (trusting anyone).
class RawClient {
 public:
  enum class Security { plain, tls };
  RawClient(std::uint16_t port, Security security = Security::plain);
  ~RawClient();
  RawClient(RawClient&&) noexcept;
  RawClient& operator=(RawClient&&) noexcept;

  /// Whether the connection, and with TLS its handshake, succeeded.
  [[nodiscard]] bool connected() const;
  /// False when the peer is gone.
  bool send(std::string_view bytes);
  /// One answer with its Content-Length; waits at most `timeout` for each part.
  [[nodiscard]] RawResponse receive(std::chrono::milliseconds timeout = kPatience);
  [[nodiscard]] RawResponse exchange(std::string_view bytes);
  /// Whether the server ends the connection within `timeout`, with nothing more to read.
  [[nodiscard]] bool closed_within(std::chrono::milliseconds timeout);
  /// SHA-256 of the server's certificate, 64 hex digits.
  [[nodiscard]] std::string peer_certificate() const;
  [[nodiscard]] int descriptor() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A GET and a POST as any client writes them.
[[nodiscard]] std::string get(std::string_view path, std::string_view extra_headers = {});
[[nodiscard]] std::string post(std::string_view path, std::string_view body, std::string_view extra_headers = {});

}  // namespace test
