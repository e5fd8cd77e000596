#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <sstream>
#include <thread>

#include "common/base/base64.hpp"
#include "common/base/clock.hpp"
#include "common/base/digest.hpp"
#include "common/net/certificate.hpp"
#include "reconciler/pod/fetch/run.hpp"
#include "test/catch.hpp"
#include "test/support/eventually.hpp"
#include "test/unit/fetch/world.hpp"

using namespace fetch_test;
using namespace std::chrono_literals;
using fakes::Lie;

namespace {

constexpr std::size_t kSize = 1 << 20;

/// A CA in a folder, and a certificate of it for 127.0.0.1.
struct Authority {
  Folder folder;
  fakes::HostCertificate certificate;
  std::string ca_file;

  Authority() {
    const auto now = base::SystemClock().wall();
    const net::Validity validity{now - 1h, now + 1h};
    const auto ca = net::make_authority("test CA", validity);
    REQUIRE(ca);
    const auto pair = net::issue_serving(
        *ca, {.common_name = "host", .dns_names = {}, .ip_addresses = {"127.0.0.1"}, .validity = validity});
    REQUIRE(pair);
    folder.write("ca.crt", ca->certificate_pem);
    folder.write("tls.crt", pair->certificate_pem);
    folder.write("tls.key", pair->key_pem);
    certificate = {folder.path() + "/tls.crt", folder.path() + "/tls.key"};
    ca_file = folder.path() + "/ca.crt";
  }
};

std::string hmac(const std::string& key, const std::string& text) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
       text.size(), out, &size);
  return {reinterpret_cast<char*>(out), size};
}

std::string hex(const std::string& bytes) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out += kHex[static_cast<unsigned char>(c) >> 4U];
    out += kHex[static_cast<unsigned char>(c) & 15U];
  }
  return out;
}

std::string between(const std::string& text, const std::string& begin, const std::string& end) {
  const auto at = text.find(begin);
  if (at == std::string::npos) return {};
  const auto from = at + begin.size();
  return text.substr(from, text.find(end, from) - from);
}

/// AWS Signature Version 4 as the service computes it, from the request that came.
std::string expected_signature(const fakes::HostRequest& request, const std::string& secret,
                               const std::string& region) {
  const auto authorization = request.header("Authorization");
  const auto signed_headers = between(authorization, "SignedHeaders=", ",");
  std::string canonical = request.method + "\n" + request.path + "\n\n";
  std::stringstream names(signed_headers);
  for (std::string name; std::getline(names, name, ';');) canonical += name + ":" + request.header(name) + "\n";
  canonical += "\n" + signed_headers + "\n" + request.header("x-amz-content-sha256");
  const auto time = request.header("x-amz-date");
  const auto day = time.substr(0, 8);
  const auto scope = day + "/" + region + "/s3/aws4_request";
  const auto text = "AWS4-HMAC-SHA256\n" + time + "\n" + scope + "\n" + base::sha256_hex(canonical);
  const auto key = hmac(hmac(hmac(hmac("AWS4" + secret, day), region), "s3"), "aws4_request");
  return hex(hmac(key, text));
}

}  // namespace

TEST_CASE("redirects are followed, later ranges go where they end, and the first host's digest counts") {
  World world;
  fakes::FileHost mirror;
  const auto content = gguf(40 << 20);  // two ranges
  mirror.put("/blob", {.content = content, .etag = "\"blob\""});
  world.host.redirect("/model.gguf", mirror.url("/blob?signature=secret"),
                      {"X-Linked-ETag: \"" + base::sha256_hex(content) + "\""});
  mirror.lie("/blob", {Lie{.flip = 1000}});
  const auto outcome = world.run();
  CAPTURE(outcome.message);
  REQUIRE(word(outcome) == "Fetched");
  CHECK(holds(world.published(), content));
  CHECK(mirror.requests().size() >= 4);
  CHECK(world.host.requests().size() <= 2);
}

TEST_CASE("the digest of a redirect's own page is not the file's") {
  World world;
  const auto content = gguf(kSize);
  world.host.put("/blob", {.content = content, .etag = "\"blob\""});
  world.host.redirect("/model.gguf", world.host.url("/blob"),
                      {"Repr-Digest: sha-256=:" + base::to_base64(std::string(32, 'x')) + ":"});
  CHECK(word(world.run()) == "Fetched");
  CHECK(holds(world.published(), content));
  CHECK(world.host.body_bytes() == content.size());  // and not once more without the redirect
}

TEST_CASE("a signed URL that expired behind a redirect is asked for again") {
  World world;
  fakes::FileHost mirror;
  const auto content = gguf(40 << 20);
  mirror.put("/blob", {.content = content, .etag = "\"blob\""});
  world.host.redirect("/model.gguf", mirror.url("/blob"));
  mirror.lie("/blob", {Lie{}, Lie{.status = 403}});
  world.options.download.most_streams = 1;  // each would ask it
  CHECK(word(world.run()) == "Fetched");
  CHECK(holds(world.published(), content));
  CHECK(world.host.requests().size() == 2);
}

TEST_CASE("a signed URL that expired for several streams at once is asked for again") {
  World world;
  fakes::FileHost mirror;
  const auto content = gguf(72 << 20);  // more than one piece for each of two streams
  mirror.put("/old", {.content = content, .etag = "\"blob\""});
  mirror.put("/new", {.content = content, .etag = "\"blob\""});
  world.options.download.most_streams = 2;
  mirror.limit_rate(18 << 20);  // the first piece takes long enough for a second stream
  std::atomic<unsigned> refused{0};
  mirror.lie_by([&](const fakes::HostRequest& request) -> std::optional<Lie> {
    if (request.path != "/old" || request.header("Range").starts_with("bytes=0-")) return std::nullopt;
    ++refused;
    // Late enough for the first stream to ask for its next piece there, too.
    return Lie{.status = 403, .delay = 500ms};
  });
  world.host.lie_by([&](const auto&) {
    if (refused == 0) return std::optional(Lie{.status = 302, .headers = {"Location: " + mirror.url("/old")}});
    // So late that both have been refused by then.
    return std::optional(Lie{.status = 302, .headers = {"Location: " + mirror.url("/new")}, .delay = 1s});
  });
  std::thread hurry([&] {
    if (test::eventually([&] { return refused > 0; })) mirror.limit_rate(0);
  });
  const auto outcome = world.run();
  hurry.join();
  CAPTURE(outcome.message);
  CHECK(word(outcome) == "Fetched");
  CHECK(holds(world.published(), content));
  if (refused < 2) WARN("the machine was too busy");
}

TEST_CASE("a redirect without end is refused") {
  World world;
  world.host.redirect("/model.gguf", world.host.url("/model.gguf"));
  CHECK(word(world.run()) == "Refused");
}

TEST_CASE("a Hugging Face token goes to its endpoint, and never along a redirect to another host") {
  World world;
  fakes::FileHost mirror;
  const auto content = gguf(kSize);
  mirror.put("/blob", {.content = content});
  world.host.redirect("/org/repo/resolve/main/q4/m.gguf", mirror.url("/blob"));
  world.options.hf_endpoint = world.host.url("");
  world.options.hf_token = "hf_secret";
  SECTION("hf:// and files") {
    world.options.source = "hf://org/repo";
    world.options.files = {"q4/m.gguf"};
    REQUIRE(word(world.run()) == "Fetched");
    CHECK(holds(world.folder() + "/q4/m.gguf", content));
  }
  SECTION("a page's URL") {
    world.options.source = "https://huggingface.co/org/repo/blob/main/q4/m.gguf";
    REQUIRE(word(world.run()) == "Fetched");
    CHECK(holds(world.published(), content));
  }
  SECTION("bare org/repo") {
    world.options.source = "org/repo";
    world.options.files = {"q4/m.gguf"};
    REQUIRE(word(world.run()) == "Fetched");
  }
  for (const auto& request : world.host.requests()) CHECK(request.header("Authorization") == "Bearer hf_secret");
  for (const auto& request : mirror.requests()) CHECK(request.header("Authorization").empty());
}

TEST_CASE("who refuses is told of with its own words and a fix that fits the source") {
  World world;
  world.options.hf_endpoint = world.host.url("");
  world.options.aws_endpoint = world.host.url("");
  const auto [source, token, keys, fix] = GENERATE(table<std::string, std::string, std::string, std::string>({
      {"hf://org/repo/m.gguf", "", "", "check the repository's name"},
      {"hf://org/repo/m.gguf", "hf_secret", "", "licence"},
      {"s3://bucket/m.gguf", "", "", "AWS_ACCESS_KEY_ID"},
      {"s3://bucket/m.gguf", "", "AKID", "AWS_REGION"},
  }));
  world.options.source = source;
  world.options.hf_token = token;
  if (!keys.empty()) world.options.aws = {keys, "secret", "", "us-east-1"};
  world.host.lie_by([](const auto&) {
    return std::optional(Lie{.status = 403, .headers = {"X-Error-Message: Access to model org/repo is restricted"}});
  });
  const auto outcome = world.run();
  CHECK(word(outcome) == "Unauthorized");
  CHECK_THAT(outcome.message, ContainsSubstring("HTTP 403 (Access to model org/repo is restricted)"));
  CHECK_THAT(outcome.message, ContainsSubstring(fix));
}

TEST_CASE("no token goes to a host that is not Hugging Face's") {
  World world;
  world.serve(gguf(kSize));
  world.options.hf_token = "hf_secret";
  CHECK(word(world.run()) == "Fetched");
  for (const auto& request : world.host.requests()) CHECK(request.header("Authorization").empty());
}

TEST_CASE("S3: path style, signed as the service computes it, with the service's own checksum") {
  World world;
  const auto content = gguf(kSize);
  world.host.put("/bucket/some%20dir/m.gguf", {.content = content, .etag = "\"e\""});
  world.options.source = "s3://bucket/some dir/m.gguf";
  world.options.aws_endpoint = world.host.url("");
  world.options.aws = {"AKID", "secret key/+", "", "eu-central-1"};
  world.host.lie_by([&](const fakes::HostRequest& request) -> std::optional<Lie> {
    if (request.method != "HEAD") return std::nullopt;
    return Lie{.headers = {"x-amz-checksum-sha256: ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="}};
  });
  SECTION("the checksum is wrong: found out") { CHECK(word(world.run()) == "DigestMismatch"); }
  SECTION("with a session token") { world.options.aws.session_token = "session/token=="; }
  if (!world.options.aws.session_token.empty()) {
    world.host.lie_by({});
    const auto outcome = world.run();
    CAPTURE(outcome.message);
    CHECK(word(outcome) == "Fetched");
    CHECK(holds(world.published(), content));
  }
  REQUIRE_FALSE(world.host.requests().empty());
  for (const auto& request : world.host.requests()) {
    const auto authorization = request.header("Authorization");
    CAPTURE(request.method, authorization);
    CHECK_THAT(authorization, ContainsSubstring("Credential=AKID/"));
    CHECK_THAT(authorization, ContainsSubstring("/eu-central-1/s3/aws4_request"));
    CHECK(between(authorization + ",", "Signature=", ",") ==
          expected_signature(request, world.options.aws.secret_key, "eu-central-1"));
    if (!world.options.aws.session_token.empty()) {
      CHECK_THAT(between(authorization, "SignedHeaders=", ","), ContainsSubstring("x-amz-security-token"));
    }
  }
}

TEST_CASE("S3 without keys is asked without a signature, and a bucket elsewhere is named") {
  World world;
  world.options.source = "s3://bucket/m.gguf";
  world.options.aws_endpoint = world.host.url("");
  world.host.put("/bucket/m.gguf", {.content = gguf(kSize)});
  SECTION("public") {
    CHECK(word(world.run()) == "Fetched");
    for (const auto& request : world.host.requests()) CHECK(request.header("Authorization").empty());
  }
  SECTION("another region") {
    world.options.aws = {"AKID", "secret", "", "us-east-1"};
    world.host.lie_by(
        [](const auto&) { return std::optional(Lie{.status = 301, .headers = {"x-amz-bucket-region: eu-west-1"}}); });
    const auto outcome = world.run();
    CHECK(word(outcome) == "Refused");
    CHECK_THAT(outcome.message, ContainsSubstring("eu-west-1"));
    CHECK_THAT(outcome.message, ContainsSubstring("AWS_REGION"));
  }
}

TEST_CASE("TLS: a private CA beside the system's, and no trust without it") {
  const Authority authority;
  fakes::FileHost host(authority.certificate);
  const auto content = gguf(kSize);
  host.put("/model.gguf", {.content = content});
  World world;
  world.options.source = host.url("/model.gguf");
  world.options.download.retry_for = 100ms;
  SECTION("trusted") {
    world.options.ca_file = authority.ca_file;
    world.options.download.retry_for = 60s;
    CHECK(word(world.run()) == "Fetched");
    CHECK(holds(world.published(), content));
  }
  SECTION("not trusted") {
    const auto outcome = world.run();
    CHECK(word(outcome) == "TlsError");
    CHECK_THAT(outcome.message, ContainsSubstring("not trusted"));
    CHECK_THAT(outcome.message, ContainsSubstring("--ca-file"));
    CHECK(fetch::info_of(outcome.reason).exit_code == 1);
  }
  SECTION("another name") {
    world.options.ca_file = authority.ca_file;
    world.options.source = "https://localhost:" + std::to_string(host.port()) + "/model.gguf";
    CHECK(word(world.run()) == "TlsError");
  }
  SECTION("no such CA file") {
    world.options.ca_file = "/nonexistent/ca.crt";
    CHECK(word(world.run()) == "TlsError");
  }
}

TEST_CASE("https never leads to http") {
  const std::string scheme = GENERATE("https", "HTTPS", "hTTpS");
  const Authority authority;
  fakes::FileHost host(authority.certificate);
  World world;
  world.serve(gguf(kSize));
  host.redirect("/model.gguf", world.host.url("/model.gguf"));
  world.options.source = scheme + host.url("/model.gguf").substr(scheme.size());
  world.options.ca_file = authority.ca_file;
  CHECK(word(world.run()) == "Refused");
  CHECK(world.host.requests().empty());
}
