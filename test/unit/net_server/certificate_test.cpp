#include "common/net/certificate.hpp"

#include "test/catch.hpp"
#include "test/support/certificates.hpp"

namespace {

using std::chrono::hours;
using std::chrono::system_clock;

/// Valid until 9999-12-31, RFC 5280's "no expiry", with four alternative names: an object identifier, a directory name,
/// "forever" and fd00::1. Made with `openssl ca`.
constexpr std::string_view kForever = R"(-----BEGIN CERTIFICATE-----
MIIBdzCCAR2gAwIBAgIBATAKBggqhkjOPQQDAjASMRAwDgYDVQQDDAdmb3JldmVy
MCAXDTcwMDEwMTAwMDAwMFoYDzk5OTkxMjMxMjM1OTU5WjASMRAwDgYDVQQDDAdm
b3JldmVyMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEzWQXn6FnqO0QOphwFf9Q
AD373FrgLs7dFJA9l83WIFqgDGBtbo7LxMBk1FO3qAttlVGFsM/OsxjUTebAZy+0
+6NiMGAwPwYDVR0RBDgwNogDKgMEpBQwEjEQMA4GA1UEAwwHZm9yZXZlcoIHZm9y
ZXZlcocQ/QAAAAAAAAAAAAAAAAAAATAdBgNVHQ4EFgQUXattCgHtl+B8+bIrDZ9K
PWJC/kMwCgYIKoZIzj0EAwIDSAAwRQIhANuFSnR9uDeMHYuUAL4GDve3sZIEjkIz
KuufXzn/9JJ3AiB3qj9tOFdkaf3iQ04K0LgVKxAyY8O2leFsqiJ+X3dD8Q==
-----END CERTIFICATE-----
)";

TEST_CASE("an issued certificate says what was asked, and its authority vouches for it") {
  const test::Certificates certificates;
  const auto now = system_clock::now();
  const net::ServingRequest request{.common_name = "webhook.llmkube.svc",
                                    .dns_names = {"webhook.llmkube.svc", "webhook.llmkube.svc.cluster.local"},
                                    .ip_addresses = {"10.0.0.1", "fd00::1"},
                                    .validity = {now - hours(1), now + hours(48)}};
  const auto pair = net::issue_serving(certificates.authority(), request);
  REQUIRE(pair.has_value());
  const auto info = net::read_certificate(pair->certificate_pem, "test");
  REQUIRE(info.has_value());
  CHECK(info->common_name == "webhook.llmkube.svc");
  CHECK(info->issuer_common_name == "test CA");
  CHECK(info->dns_names == request.dns_names);
  CHECK(info->ip_addresses == request.ip_addresses);
  CHECK_FALSE(info->is_authority);
  CHECK(info->sha256.size() == 64);
  CHECK(info->validity.not_after == std::chrono::floor<std::chrono::seconds>(request.validity.not_after));
  CHECK(net::check_pair(pair->certificate_pem, pair->key_pem, "test").has_value());

  const auto check = [&](const std::string& name, base::WallTime when, const std::string& authority) {
    return net::check_serving(pair->certificate_pem, authority, name, when, "test").has_value();
  };
  const auto& authority = certificates.authority().certificate_pem;
  CHECK(check("webhook.llmkube.svc", now, authority));
  CHECK_FALSE(check("other.llmkube.svc", now, authority));
  CHECK_FALSE(check("webhook.llmkube.svc", now + hours(49), authority));
  CHECK_FALSE(check("webhook.llmkube.svc", now - hours(2), authority));
  const test::Certificates others;
  CHECK_FALSE(check("webhook.llmkube.svc", now, others.authority().certificate_pem));
  // A rotation of the CA: both are trusted for a while.
  CHECK(check("webhook.llmkube.svc", now, others.authority().certificate_pem + authority));
}

TEST_CASE("a name over 64 characters stands in the alternative names alone") {
  const test::Certificates certificates;
  const std::string name = std::string(60, 'a') + "." + std::string(60, 'b') + ".svc";
  const auto now = system_clock::now();
  const auto pair =
      net::issue_serving(certificates.authority(),
                         {.common_name = name, .dns_names = {name}, .validity = {now - hours(1), now + hours(1)}});
  REQUIRE(pair.has_value());
  CHECK(net::check_serving(pair->certificate_pem, certificates.authority().certificate_pem, name, now, "test"));
}

TEST_CASE("a certificate without expiry is valid for as long as a clock can say") {
  const auto info = net::read_certificate(kForever, "test");
  REQUIRE(info.has_value());
  CHECK(info->validity.not_before == base::WallTime{});
  CHECK(base::format_rfc3339(info->validity.not_after) == "2199-12-31T23:59:59Z");
}

TEST_CASE("of the alternative names, DNS names and addresses are read, and no others") {
  const auto info = net::read_certificate(kForever, "test");
  REQUIRE(info.has_value());
  CHECK(info->dns_names == std::vector<std::string>{"forever"});
  CHECK(info->ip_addresses == std::vector<std::string>{"fd00::1"});
}

TEST_CASE("names that would break out of the list of names are refused") {
  const test::Certificates certificates;
  const auto issue = [&](net::ServingRequest request) { return net::issue_serving(certificates.authority(), request); };
  CHECK_FALSE(issue({.common_name = "x", .dns_names = {"a,DNS:evil"}}).has_value());
  CHECK_FALSE(issue({.common_name = "x", .dns_names = {"a\nb"}}).has_value());
  CHECK_FALSE(issue({.common_name = "x", .dns_names = {}, .ip_addresses = {"1.2.3"}}).has_value());
  CHECK_FALSE(issue({.common_name = "x", .dns_names = {}}).has_value());
}

TEST_CASE("what is no certificate or no pair is an error that names its source") {
  const test::Certificates certificates;
  const auto one = certificates.issue();
  const auto two = certificates.issue();
  for (const auto& result :
       {net::check_pair(one.certificate_pem, two.key_pem, "the source"),
        net::check_pair(one.certificate_pem, "", "the source"),
        net::check_pair("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "", "the source")}) {
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().where == "the source");
  }
  CHECK_FALSE(net::read_certificate("", "x").has_value());
  CHECK_FALSE(net::read_certificate(one.key_pem, "x").has_value());
}

TEST_CASE("an authority is one, and two of them are told apart") {
  const auto now = system_clock::now();
  const auto one = net::make_authority("our CA", {now, now + hours(1)});
  const auto two = net::make_authority("our CA", {now, now + hours(1)});
  REQUIRE((one.has_value() && two.has_value()));
  const auto info = net::read_certificate(one->certificate_pem, "x");
  CHECK(info->is_authority);
  CHECK(info->serial != net::read_certificate(two->certificate_pem, "x")->serial);
}

}  // namespace
