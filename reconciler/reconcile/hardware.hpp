#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/api/inference_service.hpp"
#include "common/api/model.hpp"
#include "reconciler/reconcile/settings.hpp"

/// Which GPUs a service asks for, and which image of llama-server can use them.
namespace reconciler {

/// The GPUs of one Pod.
struct Gpu {
  /// How many; 0: none by this name (a claim of dynamic resource allocation may still bring one).
  std::int64_t count = 0;
  /// The extended resource: "nvidia.com/gpu", "nvidia.com/mig-1g.5gb".
  std::string resource;
  /// The taint of GPU nodes that the Pod tolerates; usually the resource's name.
  std::string toleration_key;
  /// JSON text of []PodResourceClaim (dynamic resource allocation); empty when there is none.
  std::string claims;

  [[nodiscard]] bool asked_for() const { return count > 0 || !claims.empty(); }
};

/// What the service asks for wins; else the largest count of its Models (`models`: those that exist), since one is
/// resident at a time.
[[nodiscard]] Gpu choose_gpu(const api::InferenceServiceSpec& spec, const std::vector<const api::Model*>& models);

/// Key into Settings::runtime_images: "cpu" only for a service without GPUs.
[[nodiscard]] std::string choose_accelerator(const Gpu& gpu, const std::vector<const api::Model*>& models);

/// Requests and limits of the llama-server container: both shapes of `spec.resources` together, and the GPUs in both.
/// What they leave open of CPU and memory is the largest that one of its Models names, as one is resident at a time.
struct ContainerResources {
  std::map<std::string, std::string> requests;
  std::map<std::string, std::string> limits;
};
[[nodiscard]] ContainerResources choose_resources(const api::Resources& resources, const Gpu& gpu,
                                                  const std::vector<const api::Model*>& models);

}  // namespace reconciler
