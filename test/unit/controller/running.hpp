#pragma once
#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/base/file.hpp"
#include "reconciler/program.hpp"
#include "test/catch.hpp"
#include "test/fakes/api_server/api_server.hpp"
#include "test/fakes/node/node.hpp"
#include "test/support/eventually.hpp"

using namespace std::chrono_literals;
using fakes::Fault;
using fakes::Json;

[[maybe_unused]] inline const auto kNoSigpipe = std::signal(SIGPIPE, SIG_IGN);

inline const std::string kDeployments = "/apis/apps/v1/namespaces/edge/deployments";
inline const std::string kConfigMaps = "/api/v1/namespaces/edge/configmaps";
inline const std::string kJobs = "/apis/batch/v1/namespaces/edge/jobs";
inline const std::string kServices = "/api/v1/namespaces/edge/services";

/// How long a lease holds, and how long its leader may write without a renewal.
struct LeaseTimes {
  std::chrono::milliseconds duration = 1h;
  std::chrono::milliseconds deadline = 40min;
};
/// For who is to lose it: no busy machine reaches the times above.
inline constexpr LeaseTimes kShortLease{.duration = 2s, .deadline = 1200ms};

/// The whole reconciler in this process, with the scripted API server and a played node around it.
class Running {
 public:
  /// `runtimes` as --runtimes has them; empty = the default, both.
  explicit Running(std::vector<std::string> runtimes = {}, LeaseTimes lease = {})
      : runtimes_(std::move(runtimes)), lease_(lease) {
    net::ApiConfig config;
    config.server = server.url();
    node = std::make_unique<fakes::Node>(config);
    start();
  }
  ~Running() { stop(); }

  void start() { program = make(); }
  void stop() {
    if (program) program->stop();
    program.reset();
  }
  /// One more replica.
  std::unique_ptr<reconciler::Program> make() {
    const auto path = std::filesystem::temp_directory_path() / ("llmkube-router-" + std::to_string(::getpid()));
    REQUIRE(base::write_file(path,
                             "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n"
                             "clusters: [{name: k, cluster: {server: '" +
                                 server.url() + "'}}]\nusers: [{name: u, user: {token: t}}]\n"));
    reconciler::Options options;
    options.settings.image = "localhost/llmkube-router:test";
    if (!runtimes_.empty()) options.settings.runtimes = runtimes_;
    options.settings.runtime_images = {{"cpu", "localhost/llama-server:cpu-b11669"}};
    options.listen = "127.0.0.1:0";
    options.own_namespace = "own";
    options.kubeconfig = path;
    reconciler::Program::Surroundings surroundings;
    surroundings.reflector = {
        .page_size = 2, .watch_timeout = 60s, .watch_silence = 1s, .first_retry = 20ms, .longest_retry = 300ms};
    surroundings.sampler.busy = 100ms;
    surroundings.sampler.settled = 300ms;
    surroundings.sampler.settled_per_second = 1000;
    surroundings.lease_duration = lease_.duration;
    surroundings.lease_renew = 300ms;
    surroundings.lease_deadline = lease_.deadline;
    surroundings.patience = {.quiet = 100ms, .longest = 500ms};
    surroundings.queue = {.first_retry = 20ms, .longest_retry = 500ms, .rest = 50ms, .models_rest = 100ms};
    surroundings.fetch = [this](const auto& questions, const auto& answered) {
      for (std::size_t i = 0; i < questions.size(); ++i) answered(i, node->answer(questions[i].ip, questions[i].path));
    };
    surroundings.sampler.knock = 50ms;
    surroundings.sampler.knock_for = knock_for;
    surroundings.knock = [this](const std::string& ip, int) {
      ++knocks;
      return node->takes_connections(ip) ? reconciler::Knock::open : reconciler::Knock::refused;
    };
    auto made = reconciler::Program::make(options, std::move(surroundings));
    REQUIRE(made);
    REQUIRE((*made)->start());
    return std::move(*made);
  }

  void add_model(const std::string& name) {
    server.create(kGroup + "models", {{"apiVersion", "inference.llmkube.dev/v1alpha1"},
                                      {"kind", "Model"},
                                      {"metadata", {{"name", name}}},
                                      {"spec", {{"source", "http://host/" + name + ".gguf"}}}});
  }
  void add_service(const std::string& name, const std::vector<std::string>& models) {
    Json list = Json::array();
    for (const auto& model : models) list.push_back({{"name", model}});
    server.create(kGroup + "inferenceservices", {{"apiVersion", "inference.llmkube.dev/v1alpha1"},
                                                 {"kind", "InferenceService"},
                                                 {"metadata", {{"name", name}}},
                                                 {"spec", {{"runtime", "llamacpp-router"}, {"models", list}}}});
  }
  /// Two Models, two services that share one of them.
  void add_all() {
    for (const auto* name : {"a", "b", "c"}) add_model(name);
    add_service("one", {"a", "b"});
    add_service("two", {"b", "c"});
  }
  Json service(const std::string& name) { return server.get(kGroup + "inferenceservices/" + name).body; }
  std::size_t advertised(const std::string& name) {
    return service(name).value("/status/advertisedModels"_json_pointer, Json::array()).size();
  }
  bool is_ready(const std::string& name) {
    const auto object = service(name);
    const auto wanted = object.value("/spec/models"_json_pointer, Json::array()).size();
    return object.value("/status/phase"_json_pointer, "") == "Ready" && advertised(name) == wanted &&
           object.value("/status/observedGeneration"_json_pointer, 0) == object["metadata"]["generation"];
  }

  bool leads() {
    return test::eventually([this] { return program->leading(); });
  }
  bool all_ready() {
    return test::eventually([this] { return is_ready("one") && is_ready("two"); });
  }
  /// True when no write of the controller's comes for a second, after those that had to wait; renewals of the lease do
  /// not count.
  bool is_quiet() {
    std::size_t before = 0;
    for (int tries = 0; tries < 10; ++tries) {
      std::this_thread::sleep_for(std::chrono::milliseconds{600});
      before = writes();
      std::this_thread::sleep_for(std::chrono::seconds{1});
      if (writes() == before) return true;
    }
    return false;
  }
  /// Calls that write, by the controller, refused ones too.
  std::size_t writes() {
    std::size_t count = 0;
    for (const auto& call : server.calls()) {
      const bool is_node = call.target.find("fieldManager=node") != std::string::npos ||
                           (call.method == "POST" && call.target.ends_with("/pods"));
      const bool is_lease = call.target.find("/leases") != std::string::npos;
      const bool is_review = call.target.find("accessreviews") != std::string::npos;
      if (call.method != "GET" && !is_node && !is_lease && !is_review) ++count;
    }
    return count;
  }

  /// For a failure's message: what was called, and what the services say.
  std::string story() {
    std::string text;
    for (const auto& call : server.calls())
      if (call.method != "GET" && call.target.find("/leases") == std::string::npos &&
          call.target.find("accessreviews") == std::string::npos)
        text += call.method + " " + call.target + " " + std::to_string(call.status) + "\n";
    for (const auto* name : {"one", "two"}) {
      text += service(name).value("status", Json::object()).value("phase", "") + ": ";
      for (const auto& condition : service(name).value("/status/conditions"_json_pointer, Json::array()))
        text += condition["type"].get<std::string>() + "=" + condition["status"].get<std::string>() + " " +
                condition["message"].get<std::string>() + "; ";
      text += "\n";
    }
    return text;
  }

  static inline const std::string kGroup = "/apis/inference.llmkube.dev/v1alpha1/namespaces/edge/";
  /// Of the next program: how long a Service may refuse before it is asked whether it has endpoints.
  std::chrono::milliseconds knock_for = 10s;
  /// So far.
  std::atomic<int> knocks = 0;
  fakes::ApiServer server;
  std::unique_ptr<fakes::Node> node;
  std::unique_ptr<reconciler::Program> program;

 private:
  std::vector<std::string> runtimes_;
  LeaseTimes lease_;
};
