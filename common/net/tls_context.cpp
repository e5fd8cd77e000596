#include "common/net/tls_context.hpp"

#include <utility>

#include "common/net/openssl.hpp"

namespace net {
namespace {

/// Clients that speak HTTP/2 offer both; only HTTP/1.1 is spoken here.
int choose_http1(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* offered,
                 unsigned int offered_size, void*) {
  static constexpr unsigned char kHttp1[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kHttp1, sizeof kHttp1 - 1, offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

void set_policy(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
                                   SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_CIPHER_SERVER_PREFERENCE);
  // Resumption is worth nothing to clients that keep their connections, and would outlive a rotated certificate.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  // An idle connection holds no 34 KiB of record buffers; a write may be continued from another thread's buffer.
  SSL_CTX_set_mode(context,
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // A record's head and body come in one read.
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_alpn_select_cb(context, choose_http1, nullptr);
}

/// The context for a pair that `check_pair` has found good.
base::Result<std::shared_ptr<SSL_CTX>> build(const std::string& certificate, const std::string& key,
                                             const std::string& where) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), FreeOpenSsl{});
  if (!context) return base::fail("OpenSSL has no memory for a TLS context", where);
  set_policy(context.get());
  if (!use_pair(context.get(), certificate, key)) {
    return base::fail("OpenSSL does not take this certificate and key", where, "give another key pair");
  }
  return context;
}

}  // namespace

TlsContext::TlsContext(std::string certificate_file, std::string key_file)
    : certificate_file_(std::move(certificate_file)), key_file_(std::move(key_file)) {}

TlsContext::~TlsContext() = default;

base::Result<bool> TlsContext::refresh() {
  const std::lock_guard lock(mutex_);
  // Before the files are read: what changes while they are read is seen by the next call.
  const Stamps stamps{base::stamp_file(certificate_file_), base::stamp_file(key_file_)};
  if (seen_ == stamps) return false;
  seen_ = stamps;
  const auto certificate = base::read_file(certificate_file_);
  if (!certificate) return std::unexpected(certificate.error());
  const auto key = base::read_file(key_file_);
  if (!key) return std::unexpected(key.error());
  if (auto matched = check_pair(*certificate, *key, certificate_file_); !matched) {
    return std::unexpected(matched.error());
  }
  auto info = read_certificate(*certificate, certificate_file_);
  if (!info) return std::unexpected(info.error());
  auto context = build(*certificate, *key, certificate_file_);
  if (!context) return std::unexpected(context.error());
  const bool other = !info_ || info_->sha256 != info->sha256;
  context_ = std::move(*context);
  info_ = std::move(*info);
  return other;
}

std::shared_ptr<ssl_ctx_st> TlsContext::current() const {
  const std::lock_guard lock(mutex_);
  return context_;
}

std::optional<CertificateInfo> TlsContext::served() const {
  const std::lock_guard lock(mutex_);
  return info_;
}

}  // namespace net
