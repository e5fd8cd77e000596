#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "common/api/runtime_images.hpp"
#include "common/rules/validate.hpp"

namespace reconciler {

/// Where the files of Models are kept when a service does not say it.
enum class CacheMode {
  shared,       ///< one claim `llmkube-model-cache` per namespace, owned by nobody
  per_service,  ///< one claim `<isvc>-model-cache` per service, gone with it
};

/// What the admin chose once for all services: the reconciler's flags.
struct Settings {
  /// Image of our own programs, for Jobs and agents.
  std::string image;
  std::string image_pull_policy = "IfNotPresent";
  api::RuntimeImages runtime_images;
  std::string model_cache_size = "100Gi";
  /// Empty: the cluster's default class.
  std::string model_cache_storage_class;
  std::string model_cache_access_mode = "ReadWriteOnce";
  CacheMode model_cache_mode = CacheMode::shared;
  /// Group of the files on a cache volume; LLMKube's default is the same, so a volume that it filled is readable.
  /// 0: none is set.
  std::int64_t default_fs_group = 102;
  std::string cluster_domain = "cluster.local";
  /// ConfigMap (key ca.crt) with CA certificates that fetch Jobs trust as well; empty: none.
  std::string ca_configmap;
  /// The runtimes that are ours. Without `llamacpp` another operator owns Models, and their status is read-only to us.
  std::vector<std::string> runtimes = {"llamacpp-router", "llamacpp"};
  /// What a router listens on where spec.bindAddress says nothing: all addresses of the family of the cluster's Pods.
  /// Not `::` for both, as a node without IPv6 has none, and as it would restart what runs.
  std::string bind_address = "0.0.0.0";
  /// Requests pass through the agent's gate where the service's scheduling policy is Fair.
  bool gate = true;

  /// Models are ours too: no other operator serves single models.
  [[nodiscard]] bool alone() const;
  /// What of it concerns the rules.
  [[nodiscard]] rules::Site site() const;
};

}  // namespace reconciler
