#include "test/fakes/file_host/connection.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace fakes {
namespace {

constexpr std::size_t kLongestHead = 65536;

}  // namespace

Connection::Connection(int socket, SSL_CTX* tls) : socket_(socket) {
  const int on = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (tls == nullptr) return;
  ssl_ = SSL_new(tls);
  SSL_set_fd(ssl_, socket_);
  open_ = SSL_accept(ssl_) == 1;
}

Connection::~Connection() {
  if (ssl_ != nullptr) {
    if (open_) SSL_shutdown(ssl_);
    SSL_free(ssl_);
  }
  ::close(socket_);
}

void Connection::shut() { ::shutdown(socket_, SHUT_RDWR); }

long Connection::read_some(char* into, int size) {
  return ssl_ != nullptr ? SSL_read(ssl_, into, size) : ::recv(socket_, into, static_cast<std::size_t>(size), 0);
}

std::string Connection::read_head() {
  std::array<char, 8192> block{};
  for (;;) {
    const auto end = pending_.find("\r\n\r\n");
    if (end != std::string::npos) {
      std::string head = pending_.substr(0, end + 4);
      pending_.erase(0, end + 4);
      return head;
    }
    const long got =
        open_ && pending_.size() < kLongestHead ? read_some(block.data(), static_cast<int>(block.size())) : 0;
    if (got <= 0) return {};
    pending_.append(block.data(), static_cast<std::size_t>(got));
  }
}

bool Connection::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const int part = static_cast<int>(std::min<std::size_t>(bytes.size(), std::size_t{1} << 20U));
    const long sent = ssl_ != nullptr ? SSL_write(ssl_, bytes.data(), part)
                                      : ::send(socket_, bytes.data(), static_cast<std::size_t>(part), MSG_NOSIGNAL);
    if (sent <= 0) {
      open_ = false;
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::uint64_t Connection::send_file(int file, std::uint64_t offset, std::uint64_t size) {
  std::uint64_t done = 0;
  if (ssl_ == nullptr) {
    off_t at = static_cast<off_t>(offset);
    while (done < size) {
      const ssize_t sent = ::sendfile(socket_, file, &at, static_cast<std::size_t>(size - done));
      if (sent <= 0) {
        open_ = false;
        break;
      }
      done += static_cast<std::uint64_t>(sent);
    }
    return done;
  }
  std::string block(std::size_t{256} << 10U, '\0');
  while (done < size) {
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), size - done));
    const ssize_t got = ::pread(file, block.data(), part, static_cast<off_t>(offset + done));
    if (got <= 0 || !write({block.data(), static_cast<std::size_t>(got)})) break;
    done += static_cast<std::uint64_t>(got);
  }
  return done;
}

void Connection::wait_for_end() {
  std::array<char, 256> block{};
  while (read_some(block.data(), static_cast<int>(block.size())) > 0) {
  }
}

}  // namespace fakes
