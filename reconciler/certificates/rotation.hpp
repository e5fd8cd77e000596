#pragma once
#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.hpp"
#include "common/net/api_client.hpp"

namespace reconciler {

/// The webhook's certificates, when they are ours: a CA and a serving certificate in a Secret that the chart made, and
/// the CA in both webhook configurations. Only the leader writes.
class CertificateRotation {
 public:
  struct Options {
    std::string name_space;
    std::string service;
    std::string secret;
    std::string mutating_configuration;
    std::string validating_configuration;
    std::string cluster_domain = "cluster.local";
    /// A webhook takes a new Secret in about a minute (the kubelet syncs it), so lives are long against that.
    std::chrono::hours authority_life{24 * 3650};
    std::chrono::hours serving_life{24 * 90};
    /// The last part of a life, in which it is replaced.
    int renew_in_last_percent = 33;
  };

  CertificateRotation(net::ApiClient& api, const base::Clock& clock, Options options);

  /// Looks at the Secret and at the configurations; when `may_write`, puts right what is not. An error says what could
  /// not be read or written; the next call tries again.
  [[nodiscard]] base::Result<> check(bool may_write);

  /// The Secret holds a valid serving certificate, and both configurations hold its CA. Thread-safe.
  [[nodiscard]] bool in_force() const { return in_force_; }
  /// notAfter of the serving certificate, in Unix time; 0 while there is none. Thread-safe.
  [[nodiscard]] std::int64_t expires() const { return expires_; }

  /// The names in the serving certificate.
  [[nodiscard]] static std::vector<std::string> dns_names(const Options& options);

 private:
  struct Stored {
    std::string ca_certificate;
    std::string ca_key;
    std::string certificate;
    std::string key;
    std::string resource_version;
  };

  [[nodiscard]] base::Result<Stored> read_secret();
  [[nodiscard]] bool is_authority_good(const Stored& stored) const;
  [[nodiscard]] bool is_serving_good(const Stored& stored) const;
  [[nodiscard]] base::Result<Stored> renew(Stored stored, bool new_authority) const;
  [[nodiscard]] base::Result<> write_secret(const Stored& stored);
  /// True when every webhook of the configuration holds the CA (after the write, if there was one).
  [[nodiscard]] base::Result<bool> check_configuration(const std::string& plural, const std::string& name,
                                                       const std::string& bundle, bool may_write);

  net::ApiClient& api_;
  const base::Clock& clock_;
  const Options options_;
  std::atomic<bool> in_force_ = false;
  std::atomic<std::int64_t> expires_ = 0;
};

}  // namespace reconciler
