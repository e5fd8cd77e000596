#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.hpp"
#include "common/base/error.hpp"

/// X.509 as Kubernetes uses it: a CA of our own and serving certificates under it. Keys are ECDSA P-256, PEM all round.
/// All functions are thread-safe; `where` names the source of a PEM text in the error.
namespace net {

struct KeyPair {
  std::string certificate_pem;
  std::string key_pem;
};

struct Validity {
  base::WallTime not_before;
  base::WallTime not_after;
};

/// What a client checks of a certificate, and what an operator wants to see. Times are bounded (`base::to_wall_time`):
/// "no expiry" is 9999-12-31 (RFC 5280, 4.1.2.5), and comes as the end of 2199.
struct CertificateInfo {
  std::string common_name;
  std::string issuer_common_name;
  std::string serial;
  Validity validity;
  std::vector<std::string> dns_names;
  std::vector<std::string> ip_addresses;
  bool is_authority = false;
  /// 64 hex digits over the DER.
  std::string sha256;
};

/// A self-signed CA certificate and its key.
[[nodiscard]] base::Result<KeyPair> make_authority(std::string_view common_name, const Validity& validity);

struct ServingRequest {
  std::string common_name;
  std::vector<std::string> dns_names;
  std::vector<std::string> ip_addresses{};
  Validity validity{};
};
/// A serving certificate (extended key usage serverAuth) under `authority`; the chain is the certificate alone.
[[nodiscard]] base::Result<KeyPair> issue_serving(const KeyPair& authority, const ServingRequest& request);

/// The first certificate of a PEM text.
[[nodiscard]] base::Result<CertificateInfo> read_certificate(std::string_view pem, std::string_view where);

/// Whether the key belongs to the first certificate.
[[nodiscard]] base::Result<> check_pair(std::string_view certificate_pem, std::string_view key_pem,
                                        std::string_view where);

/// Whether the first certificate is good as a server's for `dns_name` at `now`, under one of the authorities of a PEM
/// bundle; further certificates of `certificate_pem` are intermediates.
[[nodiscard]] base::Result<> check_serving(std::string_view certificate_pem, std::string_view authorities_pem,
                                           const std::string& dns_name, base::WallTime now, std::string_view where);

}  // namespace net
