#include "webhook/serve.hpp"

#include <malloc.h>

#include <atomic>
#include <memory>
#include <mutex>

#include "common/api/llama_flags.hpp"
#include "common/api/schema.hpp"
#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "common/net/health.hpp"
#include "common/net/server.hpp"
#include "common/net/tls_context.hpp"
#include "webhook/certificate_watch.hpp"
#include "webhook/log_level.hpp"
#include "webhook/metrics.hpp"
#include "webhook/readiness.hpp"
#include "webhook/review_handler.hpp"

namespace webhook {
namespace {

using namespace std::chrono_literals;

/// A larger review is decided by one thread for all such: its JSON tree takes several times its size, and one at a time
/// is enough. Those of usual size do not wait for it.
constexpr std::size_t kLargeReview = std::size_t{256} << 10U;

/// Small sites count megabytes: five arenas instead of sixteen, and large bodies go back to the system at once. Not
/// fewer: two server threads that share an arena wait for each other, and a review costs 70 us of CPU instead of 44.
/// Those for what is slow (a probe of readiness, a large review) share with others.
void keep_memory_small() {
  mallopt(M_ARENA_MAX, 5);  // main and the two threads of each server
  mallopt(M_MMAP_THRESHOLD, 128 << 10);
  mallopt(M_TRIM_THRESHOLD, 256 << 10);
}

/// The schemas and the table of flags are read at their first use: now, not in somebody's request.
void load_tables() {
  for (const auto kind : {api::Kind::inference_service, api::Kind::model}) static_cast<void>(api::schema_of(kind));
  static_cast<void>(api::find_llama_flag(""));
}

/// Brings the server's own counts into the table before a scrape.
void count_connections(base::MetricTable& metrics, const net::ServerStats& stats) {
  const auto raise = [&](std::string_view name, std::uint64_t to) {
    metrics.add(name, {}, static_cast<double>(to) - metrics.value(name));
  };
  metrics.set(metric::kConnections, {}, static_cast<double>(stats.open_connections));
  raise(metric::kAccepted, stats.accepted);
  raise(metric::kHandshakeFailures, stats.failed_handshakes);
  raise(metric::kRefused, stats.refused);
}

/// The two servers and what they share.
class Service {
 public:
  explicit Service(const ServeOptions& options)
      : options_(options),
        tls_(std::make_shared<net::TlsContext>(options.certificate_file, options.key_file)),
        certificates_(*tls_, metrics_),
        reviews_(metrics_, options.site),
        admission_({.listen = options.listen,
                    .tls = tls_,
                    .slow_workers = 1,
                    .slow_body_bytes = kLargeReview,
                    .events_per_wakeup = 8}),
        health_({.listen = options.health_listen, .slow_workers = 1}) {
    for (const auto& [path, endpoint] :
         {std::pair{"/mutate", Endpoint::mutate}, std::pair{"/validate", Endpoint::validate}}) {
      admission_.route("POST", path,
                       [this, endpoint](const net::Request& request) { return reviews_.handle(request, endpoint); });
    }
    // Readiness is a handshake with the admission port, which may take seconds: /healthz must not wait for it.
    net::add_health_routes(
        health_,
        {.ready = [this] { return ready(); }, .ready_pace = net::Pace::slow, .metrics = [this] { return scrape(); }});
    add_log_level_route(health_);
  }

  base::Result<> start() {
    certificates_.poll();
    if (auto started = health_.start(); !started) return started;
    return admission_.start();
  }

  /// Certificates are looked at once a second until a signal comes, at most for `time`.
  void run(const base::Signals& signals, std::optional<std::chrono::milliseconds> time = std::nullopt) {
    const auto end = std::chrono::steady_clock::now() + time.value_or(0ms);
    while (!time || std::chrono::steady_clock::now() < end) {
      if (signals.wait_for(time ? std::min<std::chrono::milliseconds>(1000ms, *time) : 1000ms)) return;
      certificates_.poll();
    }
  }

  void stop(const base::Signals& signals) {
    draining_ = true;
    admission_.begin_drain();
    run(signals, options_.drain_time);  // a second signal ends it
    admission_.stop(10s);
    health_.stop(1s);
  }

  void log_start() const {
    base::log::info("serving", {{"admission_port", admission_.port()}, {"health_port", health_.port()}});
  }

 private:
  base::Result<> ready() {
    if (draining_) return base::fail("shutting down", "webhook");
    certificates_.poll();  // what is on file now is what counts
    return check_ready(*tls_, probe_host(options_.listen), admission_.port(), base::SystemClock().wall());
  }

  std::string scrape() {
    const std::lock_guard lock(scrape_);
    count_connections(metrics_, admission_.stats());
    return metrics_.text();
  }

  ServeOptions options_;
  base::MetricTable metrics_{metric_rows()};
  std::shared_ptr<net::TlsContext> tls_;
  CertificateWatch certificates_;
  ReviewHandler reviews_;
  std::atomic<bool> draining_{false};
  std::mutex scrape_;  // guards the raising of counters
  net::Server admission_;
  net::Server health_;
};

}  // namespace

int serve(const ServeOptions& options, const base::Signals& signals) {
  keep_memory_small();
  if (!base::log::set_level(options.log_level)) {
    base::log::error("wrong-flag", {{"flag", "--log-level"}, {"value", options.log_level}});
    return 2;
  }
  load_tables();
  Service service(options);
  if (auto started = service.start(); !started) {
    base::log::error("start-failed", {{"error", started.error().to_string()}});
    return 1;
  }
  service.log_start();
  service.run(signals);
  base::log::info("draining", {{"seconds", options.drain_time.count()}});
  service.stop(signals);
  base::log::info("stopped");
  return 0;
}

}  // namespace webhook
