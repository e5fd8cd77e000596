#include "reconciler/checks/access.hpp"

#include <algorithm>

#include "test/catch.hpp"
#include "test/fakes/api_server/api_server.hpp"

using fakes::Json;
using reconciler::AccessQuestion;
using reconciler::missing_access;

namespace {

constexpr std::string_view kReviews = "selfsubjectaccessreviews";

struct Fixture {
  Fixture() {
    net::ApiConfig config;
    config.server = server.url();
    api = std::move(*net::ApiClient::make(config));
  }
  std::vector<std::string> ask(const AccessQuestion& question) {
    const auto missing = missing_access(*api, question);
    REQUIRE(missing);
    return *missing;
  }
  /// What was asked, as the API server saw it.
  std::vector<Json> asked() {
    std::vector<Json> attributes;
    for (const auto& call : server.calls())
      if (call.target.find(kReviews) != std::string::npos)
        attributes.push_back(Json::parse(call.body)["spec"]["resourceAttributes"]);
    return attributes;
  }
  bool was_asked(const Json& attributes) {
    const auto all = asked();
    return std::ranges::find(all, attributes) != all.end();
  }
  fakes::ApiServer server;
  std::unique_ptr<net::ApiClient> api;
};

}  // namespace

TEST_CASE("where all is allowed nothing is missing, and every verb of every row was asked for") {
  Fixture f;
  CHECK(f.ask({.own_namespace = "own", .certificates = true, .secret_name = "tls", .lease_name = "lease"}).empty());
  std::size_t rights = 0;
  for (const auto& rule : reconciler::access_rules()) rights += rule.verbs.size();
  CHECK(f.asked().size() == rights);
  CHECK(f.was_asked({{"group", "apps"}, {"resource", "deployments"}, {"verb", "patch"}}));
  CHECK(f.was_asked({{"group", ""}, {"resource", "secrets"}, {"verb", "get"}, {"namespace", "own"}, {"name", "tls"}}));
}

TEST_CASE("a right that is missing is said in words of RBAC") {
  Fixture f;
  f.server.deny({.verb = "patch", .resource = "deployments"});
  const AccessQuestion question{.watched_namespaces = {"edge"}, .own_namespace = "own"};
  const auto missing = f.ask(question);
  REQUIRE(missing.size() == 1);
  CHECK(missing.front() ==
        "may not patch deployments.apps in namespace edge: add to the Role {apiGroups: [\"apps\"], resources: "
        "[\"deployments\"], verbs: [\"patch\"]}");
  const auto everywhere = f.ask({.own_namespace = "own"});
  REQUIRE(everywhere.size() == 1);
  CHECK(everywhere.front().find("in any namespace: add to the ClusterRole") != std::string::npos);
}

TEST_CASE("with Roles only nothing is asked that a Role cannot grant") {
  Fixture f;
  CHECK(f.ask({.watched_namespaces = {"edge", "lab"}, .own_namespace = "own", .leader_election = false}).empty());
  for (const auto& attributes : f.asked()) CHECK_FALSE(attributes.value("namespace", "").empty());
  for (const auto& attributes : f.asked()) CHECK(attributes["resource"] != "leases");
  CHECK(f.was_asked({{"group", ""}, {"resource", "pods"}, {"verb", "list"}, {"namespace", "lab"}}));
}

TEST_CASE("an API server that cannot be asked is an error") {
  Fixture f;
  f.server.inject({.kind = fakes::Fault::Kind::refuse, .target = std::string(kReviews), .times = 5, .status = 403});
  CHECK_FALSE(missing_access(*f.api, {.own_namespace = "own"}));
}
