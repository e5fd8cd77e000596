#include "test/fakes/node/node.hpp"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/base/clock.hpp"
#include "common/base/digest.hpp"

namespace fakes {
namespace {

using Json = nlohmann::json;
using base::JsonValue;
using base::string_at;

constexpr std::string_view kOfService = "inference.llmkube.dev/service";
constexpr std::string_view kOfModel = "inference.llmkube.dev/model";

std::string key_of(const JsonValue& object) {
  return string_at(object, {"metadata", "namespace"}) + "/" + string_at(object, {"metadata", "name"});
}

std::string base_path(const JsonValue& object, const std::string& group, const std::string& plural) {
  return group + "/namespaces/" + string_at(object, {"metadata", "namespace"}) + "/" + plural;
}

std::string now() { return base::format_rfc3339(std::chrono::system_clock::now()); }

Json ready_conditions() {
  Json out = Json::array();
  for (const auto* type : {"PodScheduled", "Initialized", "ContainersReady", "Ready"})
    out.push_back({{"type", type}, {"status", "True"}, {"lastTransitionTime", now()}});
  return out;
}

Json running_container(const std::string& name) {
  return {{"name", name},
          {"ready", true},
          {"started", true},
          {"restartCount", 0},
          {"image", "x"},
          {"imageID", "x"},
          {"state", {{"running", {{"startedAt", now()}}}}}};
}

/// The word after `flag` in the first container's args.
std::string argument(const JsonValue& job, std::string_view flag) {
  const auto* containers = base::find_path(job, {"spec", "template", "spec", "containers"});
  if (containers == nullptr || !containers->IsArray() || containers->Empty()) return {};
  const auto* args = base::find((*containers)[0], "args");
  if (args == nullptr || !args->IsArray()) return {};
  for (rapidjson::SizeType i = 0; i < args->Size(); ++i) {
    const auto text = base::as_string(&(*args)[i]).value_or("");
    if (text == flag && i + 1 < args->Size()) return std::string(base::as_string(&(*args)[i + 1]).value_or(""));
    if (text.starts_with(flag) && text.size() > flag.size() && text[flag.size()] == '=')
      return std::string(text.substr(flag.size() + 1));
  }
  return {};
}

}  // namespace

struct Node::Watched {
  const char* group;
  const char* plural;
  std::string_view label;
  void (Node::*handle)(const JsonValue&);
};

Node::Node(net::ApiConfig config, Options options) : options_(options) {
  api_ = std::move(*net::ApiClient::make(std::move(config)));
  static const std::array<Watched, 5> kWatched{{
      {"/apis/batch/v1", "jobs", kOfModel, &Node::run_job},
      {"/apis/apps/v1", "deployments", kOfService, &Node::run_deployment},
      {"/api/v1", "configmaps", kOfService, &Node::read_preset},
      {"/api/v1", "pods", kOfService, &Node::learn_address},
      {"/api/v1", "services", kOfService, &Node::learn_cluster_ip},
  }};
  for (const auto& watched : kWatched) threads_.emplace_back([this, &watched] { follow(watched); });
  for (int i = 0; i < options_.workers; ++i) threads_.emplace_back([this] { work(); });
}

Node::~Node() {
  stopping_.cancel();
  {
    const std::lock_guard lock(mutex_);
    tasks_.clear();
    last_tasks_.clear();
    more_.notify_all();
  }
  for (auto& thread : threads_) thread.join();
}

/// A server that was restored from a backup may have a Job without its Pod again.
void Node::forget() {
  const std::lock_guard lock(mutex_);
  finished_jobs_.clear();
  bound_claims_.clear();
}

void Node::later(std::function<void()> task, bool last) {
  const std::lock_guard lock(mutex_);
  (last ? last_tasks_ : tasks_).push_back(std::move(task));
  more_.notify_one();
}

void Node::work() {
  while (true) {
    std::unique_lock lock(mutex_);
    more_.wait(lock, [this] { return !tasks_.empty() || !last_tasks_.empty() || stopping_.cancelled(); });
    if (stopping_.cancelled()) return;
    auto& tasks = tasks_.empty() ? last_tasks_ : tasks_;
    const auto task = std::move(tasks.front());
    tasks.pop_front();
    lock.unlock();
    task();
  }
}

std::size_t Node::children() const {
  const std::lock_guard lock(mutex_);
  return children_.size();
}

void Node::follow(const Watched& watched) {
  const std::string path = std::string(watched.group) + "/" + watched.plural;
  const bool are_children = watched.plural != std::string_view("pods");
  const auto take = [&](const JsonValue& object) {
    if (are_children) {
      const std::lock_guard lock(mutex_);
      children_.insert(string_at(object, {"metadata", "uid"}));
    }
    (this->*watched.handle)(object);
  };
  while (!stopping_.cancelled()) {
    if (watched.handle == &Node::run_job) forget();
    const auto listed = api_->list(path, {.label_selector = std::string(watched.label), .field_selector = {}}, take);
    std::string version = listed && listed->status == 200 ? listed->resource_version : "";
    while (!version.empty() && !stopping_.cancelled()) {
      const net::WatchOptions options{.label_selector = std::string(watched.label),
                                      .field_selector = {},
                                      .resource_version = version,
                                      .timeout = options_.watch_timeout,
                                      .read_timeout = options_.watch_timeout + std::chrono::seconds{20}};
      const auto end = api_->watch(
          path, options,
          [&](std::string_view type, const JsonValue& object) {
            version = string_at(object, {"metadata", "resourceVersion"});
            if (type == "ADDED" || type == "MODIFIED") take(object);
            return true;
          },
          stopping_);
      if (end.kind != net::WatchEnd::Kind::ended) version.clear();
    }
    stopping_.wait_for(std::chrono::milliseconds{50});
  }
}

void Node::insist(const std::function<base::Result<net::ApiResponse>()>& call, int settled) {
  ++writes_;
  do {
    const auto response = call();
    if (response && (response->ok() || response->status == settled)) return;
  } while (!stopping_.wait_for(std::chrono::milliseconds{100}));
}

void Node::create(const std::string& collection, const std::string& body) {
  insist([&] { return api_->create(collection, body); }, 409);
}

void Node::set_status(const std::string& path, const std::string& status) {
  insist([&] { return api_->merge_patch(path + "/status", R"({"status":)" + status + "}", "node"); }, 404);
}

std::vector<std::string> Node::claims_to_bind(const JsonValue& job) {
  std::vector<std::string> paths;
  const auto* volumes = base::find_path(job, {"spec", "template", "spec", "volumes"});
  if (volumes == nullptr || !volumes->IsArray()) return paths;
  for (const auto& volume : volumes->GetArray()) {
    const auto claim = string_at(volume, {"persistentVolumeClaim", "claimName"});
    if (claim.empty()) continue;
    auto path = base_path(job, "/api/v1", "persistentvolumeclaims") + "/" + claim;
    const std::lock_guard lock(mutex_);
    if (bound_claims_.insert(path).second) paths.push_back(std::move(path));
  }
  return paths;
}

void Node::run_job(const JsonValue& job) {
  {
    const std::lock_guard lock(mutex_);
    if (!finished_jobs_.insert(string_at(job, {"metadata", "uid"})).second) return;
  }
  const auto* conditions = base::find_path(job, {"status", "conditions"});
  if (conditions != nullptr && conditions->IsArray() && !conditions->Empty()) return;
  const std::string model = string_at(job, {"metadata", "labels", kOfModel});
  const std::string name = string_at(job, {"metadata", "name"});
  const Json said = {{"reason", "Fetched"},
                     {"message", "fetched"},
                     {"files",
                      {{{"path", "/models/" + argument(job, "--key") + "/" + model + ".gguf"},
                        {"size", 1000},
                        {"sha256", base::sha256_hex(model)},
                        {"role", "model"}}}},
                     {"bytesFetched", 1000}};
  const Json pod = {
      {"apiVersion", "v1"},
      {"kind", "Pod"},
      {"metadata",
       {{"name", name + "-x"},
        {"labels",
         {{kOfModel, model},
          {"app.kubernetes.io/component", "model-fetch"},
          {"batch.kubernetes.io/job-name", name},
          {"job-name", name}}},
        {"ownerReferences",
         {{{"apiVersion", "batch/v1"},
           {"kind", "Job"},
           {"name", name},
           {"uid", string_at(job, {"metadata", "uid"})},
           {"controller", true}}}}}},
      {"spec", {{"restartPolicy", "Never"}, {"containers", {{{"name", "model-fetch"}, {"image", "x"}}}}}}};
  const auto pods = base_path(job, "/api/v1", "pods");
  const Json terminated = {{"exitCode", 0}, {"reason", "Completed"}, {"message", said.dump()}, {"finishedAt", now()}};
  const Json pod_status = {{"phase", "Succeeded"},
                           {"containerStatuses",
                            {{{"name", "model-fetch"},
                              {"ready", false},
                              {"restartCount", 0},
                              {"image", "x"},
                              {"imageID", "x"},
                              {"state", {{"terminated", terminated}}}}}}};
  Json ended = Json::array();
  for (const auto* type : {"SuccessCriteriaMet", "Complete"})
    ended.push_back(
        {{"type", type}, {"status", "True"}, {"lastTransitionTime", now()}, {"reason", "CompletionsReached"}});
  const Json job_status = {{"startTime", now()},
                           {"completionTime", now()},
                           {"succeeded", 1},
                           {"uncountedTerminatedPods", Json::object()},
                           {"conditions", ended}};
  later([this, claims = claims_to_bind(job), pods, pod = pod.dump(), pod_path = pods + "/" + name + "-x",
         pod_status = pod_status.dump(), job_path = base_path(job, "/apis/batch/v1", "jobs") + "/" + name,
         job_status = job_status.dump()] {
    for (const auto& claim : claims) set_status(claim, R"({"phase":"Bound"})");
    create(pods, pod);
    set_status(pod_path, pod_status);
    later([this, job_path, job_status] { set_status(job_path, job_status); }, true);  // the Job controller is slower
  });
}

std::string Node::address_of(const std::string& service) {
  const std::lock_guard lock(mutex_);
  auto& address = addresses_[service];
  if (address.empty()) {
    const auto number = options_.first_address + static_cast<std::uint32_t>(addresses_.size());
    address = std::to_string(number >> 24U) + "." + std::to_string(number >> 16U & 255U) + "." +
              std::to_string(number >> 8U & 255U) + "." + std::to_string(number & 255U);
    services_[address] = service;
  }
  return address;
}

void Node::run_deployment(const JsonValue& deployment) {
  const auto generation = base::int_at(deployment, {"metadata", "generation"});
  if (base::int_at(deployment, {"status", "observedGeneration"}) == generation) return;
  const std::string name = string_at(deployment, {"metadata", "name"});
  const auto replicas = base::int_at(deployment, {"spec", "replicas"}, 1);
  const auto pods = base_path(deployment, "/api/v1", "pods");
  std::string pod_body;
  std::string pod_status;
  if (replicas > 0) {
    const auto* labels = base::find_path(deployment, {"spec", "template", "metadata", "labels"});
    const Json pod = {
        {"apiVersion", "v1"},
        {"kind", "Pod"},
        {"metadata",
         {{"name", name + "-pod"}, {"labels", Json::parse(labels == nullptr ? "{}" : base::to_text(*labels))}}},
        {"spec", {{"containers", {{{"name", "llama-server"}, {"image", "x"}}}}}}};
    pod_body = pod.dump();
    const auto address = address_of(key_of(deployment));
    const Json status = {{"phase", "Running"},
                         {"podIP", address},
                         {"podIPs", {{{"ip", address}}}},
                         {"conditions", ready_conditions()},
                         {"initContainerStatuses", {running_container("router-agent")}},
                         {"containerStatuses", {running_container("llama-server")}}};
    pod_status = status.dump();
  }
  const Json status = {{"observedGeneration", generation},
                       {"replicas", replicas},
                       {"updatedReplicas", replicas},
                       {"readyReplicas", replicas},
                       {"availableReplicas", replicas}};
  later([this, pods, pod_body, pod_status, pod_path = pods + "/" + name + "-pod", key = key_of(deployment),
         path = base_path(deployment, "/apis/apps/v1", "deployments") + "/" + name, status = status.dump()] {
    if (!pod_body.empty()) {
      create(pods, pod_body);
      set_status(pod_path, pod_status);
      const std::lock_guard lock(mutex_);
      running_.insert(key);
    }
    set_status(path, status);
  });
}

void Node::learn_address(const JsonValue& pod) {
  const auto address = string_at(pod, {"status", "podIP"});
  if (address.empty()) return;
  const auto service =
      string_at(pod, {"metadata", "namespace"}) + "/" + string_at(pod, {"metadata", "labels", kOfService});
  const std::lock_guard lock(mutex_);
  addresses_[service] = address;
  services_[address] = service;
}

void Node::learn_cluster_ip(const JsonValue& network_service) {
  const auto service = string_at(network_service, {"metadata", "labels", kOfService});
  const std::lock_guard lock(mutex_);
  cluster_ips_[string_at(network_service, {"spec", "clusterIP"})] =
      string_at(network_service, {"metadata", "namespace"}) + "/" + service;
}

bool Node::takes_connections(const std::string& cluster_ip) {
  const std::lock_guard lock(mutex_);
  const auto service = cluster_ips_.find(cluster_ip);
  if (service == cluster_ips_.end() || !running_.contains(service->second)) return false;
  if (refusals_of_[service->second] >= refusals_) return true;
  ++refusals_of_[service->second];
  ++refused_;
  return false;
}

void Node::read_preset(const JsonValue& config_map) {
  const auto service = string_at(config_map, {"metadata", "labels", kOfService});
  const auto preset = string_at(config_map, {"data", "models.ini"});
  if (preset.empty()) return;
  const std::lock_guard lock(mutex_);
  presets_[string_at(config_map, {"metadata", "namespace"}) + "/" + service] = preset;
}

base::Result<std::string> Node::answer(const std::string& address, const std::string& path) {
  const std::lock_guard lock(mutex_);
  const auto service = services_.find(address);
  if (service == services_.end() || path != "/state") return base::fail("no such Pod", address);
  const std::string& preset = presets_[service->second];
  Json models = Json::array();
  for (std::size_t at = preset.find('['); at != std::string::npos; at = preset.find("\n[", at)) {
    if (preset[at] == '\n') ++at;
    const auto name = preset.substr(at + 1, preset.find(']', at) - at - 1);
    if (name != "*")
      models.push_back({{"name", name}, {"aliases", Json::array()}, {"state", "unloaded"}, {"failure", nullptr}});
    ++at;
  }
  return Json{{"presetHash", base::sha256_hex(preset).substr(0, 16)},
              {"build", "fake"},
              {"ready", true},
              {"swaps", 0},
              {"reloadError", ""},
              {"models", models}}
      .dump();
}

}  // namespace fakes
