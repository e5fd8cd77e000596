#pragma once
#include <string>

#include "common/net/certificate.hpp"

namespace test {

/// A CA and a folder for the two files that a server reads; the folder is gone with the object.
class Certificates {
 public:
  Certificates();
  ~Certificates();
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;

  /// A new pair for localhost under the CA; `valid_for` from now on.
  [[nodiscard]] net::KeyPair issue(std::chrono::hours valid_for = std::chrono::hours(24)) const;
  /// Swaps both files at once, as the kubelet does: a symbolic link turns.
  void install(const net::KeyPair& pair);
  /// SHA-256 of the certificate that is installed.
  [[nodiscard]] std::string installed() const;

  [[nodiscard]] std::string certificate_file() const { return folder_ + "/tls.crt"; }
  [[nodiscard]] std::string key_file() const { return folder_ + "/tls.key"; }
  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] const net::KeyPair& authority() const { return authority_; }

 private:
  std::string folder_;
  net::KeyPair authority_;
  int generation_ = 0;
};

}  // namespace test
