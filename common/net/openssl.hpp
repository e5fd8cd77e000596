#pragma once
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>

/// OpenSSL's objects with their owners, for .cpp files of this room.
namespace net {

struct FreeOpenSsl {
  void operator()(BIO* it) const { BIO_free_all(it); }
  void operator()(BIGNUM* it) const { BN_free(it); }
  void operator()(EVP_PKEY* it) const { EVP_PKEY_free(it); }
  void operator()(GENERAL_NAMES* it) const { GENERAL_NAMES_free(it); }
  void operator()(SSL* it) const { SSL_free(it); }
  void operator()(SSL_CTX* it) const { SSL_CTX_free(it); }
  void operator()(X509* it) const { X509_free(it); }
  void operator()(X509_EXTENSION* it) const { X509_EXTENSION_free(it); }
  void operator()(X509_STORE* it) const { X509_STORE_free(it); }
  void operator()(X509_STORE_CTX* it) const { X509_STORE_CTX_free(it); }
  void operator()(STACK_OF(X509) * it) const { sk_X509_pop_free(it, X509_free); }
  void operator()(char* it) const { OPENSSL_free(it); }
};
template <class T>
using Owned = std::unique_ptr<T, FreeOpenSsl>;

/// A BIO that reads `text`, which must outlive it.
[[nodiscard]] Owned<BIO> reader(std::string_view text);

/// The first certificate of a PEM text; null when it begins with none.
[[nodiscard]] Owned<X509> parse_certificate(std::string_view pem);
/// All certificates of a PEM text, up to what is none; null when there is no memory.
[[nodiscard]] Owned<STACK_OF(X509)> parse_certificates(std::string_view pem);
/// A PEM private key; null for one with a password, which is never asked for.
[[nodiscard]] Owned<EVP_PKEY> parse_key(std::string_view pem);

/// Makes a context show this chain, leaf first, and prove that it has its key; false when OpenSSL does not take them.
[[nodiscard]] bool use_pair(SSL_CTX* context, std::string_view certificate_pem, std::string_view key_pem);

/// The newest reason in OpenSSL's queue of this thread, which is emptied; "OpenSSL failed" when it says nothing.
[[nodiscard]] std::string openssl_text();

/// SHA-256 over the certificate's DER, 64 hex digits; empty when it cannot be written as DER.
[[nodiscard]] std::string fingerprint(const X509* certificate);

}  // namespace net
