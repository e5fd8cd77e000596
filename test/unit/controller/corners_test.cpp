#include <fcntl.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>

#include "reconciler/checks/access.hpp"
#include "reconciler/metrics.hpp"
#include "test/unit/controller/running.hpp"

namespace {

const std::string kSlices = "/apis/discovery.k8s.io/v1/namespaces/edge/endpointslices";
const std::string kClasses = "/apis/scheduling.k8s.io/v1/priorityclasses";

/// What is logged while it lives.
class Log {
 public:
  Log() : path_(std::filesystem::temp_directory_path() / ("llmkube-router-log-" + std::to_string(::getpid()))) {
    const int file = ::open(path_.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_APPEND, 0600);
    before_ = ::dup(STDERR_FILENO);
    ::dup2(file, STDERR_FILENO);
    ::close(file);
  }
  ~Log() {
    ::dup2(before_, STDERR_FILENO);
    ::close(before_);
    std::filesystem::remove(path_);
  }
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  [[nodiscard]] int lines_with(const std::string& words) const {
    const auto text = base::read_file(path_).value_or("");
    int count = 0;
    for (auto at = text.find(words); at != std::string::npos; at = text.find(words, at + 1)) ++count;
    return count;
  }

 private:
  std::filesystem::path path_;
  int before_ = -1;
};

/// Two services with ready Pods, whose Services refuse.
void refuse_for_ever(Running& r) {
  r.stop();
  r.knock_for = 300ms;
  r.node->be_late(1'000'000);
  r.start();
  r.add_all();
}

std::string ready_reason(Running& r, const std::string& name) {
  for (const auto& condition : r.service(name).value("/status/conditions"_json_pointer, Json::array()))
    if (condition["type"] == "Ready") return condition["reason"];
  return {};
}

/// A call in RBAC's words: "patch inferenceservices/status".
std::string right_of(const fakes::ApiServer::Call& call) {
  auto target = call.target.substr(0, call.target.find('?'));
  const bool watches = call.target.find("watch=1") != std::string::npos;
  std::vector<std::string> steps;
  for (std::size_t at = 1; at <= target.size();) {
    const auto end = std::min(target.find('/', at), target.size());
    steps.push_back(target.substr(at, end - at));
    at = end + 1;
  }
  steps.erase(steps.begin(), steps.begin() + (steps.at(0) == "api" ? 2 : 3));
  if (steps.at(0) == "namespaces" && steps.size() > 2) steps.erase(steps.begin(), steps.begin() + 2);
  const bool is_one = steps.size() > 1;
  const std::string resource = steps.at(0) + (steps.size() > 2 ? "/" + steps.at(2) : "");
  std::string verb = call.method == "POST" ? "create" : call.method == "PATCH" ? "patch" : "delete";
  if (call.method == "GET") verb = watches ? "watch" : is_one ? "get" : "list";
  return verb + " " + resource;
}

}  // namespace

TEST_CASE("nobody knocks at a Service any more once its names are advertised") {
  Running r;
  r.add_all();
  REQUIRE(r.all_ready());
  CHECK(r.knocks >= 2);
  CHECK(test::eventually([&] {
    const int before = r.knocks;
    std::this_thread::sleep_for(1s);  // three times the pace of settled ones
    return r.knocks == before;
  }));
}

TEST_CASE("a model that was removed while nobody was there leaves the status before it leaves the preset") {
  Running r;
  r.add_all();
  REQUIRE(r.all_ready());
  r.stop();
  r.server.merge_patch(Running::kGroup + "inferenceservices/one", {{"spec", {{"models", {{{"name", "a"}}}}}}},
                       "kubectl");
  r.server.forget_calls();
  r.start();
  REQUIRE(test::eventually([&] { return r.is_ready("one") && r.advertised("one") == 1; }));
  const auto calls = r.server.calls();
  const auto first = [&](const std::string& target) {
    return std::ranges::find_if(calls, [&](const auto& call) {
      return call.method == "PATCH" && call.target.find(target) != std::string::npos;
    });
  };
  const auto told = first("inferenceservices/one/status");
  const auto taken = first("configmaps/one-models");
  REQUIRE(told != calls.end());
  REQUIRE(taken != calls.end());
  CHECK(told < taken);
  CHECK(Json::parse(told->body)["status"]["advertisedModels"] == Json{"a"});
}

TEST_CASE("an API server that will not list the priority classes for a moment restarts no Pod") {
  Running r;
  r.stop();
  r.server.create(
      kClasses,
      {{"apiVersion", "scheduling.k8s.io/v1"}, {"kind", "PriorityClass"}, {"metadata", {{"name", "llmkube-normal"}}}});
  r.start();
  r.add_all();
  REQUIRE(r.all_ready());
  const auto before = r.server.get(kDeployments + "/one").body;
  REQUIRE(before["spec"]["template"]["spec"]["priorityClassName"] == "llmkube-normal");
  r.stop();
  r.server.inject(
      {.kind = Fault::Kind::refuse, .method = "GET", .target = "priorityclasses", .times = 2, .status = 503});
  r.server.forget_calls();
  r.start();
  REQUIRE(r.leads());
  CHECK(r.is_quiet());
  CHECK(r.server.count("PATCH", "deployments/one") == 0);
  CHECK(r.server.get(kDeployments + "/one").body["metadata"]["generation"] == before["metadata"]["generation"]);
  r.server.merge_patch(kDeployments + "/one", {{"spec", {{"replicas", 3}}}}, "kubectl-edit");  // there are passes
  CHECK(test::eventually([&] { return r.server.get(kDeployments + "/one").body["spec"]["replicas"] == 1; }));
}

TEST_CASE("a priority class that was made meanwhile restarts no Pod at the next start") {
  Running r;
  r.add_all();
  REQUIRE(r.all_ready());
  const auto before = r.server.get(kDeployments + "/one").body;
  r.stop();
  r.server.create(
      kClasses,
      {{"apiVersion", "scheduling.k8s.io/v1"}, {"kind", "PriorityClass"}, {"metadata", {{"name", "llmkube-normal"}}}});
  r.server.forget_calls();
  r.start();
  REQUIRE(r.leads());
  CHECK(r.is_quiet());
  CHECK(r.server.count("PATCH", "deployments/one") == 0);
  r.server.merge_patch(kDeployments + "/one", {{"spec", {{"replicas", 3}}}}, "kubectl-edit");  // there are passes
  REQUIRE(test::eventually([&] { return r.server.get(kDeployments + "/one").body["spec"]["replicas"] == 1; }));
  CHECK(r.server.get(kDeployments + "/one").body["spec"]["template"] == before["spec"]["template"]);
}

TEST_CASE("an object that always fails costs one line for each change of its error, and keeps no other back") {
  const Log log;
  Running r;
  REQUIRE(r.leads());
  const auto refuse = [&](const std::string& reason, int status) {
    r.server.inject({.kind = Fault::Kind::refuse,
                     .method = "PATCH",
                     .target = "deployments/one",
                     .times = 1000,
                     .status = status,
                     .reason = reason});
  };
  refuse("Forbidden", 403);
  const auto began = std::chrono::steady_clock::now();
  r.add_all();
  REQUIRE(test::eventually([&] { return r.is_ready("two"); }));
  const auto tries = [&] { return r.server.count("PATCH", "deployments/one"); };
  REQUIRE(test::eventually([&] { return tries() >= 6; }));
  CHECK(log.lines_with("reconcile-failed isvc=edge/one") == 1);
  r.server.clear_faults();
  refuse("Invalid", 422);
  REQUIRE(test::eventually([&] { return log.lines_with("reconcile-failed isvc=edge/one") == 2; }));
  const auto before = tries();
  REQUIRE(test::eventually([&] { return tries() >= before + 3; }));
  CHECK(log.lines_with("reconcile-failed isvc=edge/one") == 2);
  // Not in a loop: soon they come every half a second, or after a quarter of one at least.
  const auto quarters = static_cast<std::size_t>((std::chrono::steady_clock::now() - began) / 250ms);
  CHECK(tries() < 20 + quarters);
  r.server.clear_faults();
  REQUIRE(r.all_ready());
  CHECK(log.lines_with("reconcile-recovered isvc=edge/one") == 1);
  CHECK(log.lines_with("isvc=edge/two") == 0);
}

TEST_CASE("a child that is refused in other words each time is told, and not tried in a loop") {
  Running r;
  REQUIRE(r.leads());
  for (int i = 0; i < 1000; ++i)
    r.server.inject({.kind = Fault::Kind::refuse,
                     .method = "PATCH",
                     .target = "deployments/one",
                     .status = 403,
                     .reason = "Forbidden",
                     .message = "denied by policy, request " + std::to_string(i)});
  const auto began = std::chrono::steady_clock::now();
  r.add_all();
  REQUIRE(test::eventually([&] { return ready_reason(r, "one") == "ChildRefused"; }));
  const auto tries = [&] { return r.server.count("PATCH", "deployments/one"); };
  REQUIRE(test::eventually([&] { return tries() >= 10; }));
  const auto quarters = static_cast<std::size_t>((std::chrono::steady_clock::now() - began) / 250ms);
  CHECK(tries() < 20 + quarters);
  r.server.clear_faults();
  CHECK(r.all_ready());
}

TEST_CASE("every call is one that the table of rights names") {
  Running r;
  r.add_all();
  REQUIRE(r.all_ready());
  const auto one = Running::kGroup + "inferenceservices/one";
  // An HPA comes and goes, a Job is left over, a router becomes a service of one model.
  r.server.merge_patch(one, {{"spec", {{"autoscaling", {{"maxReplicas", 3}}}}}}, "kubectl");
  const std::string scalers = "/apis/autoscaling/v2/namespaces/edge/horizontalpodautoscalers";
  REQUIRE(test::eventually([&] { return r.server.list(scalers).size() == 1; }));
  r.server.merge_patch(one, {{"spec", {{"autoscaling", nullptr}, {"models", {{{"name", "a"}}}}}}}, "kubectl");
  REQUIRE(test::eventually([&] { return r.server.list(scalers).empty(); }));
  r.server.remove(Running::kGroup + "inferenceservices/two");
  REQUIRE(test::eventually([&] { return r.server.count("DELETE", "/jobs/") > 0; }));
  r.server.merge_patch(one, {{"spec", {{"runtime", "llamacpp"}, {"models", nullptr}, {"modelRef", "a"}}}}, "kubectl");
  REQUIRE(test::eventually([&] { return r.server.count("DELETE", "/configmaps/") > 0; }));
  r.stop();

  std::set<std::string> allowed;
  for (const auto& rule : reconciler::access_rules())
    for (const auto verb : rule.verbs)
      allowed.insert(std::string(verb) + " " + std::string(rule.resource) +
                     (rule.subresource.empty() ? "" : "/" + std::string(rule.subresource)));
  std::set<std::string> used;
  for (const auto& call : r.server.calls()) {
    const bool is_nodes = call.target.find("fieldManager=node") != std::string::npos ||
                          (call.method == "POST" && call.target.ends_with("/pods"));
    if (is_nodes || call.target.find("accessreviews") != std::string::npos) continue;
    used.insert(right_of(call));
  }
  for (const auto& right : used) {
    INFO(right);
    CHECK(allowed.contains(right));
  }
  CHECK(used.size() > 20);
}

TEST_CASE("who cannot renew its lease writes nothing more, also in the middle of a burst") {
  Running r({}, kShortLease);
  REQUIRE(r.leads());
  r.server.inject({.kind = Fault::Kind::slow, .method = "PATCH", .target = "edge", .times = 1000, .delay = 60ms});
  r.add_all();
  REQUIRE(test::eventually([&] { return r.writes() > 3; }));
  // Its deadline is 1.2 s, and another one may lead 2 s after the last renewal.
  r.server.inject({.kind = Fault::Kind::refuse, .target = "leases", .times = 1000, .status = 500});
  REQUIRE(test::eventually([&] { return !r.program->leading(); }));
  CHECK(r.is_quiet());  // once the server has done what it had taken in already
  const auto before = r.writes();
  r.add_model("d");
  std::this_thread::sleep_for(1500ms);
  CHECK(r.writes() == before);
  r.server.clear_faults();
  CHECK(r.all_ready());
}

TEST_CASE("a child that somebody deletes takes the names with it, and they come back with the child") {
  const auto path = GENERATE_COPY(kDeployments + "/one", kServices + "/one");
  Running r;
  r.add_all();
  REQUIRE(r.all_ready());
  r.server.forget_calls();
  r.server.remove(path);
  const auto told_none = [&] {
    for (const auto& call : r.server.calls())
      if (call.method == "PATCH" && call.target.find("inferenceservices/one/status") != std::string::npos &&
          Json::parse(call.body)["status"]["advertisedModels"].empty())
        return true;
    return false;
  };
  CHECK(test::eventually(told_none));
  CHECK(test::eventually([&] { return r.server.get(path).status == 200; }));
  CHECK(r.all_ready());
  CHECK(r.advertised("two") == 2);
  CHECK(r.is_quiet());
}

TEST_CASE("a Service that has no endpoint is named, and keeps its names until it answers") {
  Running r;
  refuse_for_ever(r);
  const auto find_none = [&] { return ready_reason(r, "one") == "NoReadyEndpoint"; };
  REQUIRE(test::eventually(find_none));
  REQUIRE(test::eventually([&] { return ready_reason(r, "two") == "NoReadyEndpoint"; }));
  CHECK(r.advertised("one") == 0);
  CHECK(r.is_quiet());
  const auto questions = [&] { return r.server.count("GET", kSlices + "?labelSelector=kubernetes.io%2Fservice-name"); };
  const auto before = questions();
  CHECK(test::eventually([&] { return questions() > before + 2; }));
  SECTION("kube-proxy has endpoints") { r.node->be_late(0); }
  SECTION("the API server has, and a policy keeps us from the Service") {
    for (const std::string name : {"one", "two"})
      r.server.create(kSlices, {{"apiVersion", "discovery.k8s.io/v1"},
                                {"kind", "EndpointSlice"},
                                {"metadata", {{"name", name}, {"labels", {{"kubernetes.io/service-name", name}}}}},
                                {"endpoints", {{{"addresses", {"10.0.0.7"}}}}},
                                {"ports", {{{"name", "http"}, {"port", 8090}}}}});
  }
  CHECK(r.all_ready());
}

TEST_CASE("where the API server does not say whether a Service has endpoints, the names wait no longer") {
  Running r;
  const int status = GENERATE(403, 500);
  r.server.inject({.kind = Fault::Kind::refuse, .target = "endpointslices", .times = 1000, .status = status});
  refuse_for_ever(r);
  CHECK(r.all_ready());
  CHECK(r.server.count("GET", kSlices) >= 2);
}

TEST_CASE("who waits to hear whether a Service has endpoints keeps nobody else back, and stops when we do") {
  Running r;
  r.server.inject({.kind = Fault::Kind::slow, .target = "endpointslices", .times = 1000, .delay = 10min});
  refuse_for_ever(r);
  REQUIRE(test::eventually([&] { return r.server.held() == 2; }));
  CHECK(ready_reason(r, "one") == "EndpointPending");
  r.node->be_late(0);
  r.add_service("three", {"a", "c"});
  CHECK(test::eventually([&] { return r.is_ready("three"); }, 30s));  // a call gives up after a minute
  const auto began = std::chrono::steady_clock::now();
  r.stop();
  CHECK(std::chrono::steady_clock::now() - began < 20s);
  r.server.clear_faults();
}

TEST_CASE("the metrics tell of passes, the queue, API calls, watches, services and models") {
  Running r;
  r.add_all();
  REQUIRE(r.all_ready());
  r.server.cut_watches();
  const auto has = [&](const std::string& line) { return r.program->scrape().find(line) != std::string::npos; };
  for (const auto* line :
       {"llmkube_router_reconcile_total{result=\"ok\"} ", "llmkube_router_reconcile_duration_seconds_count ",
        "llmkube_router_queue_depth 0", "llmkube_router_api_requests_total{verb=\"patch\",code=\"200\"} ",
        "llmkube_router_services{phase=\"Ready\"} 2", "llmkube_router_models{state=\"Ready\"} 3",
        "llmkube_router_leader 1", "llmkube_router_watch_restarts_total{resource="}) {
    INFO(line << "\n" << r.program->scrape());
    CHECK(test::eventually([&] { return has(line); }));
  }
}

TEST_CASE("what each of the many threads has of its own is small") {
  std::size_t bytes = 0;
  const auto take = [](dl_phdr_info* program, std::size_t, void* sum) {
    for (int i = 0; i < program->dlpi_phnum; ++i)
      if (program->dlpi_phdr[i].p_type == PT_TLS) *static_cast<std::size_t*>(sum) = program->dlpi_phdr[i].p_memsz;
    return 1;  // the first is this program: libraries are not ours to judge
  };
  ::dl_iterate_phdr(take, &bytes);
  CHECK(bytes <= 1024);  // was 128 KiB, zeroed for each: 3 MiB
}

TEST_CASE("a user's claim that cannot be read for a moment takes nothing away") {
  Running r;
  const auto claims = "/api/v1/namespaces/edge/persistentvolumeclaims";
  r.server.create(claims, {{"apiVersion", "v1"},
                           {"kind", "PersistentVolumeClaim"},
                           {"metadata", {{"name", "mine"}}},
                           {"spec", {{"accessModes", {"ReadWriteMany"}}}},
                           {"status", {{"phase", "Bound"}}}});
  r.add_model("a");
  r.server.create(
      Running::kGroup + "inferenceservices",
      {{"apiVersion", "inference.llmkube.dev/v1alpha1"},
       {"kind", "InferenceService"},
       {"metadata", {{"name", "one"}}},
       {"spec",
        {{"runtime", "llamacpp-router"}, {"models", {{{"name", "a"}}}}, {"modelCache", {{"claimName", "mine"}}}}}});
  REQUIRE(test::eventually([&] { return r.is_ready("one"); }));
  REQUIRE(r.is_quiet());
  const auto preset = r.server.get(kConfigMaps + "/one-models").body["data"];
  std::this_thread::sleep_for(5s);  // as long as an answer is believed
  const int status = GENERATE(429, 500, 403);
  r.server.forget_calls();
  r.server.inject({.method = "GET", .target = "persistentvolumeclaims/mine", .times = 1000, .status = status});
  r.server.merge_patch(kDeployments + "/one", {{"metadata", {{"labels", {{"x", "y"}}}}}}, "kubectl-edit");
  REQUIRE(test::eventually([&] { return r.server.count("GET", "persistentvolumeclaims/mine") > 2; }));
  CHECK(r.advertised("one") == 1);
  CHECK(r.server.get(kConfigMaps + "/one-models").body["data"] == preset);
  CHECK(r.writes() == 0);
  r.server.clear_faults();
  r.server.merge_patch(kDeployments + "/one", {{"spec", {{"replicas", 3}}}}, "kubectl-edit");
  CHECK(test::eventually([&] { return r.server.get(kDeployments + "/one").body["spec"]["replicas"] == 1; }));
}

TEST_CASE("who leads again does not take for applied what another leader has changed since") {
  Running r({}, kShortLease);
  r.add_all();
  REQUIRE(r.all_ready());
  REQUIRE(r.is_quiet());
  Json applied;
  for (const auto& call : r.server.calls())
    if (call.method == "PATCH" && call.target.find("deployments/one?") != std::string::npos)
      applied = Json::parse(call.body);
  REQUIRE(applied["spec"]["replicas"] == 1);
  r.server.inject({.kind = Fault::Kind::refuse, .target = "leases", .times = 1000, .status = 500});
  REQUIRE(test::eventually([&] { return !r.program->leading(); }));
  applied["spec"]["replicas"] = 0;  // say, the service was suspended for a while
  REQUIRE(r.server.apply(kDeployments + "/one", applied, std::string(reconciler::kFieldManager)).status == 200);
  r.server.clear_faults();
  CHECK(test::eventually([&] { return r.server.get(kDeployments + "/one").body["spec"]["replicas"] == 1; }));
}

TEST_CASE("a server without time for a child that it refused before takes no names away") {
  Running r;
  r.add_model("a");
  // With a GPU a new template ends the only Pod.
  r.server.create(Running::kGroup + "inferenceservices", {{"apiVersion", "inference.llmkube.dev/v1alpha1"},
                                                          {"kind", "InferenceService"},
                                                          {"metadata", {{"name", "one"}}},
                                                          {"spec",
                                                           {{"runtime", "llamacpp-router"},
                                                            {"models", {{{"name", "a"}}}},
                                                            {"image", "localhost/llama-server:cuda-b11669"},
                                                            {"resources", {{"gpu", 1}}}}}});
  REQUIRE(test::eventually([&] { return r.is_ready("one"); }));
  REQUIRE(r.is_quiet());
  r.server.forget_calls();
  const auto refuse = [&](int times, int status, const std::string& reason) {
    r.server.inject(
        {.method = "PATCH", .target = "deployments/one", .times = times, .status = status, .reason = reason});
  };
  refuse(8, 403, "Forbidden");  // names come back while the Pods stay
  refuse(4, 503, "ServiceUnavailable");
  refuse(4, 403, "Forbidden");
  r.server.merge_patch(Running::kGroup + "inferenceservices/one",
                       {{"spec", {{"env", {{{"name", "X"}, {"value", "y"}}}}}}});
  REQUIRE(test::eventually([&] { return r.server.count("PATCH", "deployments/one") >= 16; }));
  REQUIRE(test::eventually([&] { return r.is_ready("one"); }));
  // It leaves the status once, for the roll-out.
  int withdrawn = 0;
  bool has_names = true;
  for (const auto& call : r.server.calls()) {
    if (call.method != "PATCH" || call.target.find("inferenceservices/one/status") == std::string::npos) continue;
    const bool had = std::exchange(has_names, !Json::parse(call.body)["status"]["advertisedModels"].empty());
    if (had && !has_names) ++withdrawn;
  }
  CHECK(withdrawn == 1);
}

TEST_CASE("a service that becomes another operator's loses what we said of it, and keeps what others did") {
  Running r;
  r.add_all();
  REQUIRE(r.all_ready());
  const auto path = Running::kGroup + "inferenceservices/one";
  r.server.merge_patch(path + "/status", {{"status", {{"modelReady", "theirs"}}}}, "their-operator");
  r.server.merge_patch(path, {{"spec", {{"runtime", "vllm"}, {"modelRef", "a"}, {"models", nullptr}}}});
  CHECK(test::eventually([&] { return !r.service("one")["status"].contains("advertisedModels"); }));
  CHECK(r.is_quiet());
  const auto status = r.service("one")["status"];
  CHECK(status.value("modelReady", "") == "theirs");
  CHECK_FALSE(status.contains("conditions"));
  CHECK(r.is_ready("two"));
}

TEST_CASE("a service that became another operator's while nobody was there loses what we said of it, too") {
  Running r;
  r.add_all();
  REQUIRE(r.all_ready());
  r.stop();
  r.server.merge_patch(Running::kGroup + "inferenceservices/one",
                       {{"spec", {{"runtime", "vllm"}, {"modelRef", "a"}, {"models", nullptr}}}});
  r.start();
  CHECK(test::eventually([&] { return !r.service("one")["status"].contains("advertisedModels"); }));
  CHECK(r.is_quiet());
}

TEST_CASE("a pass in the middle of which leadership ends leaves nobody to be asked") {
  /// Each pass reads it between what it observes and what it asks for.
  class EndOfTerm : public base::Clock {
   public:
    [[nodiscard]] base::WallTime wall() const override {
      if (on_read) on_read();
      return base::SystemClock().wall();
    }
    [[nodiscard]] base::SteadyTime steady() const override { return base::SystemClock().steady(); }
    std::function<void()> on_read;
  };
  fakes::ApiServer server;
  net::ApiConfig config;
  config.server = server.url();
  const auto api = std::move(*net::ApiClient::make(config));
  const reconciler::Settings settings;
  EndOfTerm clock;
  reconciler::WorkQueue queue;
  reconciler::ClusterCache cache(settings, [](const reconciler::Key&) {});
  reconciler::Sampler sampler([](const auto&, const auto&) {}, [](const auto&, int) { return reconciler::Knock::open; },
                              [](const auto&, const auto&) { return true; }, [](const auto&) {}, {});
  reconciler::Applier applier(
      *api, cache, clock, [] { return false; }, [](const auto&, const auto&) {});
  base::MetricTable metrics(reconciler::metric_rows());
  reconciler::Controller controller({settings, clock, *api, cache, queue, sampler, applier, metrics});
  const auto put = [&](reconciler::Resource resource, const std::string& text) {
    cache.upsert(resource, *base::parse_json(text, "test"));
  };
  put(reconciler::Resource::service,
      R"({"metadata":{"name":"one","namespace":"edge","uid":"u1","resourceVersion":"1","generation":1},
          "spec":{"runtime":"llamacpp-router","models":[{"name":"a"}]}})");
  put(reconciler::Resource::pod,
      R"({"metadata":{"name":"one-x","namespace":"edge","uid":"u2","resourceVersion":"2",
                      "labels":{"inference.llmkube.dev/service":"one"}},
          "status":{"podIP":"10.0.0.7","initContainerStatuses":[{"name":"router-agent","state":{"running":{}}}]}})");
  const bool is_lost = GENERATE(true, false);
  clock.on_read = [&] {
    if (is_lost) controller.set_active(false);
    queue.shut_down();
  };
  controller.set_active(true);
  controller.work();
  // Who is wanted was not asked yet, as nobody runs the sampler.
  CHECK(sampler.asked_all({reconciler::Key::Kind::service, "edge", "one"}) == is_lost);
}
