#include "reconciler/certificates/rotation.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "common/base/base64.hpp"
#include "common/base/log.hpp"
#include "common/net/certificate.hpp"

namespace reconciler {
namespace {

constexpr std::string_view kManager = "llmkube-reconciler-certificates";
/// Clocks of other machines may be behind.
constexpr std::chrono::minutes kSkew{5};

std::string data_at(const base::JsonValue& secret, std::string_view key) {
  return base::from_base64(base::string_at(secret, {"data", key})).value_or("");
}

/// In the last part of its life, or not valid yet.
bool is_due(const net::Validity& validity, int last_percent, base::WallTime now) {
  const auto life = validity.not_after - validity.not_before;
  return now < validity.not_before || now > validity.not_after - life / 100 * last_percent;
}

}  // namespace

CertificateRotation::CertificateRotation(net::ApiClient& api, const base::Clock& clock, Options options)
    : api_(api), clock_(clock), options_(std::move(options)) {}

std::vector<std::string> CertificateRotation::dns_names(const Options& options) {
  const std::string in_namespace = options.service + "." + options.name_space;
  return {options.service, in_namespace, in_namespace + ".svc", in_namespace + ".svc." + options.cluster_domain};
}

base::Result<CertificateRotation::Stored> CertificateRotation::read_secret() {
  const std::string path = "/api/v1/namespaces/" + options_.name_space + "/secrets/" + options_.secret;
  const auto response = api_.get(path);
  if (!response) return std::unexpected(response.error());
  if (!response->ok()) return std::unexpected(net::to_error(*response, path));
  const auto secret = base::parse_json(response->body, path);
  if (!secret) return std::unexpected(secret.error());
  return Stored{data_at(*secret, "ca.crt"), data_at(*secret, "ca.key"), data_at(*secret, "tls.crt"),
                data_at(*secret, "tls.key"), base::string_at(*secret, {"metadata", "resourceVersion"})};
}

bool CertificateRotation::is_authority_good(const Stored& stored) const {
  const auto authority = net::read_certificate(stored.ca_certificate, "ca.crt");
  return authority && authority->is_authority && net::check_pair(stored.ca_certificate, stored.ca_key, "ca.key") &&
         !is_due(authority->validity, options_.renew_in_last_percent, clock_.wall());
}

bool CertificateRotation::is_serving_good(const Stored& stored) const {
  const auto names = dns_names(options_);
  const auto now = clock_.wall();
  const auto serving = net::read_certificate(stored.certificate, "tls.crt");
  if (!serving || !net::check_pair(stored.certificate, stored.key, "tls.key")) return false;
  if (is_due(serving->validity, options_.renew_in_last_percent, now)) return false;
  for (const auto& name : names)
    if (!net::check_serving(stored.certificate, stored.ca_certificate, name, now, "tls.crt")) return false;
  return true;
}

base::Result<CertificateRotation::Stored> CertificateRotation::renew(Stored stored, bool new_authority) const {
  const auto now = clock_.wall();
  if (new_authority) {
    auto authority = net::make_authority("llmkube-router webhook CA", {now - kSkew, now + options_.authority_life});
    if (!authority) return std::unexpected(authority.error());
    // The old CA stays in the bundle as long as it is valid, so that whoever still has the old certificate is trusted.
    const auto old = net::read_certificate(stored.ca_certificate, "ca.crt");
    const bool keep = old && old->validity.not_after > now;
    stored.ca_certificate = authority->certificate_pem + (keep ? stored.ca_certificate : std::string{});
    stored.ca_key = authority->key_pem;
  }
  const auto names = dns_names(options_);
  auto serving = net::issue_serving({stored.ca_certificate, stored.ca_key},
                                    {.common_name = names.at(2),
                                     .dns_names = names,
                                     .ip_addresses = {},
                                     .validity = {now - kSkew, now + options_.serving_life}});
  if (!serving) return std::unexpected(serving.error());
  stored.certificate = serving->certificate_pem;
  stored.key = serving->key_pem;
  return stored;
}

base::Result<> CertificateRotation::write_secret(const Stored& stored) {
  const std::string path = "/api/v1/namespaces/" + options_.name_space + "/secrets/" + options_.secret;
  // With the version that was read: of two that renew at once only one counts.
  const nlohmann::json body = {{"metadata", {{"resourceVersion", stored.resource_version}}},
                               {"data",
                                {{"ca.crt", base::to_base64(stored.ca_certificate)},
                                 {"ca.key", base::to_base64(stored.ca_key)},
                                 {"tls.crt", base::to_base64(stored.certificate)},
                                 {"tls.key", base::to_base64(stored.key)}}}};
  const auto response = api_.merge_patch(path, body.dump(), kManager);
  if (!response) return std::unexpected(response.error());
  if (!response->ok()) return std::unexpected(net::to_error(*response, path));
  return {};
}

base::Result<bool> CertificateRotation::check_configuration(const std::string& plural, const std::string& name,
                                                            const std::string& bundle, bool may_write) {
  if (name.empty()) return true;
  const std::string path = "/apis/admissionregistration.k8s.io/v1/" + plural + "/" + name;
  const auto response = api_.get(path);
  if (!response) return std::unexpected(response.error());
  if (!response->ok()) return std::unexpected(net::to_error(*response, path));
  const auto configuration = base::parse_json(response->body, path);
  if (!configuration) return std::unexpected(configuration.error());
  const auto* webhooks = base::find(*configuration, "webhooks");
  if (webhooks == nullptr || !webhooks->IsArray()) return base::fail("has no webhooks", path);

  const std::string encoded = base::to_base64(bundle);
  nlohmann::json patch = nlohmann::json::array();
  int index = 0;
  for (const auto& webhook : webhooks->GetArray()) {
    const std::string at = "/webhooks/" + std::to_string(index++);
    if (base::string_at(webhook, {"clientConfig", "caBundle"}) == encoded) continue;
    // The name is tested, so that a list that changed meanwhile is never patched in the wrong place.
    patch.push_back({{"op", "test"}, {"path", at + "/name"}, {"value", base::string_at(webhook, {"name"})}});
    patch.push_back({{"op", "add"}, {"path", at + "/clientConfig/caBundle"}, {"value", encoded}});
  }
  if (patch.empty()) return true;
  if (!may_write) return false;
  const auto written = api_.json_patch(path, patch.dump(), kManager);
  if (!written) return std::unexpected(written.error());
  if (!written->ok()) return std::unexpected(net::to_error(*written, path));
  base::log::info("ca-bundle-written", {{"configuration", name}});
  return true;
}

base::Result<> CertificateRotation::check(bool may_write) {
  auto stored = read_secret();
  if (!stored) return std::unexpected(stored.error());
  const bool authority_good = is_authority_good(*stored);
  const bool serving_good = authority_good && is_serving_good(*stored);
  if (!serving_good && may_write) {
    // The bundle is the CA to be, first, so that the API server trusts the new certificate before it is served.
    auto fresh = renew(*stored, !authority_good);
    if (!fresh) return std::unexpected(fresh.error());
    if (!authority_good) {
      for (const auto& [plural, name] :
           {std::pair{"mutatingwebhookconfigurations", options_.mutating_configuration},
            std::pair{"validatingwebhookconfigurations", options_.validating_configuration}})
        if (auto ahead = check_configuration(plural, name, fresh->ca_certificate, true); !ahead)
          return std::unexpected(ahead.error());
    }
    if (auto written = write_secret(*fresh); !written) return std::unexpected(written.error());
    base::log::info("certificate-renewed",
                    {{"secret", options_.secret}, {"new_authority", authority_good ? "no" : "yes"}});
    stored = std::move(fresh);
  }
  const bool good = serving_good || may_write;
  const auto serving = net::read_certificate(stored->certificate, "tls.crt");
  expires_ =
      serving ? std::chrono::duration_cast<std::chrono::seconds>(serving->validity.not_after.time_since_epoch()).count()
              : 0;

  const auto mutating = check_configuration("mutatingwebhookconfigurations", options_.mutating_configuration,
                                            stored->ca_certificate, may_write && good);
  if (!mutating) return std::unexpected(mutating.error());
  const auto validating = check_configuration("validatingwebhookconfigurations", options_.validating_configuration,
                                              stored->ca_certificate, may_write && good);
  if (!validating) return std::unexpected(validating.error());
  in_force_ = good && *mutating && *validating;
  return {};
}

}  // namespace reconciler
