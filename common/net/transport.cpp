#include "common/net/transport.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <memory>

#include "common/base/descriptor.hpp"

namespace net {
namespace {

IoResult moved(ssize_t bytes) { return {IoResult::State::done, static_cast<std::size_t>(bytes)}; }

class PlainTransport final : public Transport {
 public:
  explicit PlainTransport(int descriptor) : descriptor_(descriptor) {}

  IoResult handshake() override { return {IoResult::State::done}; }

  IoResult read(char* into, std::size_t size) override {
    for (;;) {
      const auto count = ::recv(descriptor_.get(), into, size, 0);
      if (count > 0) return moved(count);
      if (count == 0) return {};
      if (errno == EINTR) continue;
      return {errno == EAGAIN || errno == EWOULDBLOCK ? IoResult::State::want_read : IoResult::State::closed};
    }
  }

  IoResult write(std::string_view bytes) override {
    for (;;) {
      const auto count = ::send(descriptor_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count >= 0) return moved(count);
      if (errno == EINTR) continue;
      return {errno == EAGAIN || errno == EWOULDBLOCK ? IoResult::State::want_write : IoResult::State::closed};
    }
  }

  bool has_buffered() const override { return false; }
  void finish_writing() override { ::shutdown(descriptor_.get(), SHUT_WR); }
  int descriptor() const override { return descriptor_.get(); }

 private:
  base::Descriptor descriptor_;
};

struct SslDeleter {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using SslPointer = std::unique_ptr<SSL, SslDeleter>;

class TlsTransport final : public Transport {
 public:
  TlsTransport(base::Descriptor descriptor, SslPointer ssl)
      : descriptor_(std::move(descriptor)), ssl_(std::move(ssl)) {}

  IoResult handshake() override {
    ERR_clear_error();
    const int result = SSL_accept(ssl_.get());
    return result == 1 ? IoResult{IoResult::State::done} : waiting(result);
  }

  IoResult read(char* into, std::size_t size) override {
    ERR_clear_error();
    const int result = SSL_read(ssl_.get(), into, static_cast<int>(std::min<std::size_t>(size, INT_MAX)));
    return result > 0 ? moved(result) : waiting(result);
  }

  IoResult write(std::string_view bytes) override {
    ERR_clear_error();
    const int result =
        SSL_write(ssl_.get(), bytes.data(), static_cast<int>(std::min<std::size_t>(bytes.size(), INT_MAX)));
    return result > 0 ? moved(result) : waiting(result);
  }

  bool has_buffered() const override { return SSL_has_pending(ssl_.get()) != 0; }

  void finish_writing() override {
    ERR_clear_error();
    if (SSL_is_init_finished(ssl_.get()) != 0 && !broken_) SSL_shutdown(ssl_.get());
    ::shutdown(descriptor_.get(), SHUT_WR);
  }

  int descriptor() const override { return descriptor_.get(); }

 private:
  IoResult waiting(int result) {
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ:
        return {IoResult::State::want_read};
      case SSL_ERROR_WANT_WRITE:
        return {IoResult::State::want_write};
      case SSL_ERROR_ZERO_RETURN:
        return {};
      default:
        broken_ = true;  // after a fatal error SSL_shutdown must not be called
        return {};
    }
  }

  base::Descriptor descriptor_;
  SslPointer ssl_;
  bool broken_ = false;
};

}  // namespace

std::unique_ptr<Transport> make_plain_transport(int descriptor) { return std::make_unique<PlainTransport>(descriptor); }

std::unique_ptr<Transport> make_tls_transport(int descriptor, ssl_ctx_st* context) {
  base::Descriptor owned(descriptor);
  SslPointer ssl(context != nullptr ? SSL_new(context) : nullptr);
  if (!ssl || SSL_set_fd(ssl.get(), owned.get()) != 1) return nullptr;
  SSL_set_accept_state(ssl.get());
  return std::make_unique<TlsTransport>(std::move(owned), std::move(ssl));
}

}  // namespace net
