#include "test/support/raw_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include "common/net/openssl.hpp"

namespace test {
namespace {

SSL_CTX* client_context() {
  static SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  return context;
}

int connect_to(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    ::close(fd);
    return -1;
  }
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

std::size_t content_length(const std::string& head) {
  const auto at = head.find("Content-Length: ");
  return at == std::string::npos ? 0 : std::strtoul(head.c_str() + at + 16, nullptr, 10);
}

}  // namespace

struct RawClient::State {
  int fd = -1;
  SSL* ssl = nullptr;
  bool good = false;
  std::string received;

  ~State() {
    if (ssl != nullptr) SSL_free(ssl);
    if (fd >= 0) ::close(fd);
  }

  /// More bytes into `received`; false at the end of the stream, on an error and at the timeout.
  bool fill(std::chrono::milliseconds timeout) {
    if (ssl == nullptr || SSL_pending(ssl) == 0) {
      pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
      if (::poll(&waiting, 1, static_cast<int>(timeout.count())) != 1) return false;
    }
    char buffer[16384];
    const auto count =
        ssl != nullptr ? SSL_read(ssl, buffer, sizeof buffer) : static_cast<int>(::recv(fd, buffer, sizeof buffer, 0));
    if (count <= 0) return false;
    received.append(buffer, static_cast<std::size_t>(count));
    return true;
  }
};

RawClient::RawClient(std::uint16_t port, Security security) : state_(std::make_unique<State>()) {
  state_->fd = connect_to(port);
  state_->good = state_->fd >= 0;
  if (!state_->good || security == Security::plain) return;
  state_->ssl = SSL_new(client_context());
  SSL_set_fd(state_->ssl, state_->fd);
  state_->good = SSL_connect(state_->ssl) == 1;
}

RawClient::~RawClient() = default;
RawClient::RawClient(RawClient&&) noexcept = default;
RawClient& RawClient::operator=(RawClient&&) noexcept = default;

bool RawClient::connected() const { return state_->good; }
int RawClient::descriptor() const { return state_->fd; }

bool RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto count = state_->ssl != nullptr
                           ? SSL_write(state_->ssl, bytes.data(), static_cast<int>(bytes.size()))
                           : static_cast<int>(::send(state_->fd, bytes.data(), bytes.size(), MSG_NOSIGNAL));
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

RawResponse RawClient::receive(std::chrono::milliseconds timeout) {
  auto& received = state_->received;
  auto end = received.find("\r\n\r\n");
  while (end == std::string::npos) {
    if (!state_->fill(timeout)) return {};
    end = received.find("\r\n\r\n");
  }
  RawResponse response{.status = 0, .head = received.substr(0, end + 4), .body = {}};
  const auto length = content_length(response.head);
  while (received.size() < end + 4 + length) {
    if (!state_->fill(timeout)) return {};
  }
  response.body = received.substr(end + 4, length);
  received.erase(0, end + 4 + length);
  response.status = std::atoi(response.head.c_str() + sizeof "HTTP/1.1");
  return response;
}

RawResponse RawClient::exchange(std::string_view bytes) {
  send(bytes);
  return receive();
}

bool RawClient::closed_within(std::chrono::milliseconds timeout) {
  const auto begin = std::chrono::steady_clock::now();
  const auto before = state_->received.size();
  const bool more = state_->fill(timeout);
  return !more && state_->received.size() == before && std::chrono::steady_clock::now() - begin < timeout;
}

std::string RawClient::peer_certificate() const {
  const net::Owned<X509> certificate(SSL_get1_peer_certificate(state_->ssl));
  return net::fingerprint(certificate.get());
}

std::string get(std::string_view path, std::string_view extra_headers) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: test\r\n" + std::string(extra_headers) + "\r\n";
}

std::string post(std::string_view path, std::string_view body, std::string_view extra_headers) {
  return "POST " + std::string(path) +
         " HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n" + std::string(extra_headers) + "\r\n" + std::string(body);
}

}  // namespace test
