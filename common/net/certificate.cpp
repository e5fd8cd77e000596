#include "common/net/certificate.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <optional>

#include "common/net/openssl.hpp"

namespace net {
namespace {

std::string written(BIO* bio) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

base::Result<KeyPair> to_pem(X509* certificate, EVP_PKEY* key) {
  const Owned<BIO> certificate_bio(BIO_new(BIO_s_mem()));
  const Owned<BIO> key_bio(BIO_new(BIO_s_mem()));
  if (!certificate_bio || !key_bio || PEM_write_bio_X509(certificate_bio.get(), certificate) != 1 ||
      PEM_write_bio_PrivateKey(key_bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return base::fail(openssl_text(), "certificate");
  }
  return KeyPair{written(certificate_bio.get()), written(key_bio.get())};
}

bool set_times(X509* certificate, const Validity& validity) {
  const auto seconds = [](base::WallTime time) { return std::chrono::system_clock::to_time_t(time); };
  return ASN1_TIME_set(X509_getm_notBefore(certificate), seconds(validity.not_before)) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), seconds(validity.not_after)) != nullptr;
}

/// 127 random bits: positive, and at most the 20 octets that RFC 5280 allows.
bool set_serial(X509* certificate) {
  std::array<unsigned char, 16> bytes{};
  if (RAND_bytes(bytes.data(), bytes.size()) != 1) return false;
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7fU) | 0x40U);
  const Owned<BIGNUM> number(BN_bin2bn(bytes.data(), bytes.size(), nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

/// RFC 5280 ends a common name at 64 characters; names that count are in the subject alternative names.
bool set_common_name(X509_NAME* name, std::string_view text) {
  const auto cut = text.substr(0, 64);
  return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(cut.data()),
                                    static_cast<int>(cut.size()), -1, 0) == 1;
}

bool add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Owned<X509_EXTENSION> extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

/// A certificate with all but its extensions and its signature.
Owned<X509> begin_certificate(std::string_view common_name, const Validity& validity, EVP_PKEY* key) {
  Owned<X509> certificate(X509_new());
  if (!certificate || X509_set_version(certificate.get(), 2) != 1 || !set_serial(certificate.get()) ||
      !set_times(certificate.get(), validity) ||
      !set_common_name(X509_get_subject_name(certificate.get()), common_name) ||
      X509_set_pubkey(certificate.get(), key) != 1) {
    return nullptr;
  }
  return certificate;
}

/// "DNS:a,DNS:b,IP:c"; an error when a name could break out of the list.
base::Result<std::string> alternative_names(const ServingRequest& request) {
  std::string text;
  const auto append = [&text](std::string_view kind, const std::string& name) {
    if (!text.empty()) text += ',';
    text.append(kind).append(name);
  };
  for (const auto& name : request.dns_names) {
    if (name.empty() || name.find_first_of(",:; \n") != std::string::npos) {
      return base::fail("not a DNS name", name, "give names such as webhook.namespace.svc");
    }
    append("DNS:", name);
  }
  for (const auto& address : request.ip_addresses) {
    std::array<unsigned char, 16> bytes{};
    if (inet_pton(AF_INET, address.c_str(), bytes.data()) != 1 &&
        inet_pton(AF_INET6, address.c_str(), bytes.data()) != 1) {
      return base::fail("not an IP address", address);
    }
    append("IP:", address);
  }
  if (text.empty()) return base::fail("no DNS name and no IP address", request.common_name, "name the Service");
  return text;
}

std::string common_name_of(const X509_NAME* name) {
  const int index = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (index < 0) return {};
  unsigned char* text = nullptr;
  const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index)));
  if (size < 0) return {};
  std::string result(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
  OPENSSL_free(text);
  return result;
}

std::optional<base::WallTime> to_wall(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return base::to_wall_time(std::chrono::seconds{timegm(&parts)});
}

void read_alternative_names(X509* certificate, CertificateInfo& info) {
  const Owned<GENERAL_NAMES> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DNS && name->type != GEN_IPADD) continue;  // of another type than a text
    const ASN1_STRING* value = name->type == GEN_DNS ? name->d.dNSName : name->d.iPAddress;
    const auto size = static_cast<std::size_t>(std::max(0, ASN1_STRING_length(value)));
    if (name->type == GEN_DNS) {
      info.dns_names.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)), size);
    } else if (size == 4 || size == 16) {
      std::array<char, INET6_ADDRSTRLEN> text{};
      inet_ntop(size == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(value), text.data(), text.size());
      info.ip_addresses.emplace_back(text.data());
    }
  }
}

std::string serial_of(const X509* certificate) {
  const Owned<BIGNUM> number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
  const Owned<char> text(number ? BN_bn2hex(number.get()) : nullptr);
  return text ? text.get() : "";
}

}  // namespace

base::Result<KeyPair> make_authority(std::string_view common_name, const Validity& validity) {
  const Owned<EVP_PKEY> key(EVP_EC_gen("P-256"));
  const auto certificate = key ? begin_certificate(common_name, validity, key.get()) : nullptr;
  X509* raw = certificate.get();
  if (raw == nullptr || X509_set_issuer_name(raw, X509_get_subject_name(raw)) != 1 ||
      !add_extension(raw, raw, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
      !add_extension(raw, raw, NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !add_extension(raw, raw, NID_subject_key_identifier, "hash") || X509_sign(raw, key.get(), EVP_sha256()) == 0) {
    return base::fail("cannot make a CA: " + openssl_text(), std::string(common_name));
  }
  return to_pem(raw, key.get());
}

base::Result<KeyPair> issue_serving(const KeyPair& authority, const ServingRequest& request) {
  const auto names = alternative_names(request);
  if (!names) return std::unexpected(names.error());
  const auto issuer = parse_certificate(authority.certificate_pem);
  const auto issuer_key = parse_key(authority.key_pem);
  if (!issuer || !issuer_key || X509_check_private_key(issuer.get(), issuer_key.get()) != 1) {
    return base::fail("the CA is no key pair: " + openssl_text(), request.common_name, "make a new CA");
  }
  const Owned<EVP_PKEY> key(EVP_EC_gen("P-256"));
  const auto certificate = key ? begin_certificate(request.common_name, request.validity, key.get()) : nullptr;
  X509* raw = certificate.get();
  if (raw == nullptr || X509_set_issuer_name(raw, X509_get_subject_name(issuer.get())) != 1 ||
      !add_extension(raw, issuer.get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !add_extension(raw, issuer.get(), NID_key_usage, "critical,digitalSignature") ||
      !add_extension(raw, issuer.get(), NID_ext_key_usage, "serverAuth") ||
      !add_extension(raw, issuer.get(), NID_subject_key_identifier, "hash") ||
      !add_extension(raw, issuer.get(), NID_authority_key_identifier, "keyid") ||
      !add_extension(raw, issuer.get(), NID_subject_alt_name, *names) ||
      X509_sign(raw, issuer_key.get(), EVP_sha256()) == 0) {
    return base::fail("cannot issue a certificate: " + openssl_text(), request.common_name);
  }
  return to_pem(raw, key.get());
}

base::Result<CertificateInfo> read_certificate(std::string_view pem, std::string_view where) {
  const auto certificate = parse_certificate(pem);
  if (!certificate) return base::fail("no PEM certificate: " + openssl_text(), std::string(where));
  const auto not_before = to_wall(X509_get0_notBefore(certificate.get()));
  const auto not_after = to_wall(X509_get0_notAfter(certificate.get()));
  if (!not_before || !not_after) return base::fail("certificate has no valid times", std::string(where));
  CertificateInfo info{.common_name = common_name_of(X509_get_subject_name(certificate.get())),
                       .issuer_common_name = common_name_of(X509_get_issuer_name(certificate.get())),
                       .serial = serial_of(certificate.get()),
                       .validity = {*not_before, *not_after},
                       .dns_names = {},
                       .ip_addresses = {},
                       .is_authority = X509_check_ca(certificate.get()) == 1,
                       .sha256 = fingerprint(certificate.get())};
  read_alternative_names(certificate.get(), info);
  ERR_clear_error();
  return info;
}

base::Result<> check_pair(std::string_view certificate_pem, std::string_view key_pem, std::string_view where) {
  const auto certificate = parse_certificate(certificate_pem);
  if (!certificate) return base::fail("no PEM certificate: " + openssl_text(), std::string(where));
  const auto key = parse_key(key_pem);
  if (!key) return base::fail("no PEM private key without a password: " + openssl_text(), std::string(where));
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    ERR_clear_error();
    return base::fail("the key does not belong to the certificate", std::string(where),
                      "write both files of one pair together");
  }
  return {};
}

base::Result<> check_serving(std::string_view certificate_pem, std::string_view authorities_pem,
                             const std::string& dns_name, base::WallTime now, std::string_view where) {
  const auto leaf = parse_certificate(certificate_pem);
  if (!leaf) return base::fail("no PEM certificate: " + openssl_text(), std::string(where));
  const auto authorities = parse_certificates(authorities_pem);
  const auto chain = parse_certificates(certificate_pem);
  const Owned<X509_STORE> store(X509_STORE_new());
  const Owned<X509_STORE_CTX> context(X509_STORE_CTX_new());
  if (!authorities || !chain || !store || !context) return base::fail(openssl_text(), std::string(where));
  for (int i = 0; i < sk_X509_num(authorities.get()); ++i) {
    X509_STORE_add_cert(store.get(), sk_X509_value(authorities.get(), i));
  }
  if (X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), chain.get()) != 1) {
    return base::fail(openssl_text(), std::string(where));
  }
  X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(parameters, std::chrono::system_clock::to_time_t(now));
  X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_SERVER);
  X509_VERIFY_PARAM_set1_host(parameters, dns_name.c_str(), dns_name.size());
  X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  const bool good = X509_verify_cert(context.get()) == 1;
  const std::string reason = X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
  ERR_clear_error();
  if (!good) return base::fail("certificate is not good for " + dns_name + ": " + reason, std::string(where));
  return {};
}

}  // namespace net
