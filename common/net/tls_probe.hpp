#pragma once
#include <chrono>
#include <cstdint>
#include <string>

#include "common/base/error.hpp"

namespace net {

/// Makes a TLS handshake with a server on this machine and gives the SHA-256 of the certificate it serves (64 hex
/// digits, as `CertificateInfo::sha256`). Who signed it is not asked: the question is which one is served. `host` is a
/// numeric address. Blocks for at most about twice `timeout`.
[[nodiscard]] base::Result<std::string> probe_certificate(const std::string& host, std::uint16_t port,
                                                          std::chrono::milliseconds timeout);

}  // namespace net
