#include "common/net/listener.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "common/base/number.hpp"

namespace net {
namespace {

constexpr int kBacklog = 512;

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

SocketAddress ipv4(in_addr address, std::uint16_t port) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_addr = address;
  in.sin_port = htons(port);
  SocketAddress result;
  std::memcpy(&result.storage, &in, sizeof in);
  result.size = sizeof in;
  return result;
}

SocketAddress ipv6(const in6_addr& address, std::uint16_t port) {
  sockaddr_in6 in{};
  in.sin6_family = AF_INET6;
  in.sin6_addr = address;
  in.sin6_port = htons(port);
  SocketAddress result;
  std::memcpy(&result.storage, &in, sizeof in);
  result.size = sizeof in;
  return result;
}

/// The address to bind; `every` tells whether it is the wildcard, which may fall back to IPv4.
base::Result<SocketAddress> resolve(const ListenAddress& address, bool& every) {
  every = address.host.empty() || address.host == "::";
  if (every) return ipv6(in6addr_any, address.port);
  const std::string host = address.host == "localhost" ? "127.0.0.1" : address.host;
  in_addr four{};
  if (inet_pton(AF_INET, host.c_str(), &four) == 1) return ipv4(four, address.port);
  in6_addr six{};
  if (inet_pton(AF_INET6, host.c_str(), &six) == 1) return ipv6(six, address.port);
  return base::fail("not an IP address", address.host, "write it like [::]:8443, :8081 or 127.0.0.1:8080");
}

/// A bound and listening descriptor, or -1 with errno.
int bind_and_listen(const SocketAddress& address) {
  const int fd = ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int on = 1;
  const int off = 0;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.storage.ss_family == AF_INET6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (::bind(fd, address.get(), address.size) == 0 && ::listen(fd, kBacklog) == 0) return fd;
  const int error = errno;
  ::close(fd);
  errno = error;
  return -1;
}

bool no_ipv6(int error) { return error == EAFNOSUPPORT || error == EADDRNOTAVAIL; }

std::uint16_t bound_port(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return 0;
  if (storage.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port);
  return ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
}

std::string peer_text(const sockaddr_storage& storage) {
  char text[INET6_ADDRSTRLEN] = {};
  if (storage.ss_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&storage)->sin_addr, text, sizeof text);
    return text;
  }
  const auto& address = reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&address)) {
    inet_ntop(AF_INET, &address.s6_addr[12], text, sizeof text);
  } else {
    inet_ntop(AF_INET6, &address, text, sizeof text);
  }
  return text;
}

}  // namespace

base::Result<ListenAddress> parse_listen_address(std::string_view text) {
  const auto wrong = [&](std::string what) {
    return base::fail(std::move(what), std::string(text), "write it like [::]:8443, :8081 or 127.0.0.1:8080");
  };
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong("listen address has no port");
  std::string_view host = text.substr(0, colon);
  const std::string_view port_text = text.substr(colon + 1);
  if (host.starts_with('[')) {
    if (!host.ends_with(']')) return wrong("listen address has no ']'");
    host = host.substr(1, host.size() - 2);
  } else if (host.contains(':')) {
    return wrong("an IPv6 address needs brackets");
  }
  const auto port = base::parse_number<std::uint16_t>(port_text);
  if (!port) return wrong("listen port is not a number from 0 to 65535");
  return ListenAddress{std::string(host), *port};
}

base::Result<Listener> Listener::open(std::string_view address) {
  const auto parsed = parse_listen_address(address);
  if (!parsed) return std::unexpected(parsed.error());
  bool every = false;
  const auto target = resolve(*parsed, every);
  if (!target) return std::unexpected(target.error());
  int fd = bind_and_listen(*target);
  if (fd < 0 && every && no_ipv6(errno)) fd = bind_and_listen(ipv4(in_addr{INADDR_ANY}, parsed->port));
  if (fd < 0) {
    return base::fail("cannot listen: " + base::errno_text(errno), std::string(address),
                      "choose an address of this machine and a port that is free");
  }
  Listener listener;
  listener.descriptor_ = base::Descriptor(fd);
  listener.port_ = bound_port(fd);
  return listener;
}

Accepted accept_connection(int listener) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  Accepted accepted;
  accepted.descriptor = ::accept4(listener, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (accepted.descriptor < 0) {
    accepted.error = errno;
    return accepted;
  }
  const int on = 1;
  ::setsockopt(accepted.descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  accepted.remote_addr = peer_text(peer);
  return accepted;
}

}  // namespace net
