#pragma once
#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace fakes {

/// A client's connection, plain or TLS. For one thread; `shut` may come from another.
class Connection {
 public:
  /// Takes over `socket`.
  Connection(int socket, SSL_CTX* tls);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] bool open() const { return open_; }
  /// Everything up to and including the first empty line; empty when the client went away.
  [[nodiscard]] std::string read_head();
  /// False when the client went away.
  [[nodiscard]] bool write(std::string_view bytes);
  /// Bytes of a file, from the page cache to the socket where there is no TLS; how many went.
  [[nodiscard]] std::uint64_t send_file(int file, std::uint64_t offset, std::uint64_t size);
  /// Blocks until the client goes away or `shut`.
  void wait_for_end();
  void shut();

 private:
  [[nodiscard]] long read_some(char* into, int size);

  int socket_;
  SSL* ssl_ = nullptr;
  bool open_ = true;
  std::string pending_;
};

}  // namespace fakes
