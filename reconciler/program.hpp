#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/clock.hpp"
#include "common/base/metrics.hpp"
#include "common/net/api_client.hpp"
#include "common/net/server.hpp"
#include "reconciler/apply/applier.hpp"
#include "reconciler/apply/event_outbox.hpp"
#include "reconciler/cache/cache.hpp"
#include "reconciler/cache/reflector.hpp"
#include "reconciler/certificates/rotation.hpp"
#include "reconciler/controller.hpp"
#include "reconciler/lease/lease.hpp"
#include "reconciler/options.hpp"
#include "reconciler/queue/work_queue.hpp"
#include "reconciler/sample/endpoints.hpp"
#include "reconciler/sample/fetch.hpp"
#include "reconciler/sample/knock.hpp"
#include "reconciler/sample/sampler.hpp"

namespace reconciler {

/// The parts of the running service and their threads: what main starts and ends.
///
///     reflectors ─▶ cache ─▶ queue ─▶ workers (controller) ─▶ applier ─▶ API server
///     sampler ──────────────▶ queue        lease: may they write?    keeper: certificates, checks
class Program {
 public:
  /// Times, and the way to Pods: as they are in production, other ones in tests.
  struct Surroundings {
    Reflector::Timing reflector;
    Sampler::Timing sampler;
    Sampler::Fetch fetch = fetch_from_pods;
    Sampler::KnockAt knock = knock_at;
    std::chrono::milliseconds lease_duration{15000};
    std::chrono::milliseconds lease_renew{5000};
    std::chrono::milliseconds lease_deadline{10000};
    WorkQueue::Delays queue;
    Patience::Timing patience;
  };
  [[nodiscard]] static base::Result<std::unique_ptr<Program>> make(Options options, Surroundings surroundings);
  ~Program();

  /// Starts all threads; an error when the port is taken.
  [[nodiscard]] base::Result<> start();
  /// As /readyz says it.
  [[nodiscard]] bool ready() const;
  [[nodiscard]] bool leading() const { return leading_; }
  /// The body of /metrics.
  [[nodiscard]] std::string scrape();
  /// Ends passes, releases the lease, ends the rest. Blocks, well under a second unless the API server hangs.
  void stop();

 private:
  Program(Options options, Surroundings surroundings);

  void add_routes();
  void keep_house();
  void check_rights();
  /// True when the live CRD has all our fields, or cannot be read.
  [[nodiscard]] bool check_crds();
  /// False when it has to be tried again; a refusal is for the table of rights to say.
  [[nodiscard]] bool read_priority_classes();
  void check_certificates();
  [[nodiscard]] bool synced() const;
  void set_leading(bool leading);
  void start_thread(std::string name, std::function<void()> body);

  const Options options_;
  const Surroundings surroundings_;
  base::SystemClock clock_;
  base::MetricTable metrics_;
  std::unique_ptr<net::ApiClient> api_;
  /// With timeouts shorter than the lease.
  std::unique_ptr<net::ApiClient> lease_api_;
  WorkQueue queue_;
  std::unique_ptr<ClusterCache> cache_;
  std::unique_ptr<Sampler> sampler_;
  std::unique_ptr<LeaderLease> lease_;
  std::unique_ptr<EventOutbox> events_;
  std::unique_ptr<Applier> applier_;
  std::unique_ptr<Controller> controller_;
  std::unique_ptr<CertificateRotation> certificates_;
  std::vector<std::unique_ptr<Reflector>> reflectors_;
  std::unique_ptr<net::Server> server_;

  net::Cancellation stopping_;
  std::atomic<bool> leading_ = false;
  std::string certificate_problem_;
  std::mutex classes_mutex_;  // guards classes_problem_
  std::string classes_problem_;
  std::vector<std::string> missing_fields_;
  std::string crds_problem_;
  std::vector<std::thread> workers_;
  std::thread lease_thread_;
  std::vector<std::thread> threads_;
};

}  // namespace reconciler
