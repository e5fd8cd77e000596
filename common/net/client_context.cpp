#include "common/net/client_context.hpp"

#include <arpa/inet.h>

#include <array>

#include "common/net/certificate.hpp"

namespace net {
namespace {

base::Result<> trust(SSL_CTX* context, const ClientTls& tls, const std::string& host) {
  const auto authorities = parse_certificates(tls.ca_pem);
  if (sk_X509_num(authorities.get()) < 1)
    return base::fail("no certificate authority to trust", host, "give its certificate as PEM");
  X509_STORE* store = X509_STORE_new();
  if (store == nullptr) return base::fail("no memory for certificate authorities", host);
  for (int i = 0; i < sk_X509_num(authorities.get()); ++i)
    X509_STORE_add_cert(store, sk_X509_value(authorities.get(), i));
  SSL_CTX_set_cert_store(context, store);  // takes it over
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  X509_VERIFY_PARAM* checks = SSL_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_hostflags(checks, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  const std::string& name = tls.server_name.empty() ? host : tls.server_name;
  const int set = is_ip_address(name) ? X509_VERIFY_PARAM_set1_ip_asc(checks, name.c_str())
                                      : X509_VERIFY_PARAM_set1_host(checks, name.c_str(), name.size());
  if (set != 1) return base::fail("not a name that a certificate can hold", name);
  return {};
}

base::Result<> identify(SSL_CTX* context, const ClientTls& tls, const std::string& host) {
  if (tls.certificate_pem.empty()) return {};
  if (auto matched = check_pair(tls.certificate_pem, tls.key_pem, host); !matched) return matched;
  if (!use_pair(context, tls.certificate_pem, tls.key_pem))
    return base::fail("OpenSSL does not take the client certificate and its key", host, "give another key pair");
  return {};
}

}  // namespace

bool is_ip_address(const std::string& host) {
  std::array<unsigned char, 16> address{};
  return inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

base::Result<std::shared_ptr<SSL_CTX>> make_client_context(const ClientTls& tls, const std::string& host) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), FreeOpenSsl{});
  if (context == nullptr) return base::fail("no TLS context", host);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  // An idle connection holds no record buffers, and a record's head and body come in one read.
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
  SSL_CTX_set_read_ahead(context.get(), 1);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  if (auto trusted = trust(context.get(), tls, host); !trusted) return std::unexpected(trusted.error());
  if (auto known = identify(context.get(), tls, host); !known) return std::unexpected(known.error());
  return context;
}

std::string verify_failure(const SSL* ssl) {
  const long result = SSL_get_verify_result(ssl);
  return result == X509_V_OK ? std::string{} : X509_verify_cert_error_string(result);
}

}  // namespace net
