#include "reconciler/program.hpp"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <random>
#include <utility>

#include "common/base/log.hpp"
#include "common/net/health.hpp"
#include "reconciler/checks/access.hpp"
#include "reconciler/checks/crd.hpp"
#include "reconciler/metrics.hpp"

namespace reconciler {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Until the priority classes could be read.
constexpr milliseconds kClassesRetry{1000};
/// At the start, until the certificates are in force.
constexpr milliseconds kImpatientPause{200};
/// Three reads each time. Until it is noticed that a configuration was made anew, its webhook has no CA and every apply
/// of our kinds is refused.
constexpr seconds kCertificatePause{10};
constexpr seconds kCertificateRetry{2};
constexpr std::chrono::minutes kSlowChecks{10};
/// While the CRD lacks fields: somebody will mend it soon.
constexpr seconds kCrdRetry{30};
/// Pods that do not answer, however many, hold one of them for up to 1.5 s, a Service for 2.5 s; the other goes on.
constexpr int kSamplerThreads = 2;

/// Unique per process, and readable: the Pod's name.
std::string identity() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  std::array<char, 16> suffix{};
  std::snprintf(suffix.data(), suffix.size(), "_%08x", std::random_device{}());
  return std::string(host.data()) + suffix.data();
}

base::Result<net::ApiConfig> api_config(const Options& options) {
  return options.kubeconfig.empty() ? net::in_cluster_config() : net::read_kubeconfig(options.kubeconfig);
}

}  // namespace

base::Result<std::unique_ptr<Program>> Program::make(Options options, Surroundings surroundings) {
  auto config = api_config(options);
  if (!config) return std::unexpected(config.error());
  if (config->is_ipv6()) options.settings.bind_address = "::";
  std::unique_ptr<Program> program(new Program(std::move(options), std::move(surroundings)));
  auto api = net::ApiClient::make(*config, [raw = program.get()](std::string_view verb, int code) {
    raw->metrics_.add("llmkube_router_api_requests_total", {verb, std::to_string(code)});
  });
  if (!api) return std::unexpected(api.error());
  config->timeouts = {.connect = milliseconds{2000},
                      .read = milliseconds{4000},
                      .write = milliseconds{2000},
                      .total = milliseconds{5000}};
  auto lease_api = net::ApiClient::make(*config);
  if (!lease_api) return std::unexpected(lease_api.error());
  program->api_ = std::move(*api);
  program->lease_api_ = std::move(*lease_api);
  return program;
}

Program::Program(Options options, Surroundings surroundings)
    : options_(std::move(options)),
      surroundings_(std::move(surroundings)),
      metrics_(metric_rows()),
      queue_(surroundings_.queue) {}

Program::~Program() { stop(); }

base::Result<> Program::start() {
  const auto notify = [this](const Key& key) { queue_.add(key); };
  cache_ = std::make_unique<ClusterCache>(options_.settings, notify,
                                          [this](Resource resource, const std::string& at, const std::string& name) {
                                            applier_->forget(resource, at, name);
                                          });
  sampler_ = std::make_unique<Sampler>(
      surroundings_.fetch, surroundings_.knock,
      [this](const std::string& at, const std::string& name) { return has_ready_endpoint(*api_, at, name); }, notify,
      surroundings_.sampler);
  lease_ = std::make_unique<LeaderLease>(*lease_api_, clock_,
                                         LeaderLease::Options{.name_space = options_.own_namespace,
                                                              .name = options_.lease_name,
                                                              .identity = identity(),
                                                              .duration = surroundings_.lease_duration,
                                                              .renew = surroundings_.lease_renew,
                                                              .deadline = surroundings_.lease_deadline},
                                         [this](bool leading) { set_leading(leading); });
  events_ = std::make_unique<EventOutbox>(*api_, [this] { return queue_.depth() == 0; });
  applier_ = std::make_unique<Applier>(
      *api_, *cache_, clock_, [this] { return options_.leader_elect ? lease_->holds() : leading_.load(); },
      [this](std::string path, std::string body) { events_->add(std::move(path), std::move(body)); });
  controller_ = std::make_unique<Controller>(Controller::Parts{options_.settings, clock_, *api_, *cache_, queue_,
                                                               *sampler_, *applier_, metrics_, surroundings_.patience});
  if (!options_.webhook_service.empty()) {
    certificates_ = std::make_unique<CertificateRotation>(
        *api_, clock_,
        CertificateRotation::Options{.name_space = options_.own_namespace,
                                     .service = options_.webhook_service,
                                     .secret = options_.webhook_secret,
                                     .mutating_configuration = options_.mutating_configuration,
                                     .validating_configuration = options_.validating_configuration,
                                     .cluster_domain = options_.settings.cluster_domain});
  }
  server_ = std::make_unique<net::Server>(net::ServerOptions{.listen = options_.listen});
  add_routes();
  if (auto started = server_->start(); !started) return started;

  auto namespaces = options_.watch_namespaces;
  if (namespaces.empty()) namespaces.emplace_back();
  for (const auto& at : namespaces) {
    for (const auto& row : resources()) {
      reflectors_.push_back(std::make_unique<Reflector>(*api_, *cache_, row.resource, at, surroundings_.reflector,
                                                        [this](std::string_view resource, std::string_view) {
                                                          metrics_.add("llmkube_router_watch_restarts_total",
                                                                       {resource});
                                                        }));
      start_thread("watch", [reflector = reflectors_.back().get()] { reflector->run(); });
    }
  }
  for (int i = 0; i < kSamplerThreads; ++i) start_thread("sampler", [this] { sampler_->run(); });
  for (int i = 0; i < options_.workers; ++i) {
    workers_.emplace_back([this] {
      ::pthread_setname_np(::pthread_self(), "worker");
      controller_->work();
    });
  }
  start_thread("events", [this] { events_->run(); });
  start_thread("keeper", [this] { keep_house(); });
  lease_thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "lease");
    // A replica whose cache is not complete has no business to lead.
    while (!synced())
      if (stopping_.wait_for(milliseconds{10})) return;
    base::log::info("synced");
    // Before the first decision, however long it takes: a template that lost the name of its class for want of an
    // answer would restart Pods, and once more when it gets it back.
    while (!read_priority_classes())
      if (stopping_.wait_for(kClassesRetry)) return;
    if (!options_.leader_elect) return set_leading(true);
    lease_->run([this] {
      for (auto& worker : workers_) worker.join();
      workers_.clear();
    });
  });
  base::log::info("started", {{"listen", options_.listen}, {"image", options_.settings.image}});
  return {};
}

void Program::start_thread(std::string name, std::function<void()> body) {
  threads_.emplace_back([name = std::move(name), body = std::move(body)] {
    ::pthread_setname_np(::pthread_self(), name.c_str());
    body();
  });
}

void Program::stop() {
  if (server_ == nullptr || stopping_.cancelled()) return;
  stopping_.cancel();
  queue_.shut_down();
  controller_->set_active(false);
  // Passes end by themselves in milliseconds; a server that hangs must not cost the next leader its time.
  net::Cancellation all_ended;
  std::thread impatience([this, &all_ended] {
    while (!all_ended.wait_for(milliseconds{500})) api_->interrupt();  // a pass makes several calls
  });
  lease_->stop();
  if (lease_thread_.joinable()) lease_thread_.join();
  for (auto& worker : workers_) worker.join();
  workers_.clear();
  sampler_->stop();
  events_->stop();
  for (auto& reflector : reflectors_) reflector->stop();
  api_->interrupt();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
  all_ended.cancel();
  impatience.join();
  server_->stop(milliseconds{500});
}

bool Program::synced() const {
  return std::all_of(reflectors_.begin(), reflectors_.end(), [](const auto& reflector) { return reflector->synced(); });
}

bool Program::ready() const { return synced() && (certificates_ == nullptr || certificates_->in_force()); }

void Program::set_leading(bool leading) {
  leading_ = leading;
  metrics_.set("llmkube_router_leader", {}, leading ? 1 : 0);
  controller_->set_active(leading);
  if (!leading) api_->interrupt();  // what is under way must not land in another leader's time
}

void Program::add_routes() {
  const auto check_ready = [this]() -> base::Result<> {
    if (ready()) return {};
    return base::fail(synced() ? "the webhook's certificate is not in force" : "the caches are not complete", "");
  };
  net::add_health_routes(*server_, {.ready = check_ready, .metrics = [this] { return scrape(); }});
}

std::string Program::scrape() {
  metrics_.set("llmkube_router_queue_depth", {}, static_cast<double>(queue_.depth()));
  metrics_.set("llmkube_router_queue_oldest_seconds", {}, std::chrono::duration<double>(queue_.oldest()).count());
  if (certificates_)
    metrics_.set("llmkube_router_certificate_expiry_timestamp_seconds", {},
                 static_cast<double>(certificates_->expires()));
  const auto phases = cache_->phases();
  metrics_.replace("llmkube_router_services", {phases.services.begin(), phases.services.end()});
  metrics_.replace("llmkube_router_models", {phases.models.begin(), phases.models.end()});
  const auto downloads = sampler_->downloads();
  std::int64_t done = 0;
  std::int64_t total = 0;
  for (const auto& download : downloads) {
    done += download.bytes_done;
    total += download.bytes_total.value_or(0);
  }
  metrics_.set("llmkube_router_downloads", {}, static_cast<double>(downloads.size()));
  metrics_.set("llmkube_router_download_bytes_done", {}, static_cast<double>(done));
  metrics_.set("llmkube_router_download_bytes", {}, static_cast<double>(total));
  return metrics_.text();
}

void Program::keep_house() {
  using Clock = std::chrono::steady_clock;
  Clock::time_point certificates_due{};
  Clock::time_point slow_due{};
  bool rights_checked = false;
  bool was_leading = false;
  milliseconds pause = kImpatientPause;
  while (!stopping_.wait_for(pause)) {
    const auto now = Clock::now();
    const bool leading = leading_;
    if (certificates_ && (now >= certificates_due || leading != was_leading)) {
      check_certificates();
      certificates_due = now + (certificates_->in_force() ? kCertificatePause : kCertificateRetry);
    }
    was_leading = leading;
    pause = certificates_ && !certificates_->in_force() ? kImpatientPause : kCertificatePause;
    if (now < slow_due) continue;
    slow_due = now + kSlowChecks;
    if (!std::exchange(rights_checked, true)) check_rights();
    (void)read_priority_classes();
    if (!check_crds()) slow_due = now + kCrdRetry;
  }
}

void Program::check_certificates() {
  const auto checked = certificates_->check(options_.leader_elect ? lease_->holds() : leading_.load());
  const auto problem = checked ? std::string{} : checked.error().to_string();
  if (problem == certificate_problem_) return;
  certificate_problem_ = problem;
  if (!problem.empty()) base::log::warning("certificates-problem", {{"problem", problem}});
}

void Program::check_rights() {
  const auto missing = missing_access(*api_, {.watched_namespaces = options_.watch_namespaces,
                                              .own_namespace = options_.own_namespace,
                                              .leader_election = options_.leader_elect,
                                              .certificates = !options_.webhook_service.empty(),
                                              .secret_name = options_.webhook_secret,
                                              .lease_name = options_.lease_name,
                                              .mutating_configuration = options_.mutating_configuration,
                                              .validating_configuration = options_.validating_configuration});
  if (!missing) return base::log::warning("rights-not-checked", {{"problem", missing.error().to_string()}});
  for (const auto& sentence : *missing) base::log::error("right-missing", {{"what", sentence}});
}

bool Program::check_crds() {
  const auto missing = missing_fields(*api_);
  const std::string problem = missing ? std::string{} : missing.error().to_string();
  if (std::exchange(crds_problem_, problem) != problem && !problem.empty())
    base::log::warning("crds-not-checked", {{"problem", problem}});
  if (!missing) return true;
  if (*missing != missing_fields_) {
    for (const auto& field : *missing)
      base::log::error("crd-field-missing", {{"field", field}, {"fix", "apply the CRDs of this release"}});
    missing_fields_ = *missing;
    controller_->set_missing_fields(*missing);
  }
  return missing->empty();
}

bool Program::read_priority_classes() {
  auto names = std::make_shared<std::set<std::string>>();
  const auto listed = api_->list("/apis/scheduling.k8s.io/v1/priorityclasses", {}, [&](const base::JsonValue& object) {
    names->insert(base::string_at(object, {"metadata", "name"}));
  });
  const bool is_read = listed && listed->status == 200;
  const std::string problem = is_read  ? ""
                              : listed ? net::to_error(listed->refusal, "priorityclasses").to_string()
                                       : listed.error().to_string();
  if (is_read) controller_->set_priority_classes(std::move(names));
  const std::lock_guard lock(classes_mutex_);
  if (std::exchange(classes_problem_, problem) != problem && !problem.empty())
    base::log::warning("priority-classes-not-read", {{"problem", problem}});
  return is_read || (listed && listed->status == 403);
}

}  // namespace reconciler
