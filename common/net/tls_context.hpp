#pragma once
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "common/base/error.hpp"
#include "common/base/file.hpp"
#include "common/net/certificate.hpp"

struct ssl_ctx_st;

namespace net {

/// A server's certificate and key from two PEM files that may change at any time. A new pair is built aside, checked
/// and swapped in whole; a bad pair never replaces a good one. Handshakes under way keep the pair they began with.
/// Thread-safe.
class TlsContext {
 public:
  TlsContext(std::string certificate_file, std::string key_file);
  ~TlsContext();

  /// Looks whether the files changed and takes them if they are good; true when a new pair is in force from now on.
  /// An error is given once for each state of the files, and the old pair stays. Cheap enough for once a second.
  [[nodiscard]] base::Result<bool> refresh();
  /// The context for the next handshake; null before the first good pair.
  [[nodiscard]] std::shared_ptr<ssl_ctx_st> current() const;
  /// The certificate that handshakes get now.
  [[nodiscard]] std::optional<CertificateInfo> served() const;

 private:
  struct Stamps {
    std::optional<base::FileStamp> certificate;
    std::optional<base::FileStamp> key;
    bool operator==(const Stamps&) const = default;
  };

  std::string certificate_file_;
  std::string key_file_;
  mutable std::mutex mutex_;  // guards all below
  std::optional<Stamps> seen_;
  std::shared_ptr<ssl_ctx_st> context_;
  std::optional<CertificateInfo> info_;
};

}  // namespace net
