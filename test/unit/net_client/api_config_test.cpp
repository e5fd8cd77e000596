#include "common/net/api_config.hpp"

#include <cstdlib>
#include <filesystem>

#include "common/base/file.hpp"
#include "test/catch.hpp"

namespace {

std::string folder() {
  const auto path = std::filesystem::temp_directory_path() / "llmkube-router-api-config";
  std::filesystem::create_directories(path);
  return path.string();
}

}  // namespace

TEST_CASE("a kubeconfig's current context gives server, authority and user") {
  const auto path = folder() + "/config";
  REQUIRE(base::write_file(path, R"(
current-context: b
contexts:
  - {name: a, context: {cluster: other, user: other}}
  - {name: b, context: {cluster: here, user: me}}
clusters:
  - {name: other, cluster: {server: "https://other:1"}}
  - {name: here, cluster: {server: "https://10.0.0.1:6443", certificate-authority-data: Y2E=, tls-server-name: api}}
users:
  - {name: me, user: {token: secret, client-certificate: me.crt, client-key: /abs/me.key, tokenFile: tokens/me}}
)"));
  const auto config = net::read_kubeconfig(path);
  REQUIRE(config);
  CHECK(config->server == "https://10.0.0.1:6443");
  CHECK(config->ca_pem == "ca");
  CHECK(config->server_name == "api");
  CHECK(config->token == "secret");
  CHECK(config->certificate_file == folder() + "/me.crt");
  CHECK(config->key_file == "/abs/me.key");
  CHECK(config->token_file == folder() + "/tokens/me");
  CHECK(config->kubeconfig == path);
}

TEST_CASE("a kubeconfig that is none is an error that names the file") {
  const auto path = folder() + "/bad";
  const auto* text = GENERATE("[", "a: b", "current-context: x\ncontexts: []", "clusters: 5",
                              "current-context: x\ncontexts: [{name: x, context: {cluster: c}}]\n"
                              "clusters: [{name: c, cluster: {server: s, certificate-authority-data: '*'}}]");
  REQUIRE(base::write_file(path, text));
  const auto config = net::read_kubeconfig(path);
  REQUIRE_FALSE(config);
  CHECK_THAT(config.error().where, ContainsSubstring(path));
  CHECK_FALSE(net::read_kubeconfig(folder() + "/absent"));
}

TEST_CASE("in a cluster the variables and the mounted folder say it, IPv6 too") {
  ::setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
  ::setenv("KUBERNETES_SERVICE_PORT", "443", 1);
  const auto config = net::in_cluster_config("/mounted");
  REQUIRE(config);
  CHECK(config->server == "https://[fd00::1]:443");
  CHECK(config->is_ipv6());
  CHECK(config->ca_file == "/mounted/ca.crt");
  CHECK(config->token_file == "/mounted/token");
  ::unsetenv("KUBERNETES_SERVICE_HOST");
  const auto outside = net::in_cluster_config("/mounted");
  REQUIRE_FALSE(outside);
  CHECK_THAT(outside.error().to_string(), ContainsSubstring("--kubeconfig"));
}
