#include "common/net/api_config.hpp"

#include <yaml-cpp/yaml.h>

#include <cstdlib>
#include <filesystem>

#include "common/base/base64.hpp"
#include "common/base/file.hpp"

namespace net {
namespace {

/// The entry of a list of {name, <key>} that has this name.
YAML::Node named(const YAML::Node& list, const std::string& name, const char* key) {
  for (const auto& entry : list)
    if (entry["name"].as<std::string>("") == name) return entry[key];
  return YAML::Node(YAML::NodeType::Map);
}

/// The path in the field, relative to the kubeconfig's folder; empty when there is none.
std::string file_of(const YAML::Node& from, const char* key, const std::string& path) {
  const std::filesystem::path file = from[key].as<std::string>("");
  if (file.empty()) return {};
  return (std::filesystem::path(path).parent_path() / file).string();  // absolute ones stay
}

struct Credential {
  const char* file_key;
  const char* data_key;
  std::string ApiConfig::*file;
  std::string ApiConfig::*pem;
};

base::Result<> take(const YAML::Node& from, const Credential& credential, const std::string& path, ApiConfig& config) {
  const auto data = from[credential.data_key].as<std::string>("");
  if (!data.empty()) {
    auto decoded = base::from_base64(data);
    if (!decoded) return base::fail("not base64", path + ": " + credential.data_key);
    config.*credential.pem = std::move(*decoded);
  }
  if (data.empty()) config.*credential.file = file_of(from, credential.file_key, path);
  return {};
}

base::Result<ApiConfig> from_yaml(const YAML::Node& root, const std::string& path) {
  const auto current = root["current-context"].as<std::string>("");
  const auto context = named(root["contexts"], current, "context");
  const auto cluster = named(root["clusters"], context["cluster"].as<std::string>(""), "cluster");
  const auto user = named(root["users"], context["user"].as<std::string>(""), "user");

  ApiConfig config;
  config.kubeconfig = path;
  config.server = cluster["server"].as<std::string>("");
  config.server_name = cluster["tls-server-name"].as<std::string>("");
  config.token = user["token"].as<std::string>("");
  config.token_file = file_of(user, "tokenFile", path);
  if (config.server.empty())
    return base::fail("the current context names no cluster with a server", path, "kubectl config use-context NAME");
  const Credential authority{"certificate-authority", "certificate-authority-data", &ApiConfig::ca_file,
                             &ApiConfig::ca_pem};
  const Credential certificate{"client-certificate", "client-certificate-data", &ApiConfig::certificate_file,
                               &ApiConfig::certificate_pem};
  const Credential key{"client-key", "client-key-data", &ApiConfig::key_file, &ApiConfig::key_pem};
  if (auto taken = take(cluster, authority, path, config); !taken) return std::unexpected(taken.error());
  for (const auto& credential : {certificate, key})
    if (auto taken = take(user, credential, path, config); !taken) return std::unexpected(taken.error());
  return config;
}

}  // namespace

base::Result<ApiConfig> in_cluster_config(const std::string& directory) {
  const char* host = std::getenv("KUBERNETES_SERVICE_HOST");
  const char* port = std::getenv("KUBERNETES_SERVICE_PORT");
  if (host == nullptr || port == nullptr) {
    return base::fail("not in a cluster: the variable is not set", "KUBERNETES_SERVICE_HOST",
                      "give --kubeconfig FILE outside a cluster");
  }
  ApiConfig config;
  const std::string address = host;
  const bool needs_brackets = address.find(':') != std::string::npos;
  config.server = "https://" + (needs_brackets ? "[" + address + "]" : address) + ":" + port;
  config.ca_file = directory + "/ca.crt";
  config.token_file = directory + "/token";
  return config;
}

base::Result<ApiConfig> read_kubeconfig(const std::string& path) {
  auto text = base::read_file(path);
  if (!text) return std::unexpected(text.error());
  try {
    return from_yaml(YAML::Load(*text), path);
  } catch (const YAML::Exception& problem) {
    return base::fail(std::string("not a kubeconfig: ") + problem.what(), path);
  }
}

}  // namespace net
