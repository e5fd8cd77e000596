#include "common/net/openssl.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "common/base/digest.hpp"

namespace net {

Owned<BIO> reader(std::string_view text) {
  return Owned<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Owned<X509> parse_certificate(std::string_view pem) {
  const auto bio = reader(pem);
  return Owned<X509>(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

Owned<STACK_OF(X509)> parse_certificates(std::string_view pem) {
  Owned<STACK_OF(X509)> all(sk_X509_new_null());
  const auto bio = reader(pem);
  while (all) {
    Owned<X509> next(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (!next) break;
    if (sk_X509_push(all.get(), next.get()) == 0) return nullptr;
    static_cast<void>(next.release());
  }
  ERR_clear_error();  // the end of the text is an error to OpenSSL
  return all;
}

Owned<EVP_PKEY> parse_key(std::string_view pem) {
  const auto bio = reader(pem);
  // Without a callback OpenSSL would ask the terminal for the password of an encrypted key.
  const auto no_password = [](char*, int, int, void*) { return -1; };
  return Owned<EVP_PKEY>(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
}

bool use_pair(SSL_CTX* context, std::string_view certificate_pem, std::string_view key_pem) {
  const auto chain = parse_certificates(certificate_pem);
  const auto key = parse_key(key_pem);
  bool good = chain && key && SSL_CTX_use_certificate(context, sk_X509_value(chain.get(), 0)) == 1;
  for (int i = 1; good && i < sk_X509_num(chain.get()); ++i)
    good = SSL_CTX_add1_chain_cert(context, sk_X509_value(chain.get(), i)) == 1;
  good = good && SSL_CTX_use_PrivateKey(context, key.get()) == 1;
  ERR_clear_error();
  return good;
}

std::string openssl_text() {
  const auto code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
  return reason != nullptr ? reason : "OpenSSL failed";
}

std::string fingerprint(const X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  if (size < 0) return {};
  auto digest = base::sha256_hex({reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)});
  OPENSSL_free(der);
  return digest;
}

}  // namespace net
