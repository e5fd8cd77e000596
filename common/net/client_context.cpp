#include "common/net/client_context.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <array>
#include <vector>

namespace net {
namespace {

std::vector<Owned<X509>> read_certificates(const std::string& pem) {
  std::vector<Owned<X509>> found;
  const auto bio = reader(pem);
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) found.emplace_back(certificate);
  ERR_clear_error();  // the end of the text is an "error" too
  return found;
}

base::Result<> trust(SSL_CTX* context, const ClientTls& tls, const std::string& host) {
  const auto authorities = read_certificates(tls.ca_pem);
  if (authorities.empty()) return base::fail("no certificate authority to trust", host, "give its certificate as PEM");
  X509_STORE* store = X509_STORE_new();
  for (const auto& authority : authorities) X509_STORE_add_cert(store, authority.get());
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
  const auto chain = read_certificates(tls.certificate_pem);
  const auto bio = reader(tls.key_pem);
  const Owned<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (chain.empty() || key == nullptr) return base::fail("the client certificate or its key is not PEM", host);
  bool good = SSL_CTX_use_certificate(context, chain.front().get()) == 1;
  for (std::size_t i = 1; i < chain.size(); ++i) good = good && SSL_CTX_add1_chain_cert(context, chain[i].get()) == 1;
  good = good && SSL_CTX_use_PrivateKey(context, key.get()) == 1 && SSL_CTX_check_private_key(context) == 1;
  ERR_clear_error();
  if (!good) return base::fail("the client certificate and its key do not match", host);
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
