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

/// The newest reason in OpenSSL's queue of this thread, which is emptied; "OpenSSL failed" when it says nothing.
[[nodiscard]] std::string openssl_text();

/// SHA-256 over the certificate's DER, 64 hex digits; empty when it cannot be written as DER.
[[nodiscard]] std::string fingerprint(const X509* certificate);

}  // namespace net
