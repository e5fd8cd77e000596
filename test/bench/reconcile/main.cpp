// Measures the reconciler on a real API server whose Pods' side is played (test/fakes/node): see `run`.
#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "common/net/server.hpp"
#include "test/fakes/node/node.hpp"

namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

const std::string kGroup = "/apis/inference.llmkube.dev/v1alpha1/namespaces/bench/";

struct Settings {
  std::string kubeconfig;
  std::string metrics = "127.0.0.1:18081";
  std::string audit_log;
  int services = 100;
  int models = 3;
  int batch = 0;
  int pid = 0;
  /// What changed is sampled at the faster pace for 20 s.
  int settle_seconds = 25;
  int quiet_seconds = 20;
};

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

Json model(int service, int number) {
  const auto name = "m-" + std::to_string(service) + "-" + std::to_string(number);
  return {{"apiVersion", "inference.llmkube.dev/v1alpha1"},
          {"kind", "Model"},
          {"metadata", {{"name", name}}},
          {"spec", {{"source", "http://models.bench/" + name + ".gguf"}}}};
}

Json service(int number, int models) {
  Json names = Json::array();
  for (int i = 0; i < models; ++i) names.push_back({{"name", "m-" + std::to_string(number) + "-" + std::to_string(i)}});
  return {{"apiVersion", "inference.llmkube.dev/v1alpha1"},
          {"kind", "InferenceService"},
          {"metadata", {{"name", "s-" + std::to_string(number)}}},
          {"spec", {{"runtime", "llamacpp-router"}, {"models", names}}}};
}

/// Objects of a resource in the namespace, counted by the server, and the version of the store.
std::pair<long, long> count(net::ApiClient& api, const std::string& path) {
  const auto response = api.get(path + "?limit=1");
  if (!response || !response->ok()) return {0, 0};
  const auto list = Json::parse(response->body);
  const long listed = static_cast<long>(list["items"].size());
  return {listed + list["metadata"].value("remainingItemCount", 0L),
          std::stol(list["metadata"]["resourceVersion"].get<std::string>())};
}

long children(net::ApiClient& api) {
  long sum = 0;
  for (const auto* path : {"/apis/batch/v1/namespaces/bench/jobs", "/apis/apps/v1/namespaces/bench/deployments",
                           "/api/v1/namespaces/bench/services", "/api/v1/namespaces/bench/configmaps"})
    sum += count(api, path).first;
  return sum;
}

/// Sum of the samples whose line contains `word`.
double metric(net::HttpClient& client, const std::string& name, const std::string& word) {
  const auto response = client.send({.target = "/metrics"});
  if (!response) return 0;
  double sum = 0;
  std::istringstream lines(response->body);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(name) && line.find(word) != std::string::npos) sum += std::stod(line.substr(line.rfind(' ')));
  return sum;
}

/// Which line of the table a write belongs to; empty: none of the services' (lease, access reviews).
std::string line_of(const std::string& resource, const std::string& verb) {
  static const std::map<std::string, std::string> kLines{{"persistentvolumeclaims", "children"},
                                                         {"configmaps", "children"},
                                                         {"deployments", "children"},
                                                         {"services", "children"},
                                                         {"horizontalpodautoscalers", "children"},
                                                         {"jobs create", "children"},
                                                         {"jobs patch", "job results"},
                                                         {"jobs delete", "job deletions"},
                                                         {"pods", "pod annotations"},
                                                         {"inferenceservices/status", "service statuses"},
                                                         {"models/status", "model statuses"},
                                                         {"events", "events"}};
  const auto found = kLines.find(kLines.contains(resource) ? resource : resource + " " + verb);
  return found == kLines.end() ? "" : found->second;
}

/// The reconciler's writes by line of the table, refused ones too, as the API server's audit log has them from `offset`
/// on; moves `offset` to the end.
std::map<std::string, double> writes(const std::string& audit_log, std::streamoff& offset) {
  std::map<std::string, double> sums;
  std::ifstream file(audit_log);
  file.seekg(offset);
  for (std::string line; std::getline(file, line);) {
    offset = file.tellg();
    const auto entry = Json::parse(line, nullptr, false);
    if (entry.is_discarded()) continue;
    const auto object = entry.value("objectRef", Json::object());
    const auto part = object.value("subresource", "");
    const auto name = object.value("resource", "") + (part.empty() ? "" : "/" + part);
    if (const auto at = line_of(name, entry.value("verb", "")); !at.empty()) ++sums[at];
  }
  return sums;
}

double sum_of(const std::map<std::string, double>& sums) {
  double sum = 0;
  for (const auto& [line, count] : sums) sum += count;
  return sum;
}

/// User and system time of all its threads, in seconds.
double cpu(int pid) {
  double nanoseconds = 0;
  std::error_code gone;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", gone)) {
    double on_cpu = 0;
    if (std::ifstream(thread.path() / "schedstat") >> on_cpu) nanoseconds += on_cpu;
  }
  return nanoseconds / 1e9;
}

double memory_mib(int pid, const std::string& key) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(key)) return std::stod(line.substr(key.size() + 1)) / 1024;
  return 0;
}

void apply_all(net::ApiClient& api, const Settings& settings) {
  std::atomic<int> next = 0;
  std::vector<std::thread> clients;
  const auto post = [&](const std::string& plural, const Json& body) {
    const auto response = api.create(kGroup + plural, body.dump());
    if (!response || !response->ok())
      std::fprintf(stderr, "%s\n", response ? response->body.c_str() : response.error().to_string().c_str());
  };
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      for (int n = next++; n < settings.services; n = next++) {
        for (int m = 0; m < settings.models; ++m) post("models", model(n, m));
        post("inferenceservices", service(n, settings.models));
        if (settings.batch > 0 && n % settings.batch == settings.batch - 1)
          std::this_thread::sleep_for(std::chrono::seconds{2});
      }
    });
  }
  for (auto& client : clients) client.join();
}

/// What is measured, and the parts around it.
struct Bench {
  const Settings& settings;
  net::ApiClient& api;
  net::HttpClient& metrics;
  fakes::Node& node;

  [[nodiscard]] Json measure(int pid, std::streamoff audit_offset, bool restarted) const;
};

Json Bench::measure(int pid, std::streamoff audit_offset, bool restarted) const {
  const long wanted_children = settings.services * (3L + settings.models);
  const auto revision = count(api, "/api/v1/namespaces").second;
  const auto node_before = static_cast<double>(node.writes());
  const double cpu_before = restarted ? 0 : cpu(pid);
  const auto began = Clock::now();
  if (!restarted) apply_all(api, settings);
  const double applied = seconds_since(began);
  double made = 0;
  double ready = 0;
  while (ready == 0 && seconds_since(began) < 600) {
    if (made == 0 && children(api) >= wanted_children) made = seconds_since(began);
    if (metric(metrics, "llmkube_router_services{", "\"Ready\"") >= settings.services) ready = seconds_since(began);
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
  }
  const double cpu_busy = cpu(pid) - cpu_before;
  std::this_thread::sleep_for(std::chrono::seconds{settings.settle_seconds});
  auto by_line = writes(settings.audit_log, audit_offset);
  const double all = sum_of(by_line);
  for (auto& [line, number] : by_line) number /= settings.services;
  const double quiet_cpu = cpu(pid);
  const auto quiet_revision = count(api, "/api/v1/namespaces").second;
  std::this_thread::sleep_for(std::chrono::seconds{settings.quiet_seconds});
  return {
      {"services", settings.services},
      {"batch", settings.batch},
      {"restart", restarted},
      {"applied_s", applied},
      {"children_after_apply_s", made - applied},
      {"ready_after_apply_s", ready - applied},
      {"writes_per_service", all / settings.services},
      {"writes_per_service_by_line", by_line},
      {"children_per_service", 3 + settings.models},
      {"etcd_revisions_per_service_all_writers", static_cast<double>(quiet_revision - revision) / settings.services},
      {"played_node_writes_per_service", (static_cast<double>(node.writes()) - node_before) / settings.services},
      {"cpu_s", cpu_busy},
      {"rss_peak_mib", memory_mib(pid, "VmHWM:")},
      {"rss_settled_mib", memory_mib(pid, "VmRSS:")},
      {"converged_writes", sum_of(writes(settings.audit_log, audit_offset))},
      {"converged_core_percent", 100 * (cpu(pid) - quiet_cpu) / settings.quiet_seconds}};
}

int run(const Settings& settings) {
  auto config = net::read_kubeconfig(settings.kubeconfig);
  if (!config) return std::fprintf(stderr, "%s\n", config.error().to_string().c_str()), 1;
  auto api = std::move(*net::ApiClient::make(*config));
  net::HttpClientOptions target;
  target.url = "http://" + settings.metrics;
  auto client = std::move(*net::HttpClient::make(std::move(target)));
  fakes::Node node(*config);
  net::Server agents({.listen = "0.0.0.0:8081"});
  agents.route("GET", "/state", [&node](const net::Request& request) {
    const std::string host(request.header("host").substr(0, request.header("host").find(':')));
    const auto body = node.answer(host, "/state");
    return net::Response{.status = body ? 200 : 503, .body = body ? *body : "{}"};
  });
  if (const auto started = agents.start(); !started)
    return std::fprintf(stderr, "%s\n", started.error().to_string().c_str()), 1;
  (void)api->create("/api/v1/namespaces", R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"bench"}})");

  const Bench bench{settings, *api, *client, node};
  int pid = settings.pid;
  std::streamoff offset = 0;
  bool restarted = false;
  do {
    std::printf("%s\n", bench.measure(pid, offset, std::exchange(restarted, true)).dump().c_str());
    std::fflush(stdout);
  } while (std::scanf("%d %ld", &pid, &offset) == 2);  // the reconciler was restarted
  agents.stop();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  Settings settings;
  CLI::App app("Applies services and measures how the reconciler follows", "bench-reconcile");
  app.add_option("--kubeconfig", settings.kubeconfig)->required();
  app.add_option("--metrics", settings.metrics, "HOST:PORT of the reconciler");
  app.add_option("--audit-log", settings.audit_log, "Of the API server: the reconciler's writes")->required();
  app.add_option("--services", settings.services);
  app.add_option("--models", settings.models, "Models of each service");
  app.add_option("--batch", settings.batch, "Pause 2 s after so many services; 0: one burst");
  app.add_option("--pid", settings.pid, "The reconciler's process")->required();
  app.add_option("--settle-seconds", settings.settle_seconds, "From Ready on, for the last samples");
  app.add_option("--quiet-seconds", settings.quiet_seconds, "How long to watch the converged state");
  CLI11_PARSE(app, argc, argv);
  return run(settings);
}
