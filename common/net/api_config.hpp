#pragma once
#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "common/base/error.hpp"
#include "common/net/http_client.hpp"

namespace net {

/// Where the API server is and how to prove who we are. Files are read again when they change; what stands in the
/// `_pem` and `token` members is fixed, unless a kubeconfig says it.
struct ApiConfig {
  /// The kubeconfig that says all the rest but `timeouts` and `look_every`; empty in a cluster.
  std::string kubeconfig;
  /// "https://10.96.0.1:443"
  std::string server;
  std::string ca_file;
  std::string ca_pem;
  std::string token_file;
  std::string token;
  std::string certificate_file;
  std::string certificate_pem;
  std::string key_file;
  std::string key_pem;
  /// The name in the server's certificate when it is not the URL's host.
  std::string server_name;
  /// Of every request but watches, which have their own.
  HttpTimeouts timeouts;
  /// How often the files are looked at, at most: to ask for all of them before each request was a fiftieth of the CPU
  /// of a burst.
  std::chrono::milliseconds look_every{1000};

  /// The server is at an IPv6 address. In a cluster that is the first family of its Services, and of its Pods.
  [[nodiscard]] bool is_ipv6() const { return server.starts_with("https://["); }
};

/// The directory that Kubernetes mounts into a Pod.
inline constexpr const char* kServiceAccountDir = "/var/run/secrets/kubernetes.io/serviceaccount";

/// From KUBERNETES_SERVICE_HOST and _PORT and the service account's mounted files.
[[nodiscard]] base::Result<ApiConfig> in_cluster_config(const std::string& directory = kServiceAccountDir);

/// From the current context of a kubeconfig: server, certificate authority, and a token or a client certificate, as
/// data or as files. Exec plugins and passwords are not supported.
[[nodiscard]] base::Result<ApiConfig> read_kubeconfig(const std::string& path);

}  // namespace net
