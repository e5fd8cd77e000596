#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <functional>
#include <string>
#include <thread>

/// A listener on the loopback interface that gives each connection to a function: for servers that misbehave below
/// HTTP. Connections are served one after the other.
class RawServer {
 public:
  explicit RawServer(std::function<void(int fd)> serve) : serve_(std::move(serve)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(listener_, 16);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] {
      while (true) {
        const int fd = ::accept(listener_, nullptr, nullptr);
        if (fd < 0) return;
        serve_(fd);
        // What the peer has not read yet, and that this is the end, is with it when this returns.
        const linger until_it_has_all{.l_onoff = 1, .l_linger = 10};
        ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &until_it_has_all, sizeof until_it_has_all);
        ::close(fd);
        ++closed_;
      }
    });
  }
  ~RawServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;

  [[nodiscard]] std::string url(const std::string& scheme = "http") const {
    return scheme + "://127.0.0.1:" + std::to_string(port_);
  }

  [[nodiscard]] int port() const { return port_; }
  /// Connections that are closed, as their peers know.
  [[nodiscard]] int closed() const { return closed_; }

  /// Reads up to the end of a request's head; false when the peer hung up.
  static bool read_head(int fd) {
    std::string text;
    std::array<char, 4096> part{};
    while (text.find("\r\n\r\n") == std::string::npos) {
      const auto n = ::recv(fd, part.data(), part.size(), 0);
      if (n <= 0) return false;
      text.append(part.data(), static_cast<std::size_t>(n));
    }
    return true;
  }
  static void send_text(int fd, const std::string& text) { ::send(fd, text.data(), text.size(), MSG_NOSIGNAL); }
  /// Whether the peer has hung up; it says nothing more otherwise.
  static bool has_hung_up(int fd) {
    char byte = 0;
    const auto got = ::recv(fd, &byte, 1, MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN);
  }
  /// Until the peer hangs up.
  static void wait_for_hang_up(int fd) {
    std::array<char, 256> part{};
    while (::recv(fd, part.data(), part.size(), 0) > 0) {
    }
  }

 private:
  std::function<void(int)> serve_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<int> closed_ = 0;
  std::thread thread_;
};
