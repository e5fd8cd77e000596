// Measures the reconciler on a real API server whose Pods' side is played (test/fakes/node): see `run`.
#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "common/base/signals.hpp"
#include "common/net/server.hpp"
#include "test/fakes/node/node.hpp"

namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

const std::string kGroup = "/apis/inference.llmkube.dev/v1alpha1/namespaces/bench/";

struct Settings {
  std::string kubeconfig;
  std::string metrics = "127.0.0.1:18081";
  int services = 100;
  int models = 3;
  int batch = 0;
  int pid = 0;
  int quiet_seconds = 20;
  bool only_watch = false;
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

double writes(net::HttpClient& client) {
  double sum = 0;
  for (const auto* verb : {"verb=\"create\"", "verb=\"patch\"", "verb=\"update\"", "verb=\"delete\""})
    sum += metric(client, "llmkube_router_api_requests_total", verb);
  return sum;
}

/// User and system time, in seconds.
double cpu(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  if (text.empty()) return 0;  // it has ended
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string word;
  double ticks = 0;
  for (int i = 3; fields >> word && i <= 15; ++i)
    if (i == 14 || i == 15) ticks += std::stod(word);
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
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

  const long wanted_children = settings.services * (3L + settings.models);
  const long before_children = settings.only_watch ? 0 : children(*api);
  const auto revision = count(*api, "/api/v1/namespaces").second;
  const double writes_before = settings.only_watch ? 0 : writes(*client);
  const double node_before = static_cast<double>(node.writes());
  const double cpu_before = settings.only_watch ? 0 : cpu(settings.pid);

  const auto began = Clock::now();
  if (!settings.only_watch) apply_all(*api, settings);
  const double applied = seconds_since(began);
  double made = 0;
  double ready = 0;
  while (ready == 0 && seconds_since(began) < 600) {
    if (made == 0 && children(*api) - before_children >= wanted_children) made = seconds_since(began);
    if (metric(*client, "llmkube_router_services{", "\"Ready\"") >= settings.services) ready = seconds_since(began);
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
  }
  const double cpu_busy = cpu(settings.pid) - cpu_before;
  std::this_thread::sleep_for(std::chrono::seconds{5});  // the last samples
  const double settled_writes = writes(*client);
  const double quiet_cpu = cpu(settings.pid);
  const auto quiet_revision = count(*api, "/api/v1/namespaces").second;
  std::this_thread::sleep_for(std::chrono::seconds{settings.quiet_seconds});
  const Json row = {
      {"services", settings.services},
      {"batch", settings.batch},
      {"restart", settings.only_watch},
      {"applied_s", applied},
      {"children_after_apply_s", made - applied},
      {"ready_after_apply_s", ready - applied},
      {"writes_per_service", (settled_writes - writes_before) / settings.services},
      {"children_per_service", 3 + settings.models},
      {"etcd_revisions_per_service_all_writers", static_cast<double>(quiet_revision - revision) / settings.services},
      {"played_node_writes_per_service", (static_cast<double>(node.writes()) - node_before) / settings.services},
      {"cpu_s", cpu_busy},
      {"rss_peak_mib", memory_mib(settings.pid, "VmHWM:")},
      {"rss_settled_mib", memory_mib(settings.pid, "VmRSS:")},
      {"converged_writes", writes(*client) - settled_writes},
      {"converged_core_percent", 100 * (cpu(settings.pid) - quiet_cpu) / settings.quiet_seconds}};
  std::printf("%s\n", row.dump().c_str());
  agents.stop();
  return ready > 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const base::Signals signals;
  Settings settings;
  CLI::App app("Applies services and measures how the reconciler follows", "bench-reconcile");
  app.add_option("--kubeconfig", settings.kubeconfig)->required();
  app.add_option("--metrics", settings.metrics, "HOST:PORT of the reconciler");
  app.add_option("--services", settings.services);
  app.add_option("--models", settings.models, "Models of each service");
  app.add_option("--batch", settings.batch, "Pause 2 s after so many services; 0: one burst");
  app.add_option("--pid", settings.pid, "The reconciler's process")->required();
  app.add_option("--quiet-seconds", settings.quiet_seconds, "How long to watch the converged state");
  app.add_flag("--only-watch", settings.only_watch, "Apply nothing: after a restart of the reconciler");
  CLI11_PARSE(app, argc, argv);
  return run(settings);
}
