#include "reconciler/certificates/rotation.hpp"

#include "common/base/base64.hpp"
#include "common/net/certificate.hpp"
#include "test/catch.hpp"
#include "test/fakes/api_server/api_server.hpp"

using namespace std::chrono_literals;
using fakes::Json;
using reconciler::CertificateRotation;

namespace {

const std::string kSecret = "/api/v1/namespaces/own/secrets/webhook-tls";
const std::string kAdmission = "/apis/admissionregistration.k8s.io/v1/";
const std::string kMutating = kAdmission + "mutatingwebhookconfigurations/llmkube";
const std::string kValidating = kAdmission + "validatingwebhookconfigurations/llmkube";
constexpr auto kDay = 24h;

Json configuration(const std::string& kind) {
  Json webhooks = Json::array();
  for (const auto* name : {"isvc.llmkube.dev", "mdl.llmkube.dev"})
    webhooks.push_back({{"name", name}, {"clientConfig", {{"service", {{"name", "webhook"}}}}}});
  return {{"apiVersion", "admissionregistration.k8s.io/v1"},
          {"kind", kind},
          {"metadata", {{"name", "llmkube"}}},
          {"webhooks", webhooks}};
}

/// A cluster as the chart leaves it: an empty Secret, and two configurations that trust nobody.
struct Fixture {
  Fixture() {
    server.create("/api/v1/namespaces/own/secrets",
                  {{"apiVersion", "v1"}, {"kind", "Secret"}, {"metadata", {{"name", "webhook-tls"}}}});
    server.create(kAdmission + "mutatingwebhookconfigurations", configuration("MutatingWebhookConfiguration"));
    server.create(kAdmission + "validatingwebhookconfigurations", configuration("ValidatingWebhookConfiguration"));
    net::ApiConfig config;
    config.server = server.url();
    api = std::move(*net::ApiClient::make(config));
  }
  std::string held(const std::string& key) {
    return base::from_base64(server.get(kSecret).body.value("/data"_json_pointer, Json::object()).value(key, ""))
        .value_or("");
  }
  /// The bundle of each webhook of both configurations.
  std::vector<std::string> bundles() {
    std::vector<std::string> all;
    for (const auto& path : {kMutating, kValidating}) {
      const Json webhooks = server.get(path).body["webhooks"];
      for (const auto& webhook : webhooks)
        all.push_back(base::from_base64(webhook["clientConfig"].value("caBundle", "")).value_or(""));
    }
    return all;
  }
  bool trusts_what_is_served(const std::string& bundle) {
    return net::check_serving(held("tls.crt"), bundle, "webhook.own.svc", clock.wall(), "test").has_value();
  }
  bool all_trust_what_is_served() {
    const auto all = bundles();
    return all.size() == 4 &&
           std::all_of(all.begin(), all.end(), [&](const auto& bundle) { return trusts_what_is_served(bundle); });
  }
  std::size_t writes() { return server.writes(); }

  base::ManualClock clock;
  fakes::ApiServer server;
  std::unique_ptr<net::ApiClient> api;
  CertificateRotation::Options options{.name_space = "own",
                                       .service = "webhook",
                                       .secret = "webhook-tls",
                                       .mutating_configuration = "llmkube",
                                       .validating_configuration = "llmkube"};
  CertificateRotation make() { return {*api, clock, options}; }
};

}  // namespace

TEST_CASE("the leader issues what is missing, and then writes nothing more") {
  Fixture f;
  auto rotation = f.make();
  REQUIRE(rotation.check(true));
  CHECK(rotation.in_force());
  CHECK(f.all_trust_what_is_served());
  CHECK(rotation.expires() > 0);
  const auto before = f.writes();
  REQUIRE(rotation.check(true));
  CHECK(f.writes() == before);
}

TEST_CASE("who does not lead writes nothing, and sees what the leader did") {
  Fixture f;
  auto follower = f.make();
  REQUIRE(follower.check(false));
  CHECK_FALSE(follower.in_force());
  CHECK(f.writes() == 0);
  auto leader = f.make();
  REQUIRE(leader.check(true));
  REQUIRE(follower.check(false));
  CHECK(follower.in_force());
  CHECK(follower.expires() == leader.expires());
}

TEST_CASE("in the last third of its life the serving certificate is replaced, under the same CA") {
  Fixture f;
  auto rotation = f.make();
  REQUIRE(rotation.check(true));
  const auto authority = f.held("ca.crt");
  const auto serving = f.held("tls.crt");
  f.clock.advance(59 * kDay);
  REQUIRE(rotation.check(true));
  CHECK(f.held("tls.crt") == serving);
  f.clock.advance(2 * kDay);
  REQUIRE(rotation.check(true));
  CHECK(f.held("tls.crt") != serving);
  CHECK(f.held("ca.crt") == authority);
  CHECK(f.all_trust_what_is_served());
}

TEST_CASE("a new CA stands beside the old one, so that both certificates are trusted meanwhile") {
  Fixture f;
  auto rotation = f.make();
  REQUIRE(rotation.check(true));
  const auto before = f.held("tls.crt");
  const auto old_authority = f.held("ca.crt");
  f.clock.advance(2500 * kDay);
  REQUIRE(rotation.check(true));
  CHECK(rotation.in_force());
  CHECK(f.held("tls.crt") != before);
  CHECK(f.held("ca.crt").ends_with(old_authority));
  CHECK(f.all_trust_what_is_served());
  CHECK_FALSE(f.trusts_what_is_served(old_authority));
}

TEST_CASE("rubbish in the Secret, or another Service's certificate, is replaced") {
  Fixture f;
  auto rotation = f.make();
  SECTION("rubbish") {
    f.server.merge_patch(kSecret, {{"data", {{"ca.crt", "cnViYmlzaA=="}, {"tls.crt", "cnViYmlzaA=="}}}});
  }
  SECTION("another Service's") {
    f.options.service = "another";
    auto other = f.make();
    REQUIRE(other.check(true));
  }
  SECTION("a key of another certificate") {
    REQUIRE(rotation.check(true));
    f.server.merge_patch(kSecret, {{"data", {{"tls.key", base::to_base64(f.held("ca.key"))}}}});
  }
  REQUIRE(rotation.check(true));
  CHECK(f.all_trust_what_is_served());
}

TEST_CASE("a bundle that somebody changed comes back, and other fields stay") {
  Fixture f;
  auto rotation = f.make();
  REQUIRE(rotation.check(true));
  Json webhooks = f.server.get(kMutating).body["webhooks"];
  webhooks[1]["clientConfig"]["caBundle"] = "cnViYmlzaA==";
  webhooks[1]["timeoutSeconds"] = 7;
  f.server.merge_patch(kMutating, {{"webhooks", webhooks}});
  REQUIRE(rotation.check(false));
  CHECK_FALSE(rotation.in_force());
  REQUIRE(rotation.check(true));
  CHECK(f.all_trust_what_is_served());
  CHECK(f.server.get(kMutating).body["webhooks"][1]["timeoutSeconds"] == 7);
}

TEST_CASE("what cannot be read or written is an error that names it, and the next check mends it") {
  Fixture f;
  auto rotation = f.make();
  const auto refuse = [&](const std::string& method, const std::string& target) {
    f.server.inject(
        {.kind = fakes::Fault::Kind::refuse, .method = method, .target = target, .times = 1, .status = 403});
  };
  SECTION("the Secret cannot be read") { refuse("GET", "secrets"); }
  SECTION("the Secret cannot be written") { refuse("PATCH", "secrets"); }
  SECTION("a configuration cannot be written") { refuse("PATCH", "validating"); }
  const auto checked = rotation.check(true);
  REQUIRE_FALSE(checked);
  CHECK_FALSE(rotation.in_force());
  CHECK(checked.error().to_string().find("/api") != std::string::npos);
  REQUIRE(rotation.check(true));
  CHECK(rotation.in_force());
  CHECK(f.all_trust_what_is_served());
}
