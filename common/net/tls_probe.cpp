#include "common/net/tls_probe.hpp"

#include "common/net/openssl.hpp"

namespace net {
namespace {

std::unexpected<base::Error> failed(const std::string& what, const std::string& where) {
  return base::fail(what + ": " + openssl_text(), where);
}

/// Connects, then shakes hands; BIO_do_connect_retry and the socket timeout bound each step.
base::Result<> shake_hands(BIO* bio, std::chrono::milliseconds timeout, const std::string& where) {
  const auto seconds = static_cast<int>((timeout.count() + 999) / 1000);
  BIO_set_nbio(bio, 1);
  if (BIO_do_connect_retry(bio, seconds, 5) != 1) return failed("no TLS handshake", where);
  return {};
}

}  // namespace

base::Result<std::string> probe_certificate(const std::string& host, std::uint16_t port,
                                            std::chrono::milliseconds timeout) {
  const auto where = (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + std::to_string(port);
  const Owned<SSL_CTX> context(SSL_CTX_new(TLS_client_method()));
  const Owned<BIO> bio(context ? BIO_new_ssl_connect(context.get()) : nullptr);
  if (!bio) return failed("OpenSSL has no memory", where);
  BIO_set_conn_hostname(bio.get(), where.c_str());
  if (auto shaken = shake_hands(bio.get(), timeout, where); !shaken) return std::unexpected(shaken.error());
  SSL* ssl = nullptr;
  BIO_get_ssl(bio.get(), &ssl);
  const Owned<X509> certificate(ssl != nullptr ? SSL_get1_peer_certificate(ssl) : nullptr);
  if (!certificate) return failed("the server showed no certificate", where);
  auto digest = fingerprint(certificate.get());
  BIO_ssl_shutdown(bio.get());
  return digest;
}

}  // namespace net
