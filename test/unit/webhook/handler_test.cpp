#include <atomic>
#include <chrono>
#include <vector>

#include "common/base/json.hpp"
#include "common/net/health.hpp"
#include "test/catch.hpp"
#include "test/support/certificates.hpp"
#include "test/support/raw_client.hpp"
#include "test/unit/webhook/review_text.hpp"
#include "webhook/log_level.hpp"
#include "webhook/metrics.hpp"
#include "webhook/readiness.hpp"
#include "webhook/review_handler.hpp"

namespace {

using namespace std::chrono_literals;
using test::ReviewText;
using test::service;
using webhook::Endpoint;

struct Handler {
  base::MetricTable metrics{webhook::metric_rows()};
  webhook::ReviewHandler reviews;

  explicit Handler(rules::Site site = {}) : reviews(metrics, site) {}

  net::Response handle(const std::string& body, Endpoint endpoint = Endpoint::mutate) {
    return reviews.handle({.path = "/mutate", .body = body}, endpoint);
  }
};

TEST_CASE("the handler answers a review for its uid and counts it") {
  Handler handler;
  const auto allowed = handler.handle(ReviewText{.object = service(test::kGoodSpec)}.text());
  CHECK(allowed.status == 200);
  CHECK(allowed.content_type == "application/json");
  const auto answer = base::parse_json(allowed.body, "answer");
  REQUIRE(answer.has_value());
  CHECK(base::string_at(*answer, {"response", "uid"}) == "705ab4f5");
  CHECK(handler.metrics.value(webhook::metric::kRequests, {"mutate", "InferenceService", "CREATE", "allowed"}) == 1);

  const auto denied = handler.handle(ReviewText{.object = service(test::kBadSpec)}.text(), Endpoint::validate);
  CHECK(denied.status == 200);
  CHECK(handler.metrics.value(webhook::metric::kRequests, {"validate", "InferenceService", "CREATE", "denied"}) == 1);
  CHECK_THAT(handler.metrics.text(), ContainsSubstring("llmkube_router_webhook_findings_total{rule="));
}

TEST_CASE("flags are judged by the build that runs where a service names no image") {
  const auto review = ReviewText{.object = service(R"({"runtime": "llamacpp-router", "models": [{"name": "a"}],
      "extraArgs": ["--newer-flag", "1"]})")}
                          .text();
  const auto allowed = [&](rules::Site site) {
    Handler handler(site);
    const auto answer = base::parse_json(handler.handle(review).body, "answer");
    REQUIRE(answer.has_value());
    return base::as_bool(base::find_path(*answer, {"response", "allowed"}));
  };
  CHECK(allowed({}) == false);
  CHECK(allowed({.other_build = true}) == true);
}

TEST_CASE("a kind from outside never becomes a label") {
  Handler handler;
  CHECK(handler.handle(ReviewText{.object = "{}", .kind = "Evil\\n"}.text()).status == 200);
  CHECK(handler.metrics.value(webhook::metric::kRequests, {"mutate", "other", "CREATE", "allowed"}) == 1);
}

TEST_CASE("what is no review is 400 with a sentence") {
  Handler handler;
  const auto response = handler.handle("{}");
  CHECK(response.status == 400);
  CHECK_THAT(response.body, ContainsSubstring("AdmissionReview"));
  CHECK(handler.metrics.value(webhook::metric::kRequests, {"mutate", "other", "other", "malformed"}) == 1);
}

/// A health server with a switch for readiness, which may hang.
struct Health {
  Health() {
    net::add_health_routes(server, {.ready = [this]() -> base::Result<> {
                                      hangs.wait(true);
                                      if (ready) return {};
                                      return base::fail("no certificate yet", "tls");
                                    },
                                    .ready_pace = net::Pace::slow,
                                    .metrics = [] { return std::string("a 1\n"); }});
    webhook::add_log_level_route(server);
    const auto started = server.start();
    REQUIRE(started.has_value());
  }
  test::RawResponse ask(const std::string& request) const { return test::RawClient(server.port()).exchange(request); }
  std::atomic<bool> ready{false};
  std::atomic<bool> hangs{false};
  net::Server server{{.listen = "127.0.0.1:0", .slow_workers = 1}};
};

TEST_CASE("the process is alive while its readiness is looked for") {
  Health health;
  health.hangs = true;
  std::vector<test::RawClient> probes;
  for (int i = 0; i < 4; ++i) {
    probes.emplace_back(health.server.port());
    probes.back().send(test::get("/readyz"));
  }
  CHECK(health.ask(test::get("/healthz")).status == 200);
  health.hangs = false;
  health.hangs.notify_all();
  for (auto& probe : probes) CHECK(probe.receive().status == 503);
}

TEST_CASE("the health port tells life, readiness and metrics apart") {
  Health health;
  CHECK(health.ask(test::get("/healthz")).status == 200);
  const auto unready = health.ask(test::get("/readyz"));
  CHECK(unready.status == 503);
  CHECK(unready.body == "tls: no certificate yet\n");
  health.ready = true;
  CHECK(health.ask(test::get("/readyz?verbose")).status == 200);
  CHECK(health.ask(test::get("/metrics")).body == "a 1\n");
}

TEST_CASE("the log level changes at run time, to a level that there is") {
  Health health;
  const auto put = [&](const std::string& body) {
    return health.ask("PUT /loglevel HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) +
                      "\r\n\r\n" + body);
  };
  CHECK(put("loud").status == 400);
  CHECK(put("error\n").status == 200);
  CHECK(put("info").status == 200);
}

/// A TLS server and the files of its certificate.
struct Admission {
  Admission() {
    certificates.install(certificates.issue());
    REQUIRE(context->refresh().value_or(false));
    const auto started = server.start();
    REQUIRE(started.has_value());
  }
  [[nodiscard]] base::Result<> ready(std::chrono::hours ahead = 0h) const {
    return webhook::check_ready(*context, "127.0.0.1", server.port(), std::chrono::system_clock::now() + ahead);
  }
  test::Certificates certificates;
  std::shared_ptr<net::TlsContext> context =
      std::make_shared<net::TlsContext>(certificates.certificate_file(), certificates.key_file());
  net::Server server{{.listen = "127.0.0.1:0", .tls = context}};
};

TEST_CASE("ready is who serves the certificate on file") {
  Admission admission;
  CHECK(admission.ready().has_value());

  admission.certificates.install({"nonsense", "nonsense"});
  CHECK_FALSE(admission.context->refresh().has_value());
  CHECK(admission.ready().has_value());  // the last good one is served on

  admission.certificates.install(admission.certificates.issue());
  CHECK(admission.context->refresh().value_or(false));
  CHECK(admission.ready().has_value());
}

TEST_CASE("an expired certificate, a closed port and no certificate are not ready, with the reason") {
  Admission admission;
  const auto expired = admission.ready(25h);
  REQUIRE_FALSE(expired.has_value());
  CHECK_THAT(expired.error().to_string(), ContainsSubstring("expired"));
  admission.server.stop(1s);
  CHECK_FALSE(admission.ready().has_value());
  const net::TlsContext empty("/nonexistent", "/nonexistent");
  CHECK_FALSE(webhook::check_ready(empty, "127.0.0.1", 1, std::chrono::system_clock::now()).has_value());
}

TEST_CASE("another server on the port is not ready") {
  const Admission ours;
  Admission other;
  const auto ready =
      webhook::check_ready(*ours.context, "127.0.0.1", other.server.port(), std::chrono::system_clock::now());
  REQUIRE_FALSE(ready.has_value());
  CHECK_THAT(ready.error().to_string(), ContainsSubstring("another certificate"));
}

TEST_CASE("the probe goes to where the server listens") {
  CHECK(webhook::probe_host("[::]:8443") == "127.0.0.1");
  CHECK(webhook::probe_host(":8443") == "127.0.0.1");
  CHECK(webhook::probe_host("10.0.0.5:8443") == "10.0.0.5");
  CHECK(webhook::probe_host("[::1]:8443") == "::1");
}

}  // namespace
