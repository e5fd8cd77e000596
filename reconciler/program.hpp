#pragma once
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/base/clock.hpp"
#include "common/base/metrics.hpp"
#include "common/net/api_client.hpp"
#include "common/net/server.hpp"
#include "reconciler/apply/applier.hpp"
#include "reconciler/cache/cache.hpp"
#include "reconciler/cache/reflector.hpp"
#include "reconciler/certificates/rotation.hpp"
#include "reconciler/controller.hpp"
#include "reconciler/lease/lease.hpp"
#include "reconciler/options.hpp"
#include "reconciler/queue/work_queue.hpp"
#include "reconciler/sample/sampler.hpp"

namespace reconciler {

/// The parts of the running service and their threads: what main starts and ends.
///
///     reflectors ─▶ cache ─▶ queue ─▶ workers (controller) ─▶ applier ─▶ API server
///     sampler ──────────────▶ queue        lease: may they write?    keeper: certificates, checks
class Program {
 public:
  [[nodiscard]] static base::Result<std::unique_ptr<Program>> make(const Options& options);
  ~Program();

  /// Starts all threads; an error when the port is taken.
  [[nodiscard]] base::Result<> start();
  /// Ends passes, releases the lease, ends the rest. Blocks, well under a second unless the API server hangs.
  void stop();

 private:
  explicit Program(const Options& options);

  void add_routes();
  void keep_house();
  void check_rights();
  void check_crds();
  void read_priority_classes();
  void check_certificates();
  [[nodiscard]] bool synced() const;
  [[nodiscard]] bool ready() const;
  void set_leading(bool leading);
  [[nodiscard]] std::string scrape();
  void start_thread(std::string name, std::function<void()> body);

  const Options options_;
  base::SystemClock clock_;
  base::MetricTable metrics_;
  std::unique_ptr<net::ApiClient> api_;
  /// With timeouts shorter than the lease.
  std::unique_ptr<net::ApiClient> lease_api_;
  WorkQueue queue_;
  std::unique_ptr<ClusterCache> cache_;
  std::unique_ptr<Sampler> sampler_;
  std::unique_ptr<LeaderLease> lease_;
  std::unique_ptr<Applier> applier_;
  std::unique_ptr<Controller> controller_;
  std::unique_ptr<CertificateRotation> certificates_;
  std::vector<std::unique_ptr<Reflector>> reflectors_;
  std::unique_ptr<net::Server> server_;

  net::Cancellation stopping_;
  std::atomic<bool> leading_ = false;
  std::string certificate_problem_;
  std::vector<std::thread> workers_;
  std::thread lease_thread_;
  std::vector<std::thread> threads_;
};

}  // namespace reconciler
