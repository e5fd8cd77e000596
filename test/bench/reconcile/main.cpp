// Measures a controller on a real API server whose Pods' side is played (test/fakes/node): see `run`.
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <thread>

#include "common/net/server.hpp"
#include "test/bench/reconcile/audit.hpp"
#include "test/bench/reconcile/process.hpp"
#include "test/fakes/node/node.hpp"

namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

const std::string kServices = "/apis/inference.llmkube.dev/v1alpha1/namespaces/bench/inferenceservices";

struct Settings {
  std::string kubeconfig;
  std::string kubectl;
  std::string folder;
  std::string audit_log;
  int services = 100;
  int models = 3;
  int batch = 0;
  int pid = 0;
  /// Of the others on this machine.
  int api_server = 0;
  int etcd = 0;
  /// What changed is sampled at the faster pace for 20 s.
  int settle_seconds = 25;
  /// Until then each agent of a few hundred services was asked once.
  int quiet_seconds = 60;
};

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::string model_name(int service, int number) {
  return "m-" + std::to_string(service) + "-" + std::to_string(number);
}

Json model(const std::string& name) {
  return {{"apiVersion", "inference.llmkube.dev/v1alpha1"},
          {"kind", "Model"},
          {"metadata", {{"name", name}, {"namespace", "bench"}}},
          {"spec", {{"source", "http://models.bench/" + name + ".gguf"}}}};
}

Json service(int number, int models) {
  Json names = Json::array();
  for (int i = 0; i < models; ++i) names.push_back({{"name", model_name(number, i)}});
  return {{"apiVersion", "inference.llmkube.dev/v1alpha1"},
          {"kind", "InferenceService"},
          {"metadata", {{"name", "s-" + std::to_string(number)}, {"namespace", "bench"}}},
          {"spec", {{"runtime", "llamacpp-router"}, {"models", names}}}};
}

/// resourceVersion of the whole store.
long revision(net::ApiClient& api) {
  const auto response = api.get("/api/v1/namespaces?limit=1");
  if (!response || !response->ok()) return 0;
  return std::stol(Json::parse(response->body)["metadata"]["resourceVersion"].get<std::string>());
}

/// How long writes took inside the API server: sum of seconds, and how many.
std::pair<double, double> write_times(net::ApiClient& api) {
  std::pair<double, double> sums;
  const auto response = api.get("/metrics");
  if (!response || !response->ok()) return sums;
  std::istringstream lines(response->body);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("apiserver_request_duration_seconds_")) continue;
    if (line.find("verb=\"POST\"") == line.npos && line.find("verb=\"APPLY\"") == line.npos &&
        line.find("verb=\"PATCH\"") == line.npos)
      continue;
    const double value = std::stod(line.substr(line.rfind(' ')));
    if (line.starts_with("apiserver_request_duration_seconds_sum")) sums.first += value;
    if (line.starts_with("apiserver_request_duration_seconds_count")) sums.second += value;
  }
  return sums;
}

/// How many services are Ready, as somebody with a watch sees it.
class Follower {
 public:
  Follower(net::ApiClient& api, int services)
      : api_(api), services_(static_cast<std::size_t>(services)), thread_([this] { run(); }) {}
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;
  ~Follower() {
    stopping_.cancel();
    thread_.join();
  }
  [[nodiscard]] bool all_ready() const {
    const std::lock_guard lock(mutex_);
    return ready_.size() >= services_;
  }

 private:
  void take(const base::JsonValue& object) {
    const bool is_ready = base::string_at(object, {"status", "phase"}) == "Ready";
    const auto name = base::string_at(object, {"metadata", "name"});
    const std::lock_guard lock(mutex_);
    if (is_ready) {
      ready_.insert(name);
    } else {
      ready_.erase(name);
    }
  }
  void run() {
    while (!stopping_.cancelled()) {
      const auto listed = api_.list(kServices, {}, [&](const base::JsonValue& object) { take(object); });
      if (!listed || listed->status != 200) {
        stopping_.wait_for(std::chrono::milliseconds{200});
        continue;
      }
      (void)api_.watch(
          kServices, {.label_selector = {}, .field_selector = {}, .resource_version = listed->resource_version},
          [&](std::string_view, const base::JsonValue& object) { return take(object), true; }, stopping_);
    }
  }

  net::ApiClient& api_;
  const std::size_t services_;
  net::Cancellation stopping_;
  mutable std::mutex mutex_;  // guards the next
  std::set<std::string> ready_;
  std::thread thread_;
};

/// One file for each service, in one folder for each batch; gives the folders.
std::vector<std::string> write_manifests(const Settings& settings) {
  std::vector<std::string> folders;
  const int batch = settings.batch > 0 ? settings.batch : settings.services;
  for (int n = 0; n < settings.services; ++n) {
    if (n % batch == 0) {
      folders.push_back(settings.folder + "/" + std::to_string(n / batch));
      std::filesystem::create_directories(folders.back());
    }
    Json items = Json::array();
    for (int m = 0; m < settings.models; ++m) items.push_back(model(model_name(n, m)));
    items.push_back(service(n, settings.models));
    std::ofstream(folders.back() + "/" + std::to_string(n) + ".json")
        << Json{{"apiVersion", "v1"}, {"kind", "List"}, {"items", items}}.dump();
  }
  return folders;
}

/// As a user does it; gives kubectl's CPU seconds.
double apply_all(const Settings& settings, const std::vector<std::string>& folders) {
  const auto cpu_of_children = [] {
    rusage usage{};
    ::getrusage(RUSAGE_CHILDREN, &usage);
    return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  };
  const double before = cpu_of_children();
  for (std::size_t i = 0; i < folders.size(); ++i) {
    if (i > 0) std::this_thread::sleep_for(std::chrono::seconds{2});
    const auto command = settings.kubectl + " --kubeconfig " + settings.kubeconfig + " --cache-dir " + settings.folder +
                         "/cache apply --server-side -f " + folders[i] + " >/dev/null";
    if (std::system(command.c_str()) != 0) std::fprintf(stderr, "failed: %s\n", command.c_str());
  }
  return cpu_of_children() - before;
}

/// What is measured, and the parts around it.
struct Bench {
  const Settings& settings;
  net::ApiClient& api;
  fakes::Node& node;
  Follower& follower;

  [[nodiscard]] Json measure(int pid, std::streamoff audit_offset, bool restarted) const;
};

Json Bench::measure(int pid, std::streamoff audit_offset, bool restarted) const {
  const auto per_service = [&](double value) { return value / settings.services; };
  const auto wanted_children = static_cast<std::size_t>(settings.services) * (3 + settings.models);
  const auto folders = restarted ? std::vector<std::string>{} : write_manifests(settings);
  const long first_revision = revision(api);
  const auto times_before = write_times(api);
  const auto node_before = static_cast<double>(node.writes());
  const double cpu_before = restarted ? 0 : bench::cpu_seconds(pid);
  const double api_before = bench::cpu_seconds(settings.api_server);
  const double etcd_before = bench::cpu_seconds(settings.etcd);
  const double own_before = bench::cpu_seconds(::getpid());
  const auto began = Clock::now();

  const double kubectl_cpu = restarted ? 0 : apply_all(settings, folders);
  const double applied = seconds_since(began);
  double made = 0;
  double ready = 0;
  while (ready == 0 && seconds_since(began) < 900) {
    if (made == 0 && node.children() >= wanted_children) made = seconds_since(began);
    if (made > 0 && follower.all_ready()) ready = seconds_since(began);
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
  const double cpu_until_ready = bench::cpu_seconds(pid) - cpu_before;
  const double api_cpu = bench::cpu_seconds(settings.api_server) - api_before;
  const double etcd_cpu = bench::cpu_seconds(settings.etcd) - etcd_before;
  const double own_cpu = bench::cpu_seconds(::getpid()) - own_before;
  const auto times = write_times(api);
  std::this_thread::sleep_for(std::chrono::seconds{settings.settle_seconds});
  const double cpu_until_settled = bench::cpu_seconds(pid) - cpu_before;
  const auto calls = bench::read_audit_log(settings.audit_log, audit_offset);
  auto by_line = calls.writes;
  for (auto& [line, number] : by_line) number = per_service(number);
  const auto quiet_before = bench::usage(pid);
  const long last_revision = revision(api);
  std::this_thread::sleep_for(std::chrono::seconds{settings.quiet_seconds});
  const auto quiet = bench::usage(pid);
  const auto writes_counted = times.second - times_before.second;
  return {{"services", settings.services},
          {"batch", settings.batch},
          {"restart", restarted},
          {"applied_s", applied},
          {"children_after_apply_s", made - applied},
          {"ready_after_apply_s", ready - applied},
          {"calls_per_service", per_service(calls.all())},
          {"calls_by_verb", calls.verbs},
          {"writes_per_service", per_service(calls.written())},
          {"writes_per_service_by_line", by_line},
          {"children_per_service", 3 + settings.models},
          {"etcd_revisions_per_service_all_writers", per_service(static_cast<double>(last_revision - first_revision))},
          {"played_node_writes_per_service", per_service(static_cast<double>(node.writes()) - node_before)},
          {"cpu_until_ready_s", cpu_until_ready},
          {"cpu_s", cpu_until_settled},
          {"api_server_cpu_s", api_cpu},
          {"etcd_cpu_s", etcd_cpu},
          {"kubectl_cpu_s", kubectl_cpu},
          {"played_node_cpu_s", own_cpu},
          {"write_mean_ms", writes_counted > 0 ? 1000 * (times.first - times_before.first) / writes_counted : 0},
          {"rss_peak_mib", bench::memory_mib(pid, "VmHWM")},
          {"rss_settled_mib", bench::memory_mib(pid, "VmRSS")},
          {"converged_writes", bench::read_audit_log(settings.audit_log, audit_offset).written()},
          {"converged_turns_per_s", (quiet.turns - quiet_before.turns) / settings.quiet_seconds},
          {"converged_core_percent", 100 * (quiet.cpu_seconds - quiet_before.cpu_seconds) / settings.quiet_seconds}};
}

int run(const Settings& settings) {
  auto config = net::read_kubeconfig(settings.kubeconfig);
  if (!config) return std::fprintf(stderr, "%s\n", config.error().to_string().c_str()), 1;
  auto api = std::move(*net::ApiClient::make(*config));
  fakes::Node node(*config, {.workers = 4});
  net::Server agents({.listen = "0.0.0.0:8081"});
  agents.route("GET", "/state", [&node](const net::Request& request) {
    const std::string host(request.head.value("host").substr(0, request.head.value("host").find(':')));
    const auto body = node.answer(host, "/state");
    return net::Response{.status = body ? 200 : 503, .body = body ? *body : "{}"};
  });
  net::Server fronts({.listen = "0.0.0.0:8080"});  // the Services: their addresses are this machine's too
  for (auto* server : {&agents, &fronts}) {
    if (const auto started = server->start(); !started)
      return std::fprintf(stderr, "%s\n", started.error().to_string().c_str()), 1;
  }
  (void)api->create("/api/v1/namespaces", R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"bench"}})");

  Follower follower(*api, settings.services);
  const Bench bench{settings, *api, node, follower};
  int pid = settings.pid;
  std::streamoff offset = 0;
  bool restarted = false;
  do {
    std::printf("%s\n", bench.measure(pid, offset, std::exchange(restarted, true)).dump().c_str());
    std::fflush(stdout);
  } while (std::scanf("%d %ld", &pid, &offset) == 2);  // the controller was restarted
  agents.stop();
  fronts.stop();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  Settings settings;
  CLI::App app("Applies services and measures how a controller follows", "bench-reconcile");
  app.add_option("--kubeconfig", settings.kubeconfig)->required();
  app.add_option("--kubectl", settings.kubectl)->required();
  app.add_option("--folder", settings.folder, "For the manifests")->required();
  app.add_option("--audit-log", settings.audit_log, "Of the API server: the controller's calls")->required();
  app.add_option("--services", settings.services);
  app.add_option("--models", settings.models, "Models of each service");
  app.add_option("--batch", settings.batch, "Services in each apply, with 2 s between; 0: all at once");
  app.add_option("--pid", settings.pid, "The controller's process")->required();
  app.add_option("--api-server", settings.api_server, "Its process")->required();
  app.add_option("--etcd", settings.etcd, "Its process")->required();
  app.add_option("--settle-seconds", settings.settle_seconds, "From Ready on, for the last samples");
  app.add_option("--quiet-seconds", settings.quiet_seconds, "How long to watch the converged state");
  CLI11_PARSE(app, argc, argv);
  return run(settings);
}
