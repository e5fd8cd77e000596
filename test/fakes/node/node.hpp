#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "common/net/api_client.hpp"

namespace fakes {

/// Plays the part of the controllers, the scheduler and the kubelet for our children: binds claims, lets fetch Jobs
/// succeed, makes a ready Pod for each Deployment, and answers for the agents in them. Works on the scripted API server
/// and on a real one. Nothing else touches these objects.
class Node {
 public:
  struct Options {
    /// From here on each service's Pod gets an address of its own: 127.1.0.1 and up. All of 127.0.0.0/8 is this
    /// machine, so one server on port 8081 answers for all of them.
    std::uint32_t first_address = (127U << 24U) + (1U << 16U) + 1;
    std::chrono::seconds watch_timeout{60};
    /// Objects played at once.
    int workers = 2;
  };
  explicit Node(net::ApiConfig config) : Node(std::move(config), Options()) {}
  Node(net::ApiConfig config, Options options);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  /// What the program in the Pod with this address answers to GET /state: all models of the preset, unloaded.
  [[nodiscard]] base::Result<std::string> answer(const std::string& address, const std::string& path);

  /// Whether somebody takes a connection to this address of a Service: kube-proxy knows its Pods.
  [[nodiscard]] bool takes_connections(const std::string& cluster_ip);
  /// kube-proxy is late: it refuses so many connections to each Service first.
  void be_late(int refusals) { refusals_ = refusals; }
  /// Connections that were refused for it.
  [[nodiscard]] int refused() const { return refused_; }

  /// Writes made so far, to tell them from the controller's.
  [[nodiscard]] std::uint64_t writes() const { return writes_; }
  /// Jobs, Deployments, ConfigMaps and Services of ours seen so far.
  [[nodiscard]] std::size_t children() const;

 private:
  struct Watched;
  void follow(const Watched& watched);
  /// Work of many calls is done beside the watch, which goes on; `last` when there is nothing else to do.
  void later(std::function<void()> task, bool last = false);
  void work();
  void forget();
  void run_job(const base::JsonValue& job);
  void run_deployment(const base::JsonValue& deployment);
  /// As WaitForFirstConsumer: a claim is bound when the first Job that mounts it runs. Gives the paths of those.
  [[nodiscard]] std::vector<std::string> claims_to_bind(const base::JsonValue& job);
  /// Of a Pod that an earlier Node made.
  void learn_address(const base::JsonValue& pod);
  void read_preset(const base::JsonValue& config_map);
  void learn_cluster_ip(const base::JsonValue& network_service);
  [[nodiscard]] std::string address_of(const std::string& service);
  /// Calls until it is done or answered with `settled`, as the controllers and the kubelet do: however long the API
  /// server is away, nothing of theirs is given up.
  void insist(const std::function<base::Result<net::ApiResponse>()>& call, int settled);
  void create(const std::string& collection, const std::string& body);
  void set_status(const std::string& path, const std::string& status);

  const Options options_;
  std::unique_ptr<net::ApiClient> api_;
  net::Cancellation stopping_;
  std::atomic<std::uint64_t> writes_ = 0;
  std::atomic<int> refusals_ = 0;
  std::atomic<int> refused_ = 0;
  mutable std::mutex mutex_;  // guards all below
  std::condition_variable more_;
  std::deque<std::function<void()>> tasks_;
  std::deque<std::function<void()>> last_tasks_;
  std::set<std::string> children_;
  std::set<std::string> bound_claims_;
  /// "namespace/service" by address and back, and the models.ini of each.
  std::map<std::string, std::string> addresses_;
  std::map<std::string, std::string> services_;
  std::map<std::string, std::string> presets_;
  std::set<std::string> finished_jobs_;
  /// "namespace/service" by cluster IP, the services that have a Pod, and how often each was refused.
  std::map<std::string, std::string> cluster_ips_;
  std::set<std::string> running_;
  std::map<std::string, int> refusals_of_;
  std::vector<std::thread> threads_;
};

}  // namespace fakes
