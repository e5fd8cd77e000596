#pragma once
#include <memory>
#include <string>

#include "common/base/error.hpp"
#include "common/net/http_client.hpp"
#include "common/net/openssl.hpp"

namespace net {

/// What all TLS connections of one client share: whom to trust and who we are, parsed once. OpenSSL verifies, with
/// these authorities alone and without the common name.
[[nodiscard]] base::Result<std::shared_ptr<SSL_CTX>> make_client_context(const ClientTls& tls, const std::string& host);

/// An address, not a name: a certificate holds it as one, and it is not sent as a server name (RFC 6066, 3).
[[nodiscard]] bool is_ip_address(const std::string& host);

/// Why the server's certificate was refused on this connection; empty when it was not.
[[nodiscard]] std::string verify_failure(const SSL* ssl);

}  // namespace net
