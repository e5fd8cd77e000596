#include "reconciler/sample/connection.hpp"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "common/net/head.hpp"

namespace reconciler {

Connection::~Connection() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::expected<Connection, int> Connection::open(const std::string& ip, int port, Time deadline) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(ip.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return std::unexpected(EINVAL);
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> address(found, ::freeaddrinfo);
  const int descriptor = ::socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return std::unexpected(errno);
  Connection connection(descriptor, deadline);
  if (::connect(descriptor, address->ai_addr, address->ai_addrlen) == 0) return connection;
  if (errno != EINPROGRESS) return std::unexpected(errno);
  if (!connection.wait_for(POLLOUT)) return std::unexpected(ETIMEDOUT);
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return std::unexpected(error);
  return connection;
}

bool Connection::wait_for(short what) const {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
  pollfd waiting{descriptor_, what, 0};
  return ::poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0))) == 1;
}

bool Connection::send(std::string_view text) {
  while (!text.empty()) {
    const auto sent = ::send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      text.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno != EAGAIN || !wait_for(POLLOUT)) {
      return false;
    }
  }
  return true;
}

bool Connection::receive(std::string& text) {
  std::array<char, 4096> part{};
  while (wait_for(POLLIN)) {
    const auto got = ::recv(descriptor_, part.data(), part.size(), 0);
    if (got > 0) text.append(part.data(), static_cast<std::size_t>(got));
    if (got >= 0 || errno != EAGAIN) return got > 0;
  }
  return false;
}

std::optional<std::size_t> Connection::receive_head(std::string& text) {
  constexpr std::size_t kLargest = std::size_t{64} << 10U;
  while (text.size() <= kLargest && receive(text)) {
    if (const auto size = net::head_size(text)) return size;
  }
  return std::nullopt;
}

}  // namespace reconciler
