#include "reconciler/reconcile/hardware.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "common/kube/quantity.hpp"
#include "common/rules/gpu.hpp"

namespace reconciler {
namespace {

/// The resource that a vendor's device plugin offers, where a Model names none.
struct VendorResource {
  std::string_view vendor;
  bool with_runtime;  ///< the Model names vulkan or rocm: a render node is enough
  std::string_view resource;
};
constexpr std::array kVendorResources = {
    VendorResource{"amd", true, "devic.es/dri-render"},
    VendorResource{"amd", false, "amd.com/gpu"},
    VendorResource{"intel", true, "gpu.intel.com/i915"},
    VendorResource{"intel", false, "gpu.intel.com/i915"},
};
constexpr std::string_view kDefaultResource = "nvidia.com/gpu";

/// Accelerators that a Model names, where an image has another name for them. `metal` and `cpu` say nothing of a GPU
/// in a cluster.
struct AcceleratorImage {
  std::string_view accelerator;
  std::string_view image;
};
constexpr std::array kAcceleratorImages = {
    AcceleratorImage{"cuda", "cuda"},
    AcceleratorImage{"rocm", "rocm"},
    AcceleratorImage{"vulkan", "vulkan"},
    AcceleratorImage{"intel", "vulkan"},
};

/// Devices are whole; 0 for what no rule lets pass.
std::int64_t to_count(const std::string& quantity) {
  const auto amount = kube::Quantity::parse(quantity);
  return amount ? amount->to_int().value_or(0) : 0;
}

/// The GPU that Kubernetes' shape asks for.
std::optional<Gpu> from_kubernetes_shape(const api::Resources& resources) {
  for (const auto* map : {&resources.limits, &resources.requests}) {
    for (const auto& [name, quantity] : *map) {
      if (rules::gpu_resource(name) == nullptr) continue;
      if (const auto count = to_count(quantity); count > 0) return Gpu{count, name, name, {}};
    }
  }
  return std::nullopt;
}

std::int64_t count_of(const api::GpuHardware& gpu) { return gpu.count.value_or(gpu.enabled ? 1 : 0); }

/// The Model that says most about GPUs: the one that asks for most.
const api::GpuHardware* hungriest(const std::vector<const api::Model*>& models) {
  const api::GpuHardware* most = nullptr;
  for (const auto* model : models) {
    if (!model->spec.hardware || !model->spec.hardware->gpu) continue;
    const auto& gpu = *model->spec.hardware->gpu;
    if (most == nullptr || count_of(gpu) > count_of(*most)) most = &gpu;
  }
  return most;
}

std::string resource_of(const api::GpuHardware* gpu, const std::optional<api::GpuSharing>& sharing) {
  if (gpu != nullptr && !gpu->resource_name.empty()) return gpu->resource_name;
  if (sharing && sharing->mode == "partitioned" && !sharing->profile.empty())
    return "nvidia.com/mig-" + sharing->profile;
  if (gpu == nullptr) return std::string(kDefaultResource);
  const auto* row = std::ranges::find_if(kVendorResources, [&](const auto& at) {
    return at.vendor == gpu->vendor && at.with_runtime == !gpu->runtime.empty();
  });
  return std::string(row == kVendorResources.end() ? kDefaultResource : row->resource);
}

/// The largest amount that a Model names; empty when none does.
std::string largest(const std::vector<const api::Model*>& models, std::string api::ModelSpec::*field) {
  std::string most;
  kube::Quantity amount;
  for (const auto* model : models) {
    const std::string& text = model->spec.*field;
    const auto named = kube::Quantity::parse(text);
    if (!named || *named <= amount) continue;
    most = text;
    amount = *named;
  }
  return most;
}

}  // namespace

Gpu choose_gpu(const api::InferenceServiceSpec& spec, const std::vector<const api::Model*>& models) {
  const api::GpuHardware* said = hungriest(models);
  Gpu gpu;
  if (const auto asked = from_kubernetes_shape(spec.resources)) {
    gpu = *asked;
  } else {
    gpu.count = spec.resources.gpu ? *spec.resources.gpu : (said == nullptr ? 0 : count_of(*said));
    gpu.resource = resource_of(said, spec.resources.gpu_sharing);
    gpu.toleration_key = gpu.resource;
  }
  if (said == nullptr) return gpu;
  if (!said->toleration_key.empty()) gpu.toleration_key = said->toleration_key;
  if (!said->resource_claims.empty() && said->resource_claims != "[]") {
    gpu.claims = said->resource_claims;
    gpu.count = 0;
  }
  return gpu;
}

std::string choose_accelerator(const Gpu& gpu, const std::vector<const api::Model*>& models) {
  if (!gpu.asked_for()) return "cpu";
  for (const auto* model : models) {
    const auto& hardware = model->spec.hardware;
    if (!hardware) continue;
    if (hardware->gpu && !hardware->gpu->runtime.empty()) return hardware->gpu->runtime;
    const auto* row = std::ranges::find(kAcceleratorImages, hardware->accelerator, &AcceleratorImage::accelerator);
    if (row != kAcceleratorImages.end()) return std::string(row->image);
  }
  const auto* resource = rules::gpu_resource(gpu.resource);
  return resource == nullptr ? "cuda" : std::string(resource->accelerator);
}

ContainerResources choose_resources(const api::Resources& resources, const Gpu& gpu,
                                    const std::vector<const api::Model*>& models) {
  ContainerResources chosen{resources.requests, resources.limits};
  const auto request = [&](const char* name, const std::string& quantity) {
    if (!quantity.empty()) chosen.requests.emplace(name, quantity);
  };
  request("cpu", resources.cpu);
  request("memory", resources.host_memory.empty() ? resources.memory : resources.host_memory);
  request("ephemeral-storage", resources.ephemeral_storage);
  // A request that only a limit names is that limit.
  if (!resources.limits.contains("cpu")) request("cpu", largest(models, &api::ModelSpec::cpu));
  if (!resources.limits.contains("memory")) request("memory", largest(models, &api::ModelSpec::memory));
  if (!resources.ephemeral_storage.empty()) chosen.limits.emplace("ephemeral-storage", resources.ephemeral_storage);
  // Of a device there is no more than what is asked for, and the API server wants that said (IsOvercommitAllowed).
  for (const auto& [name, quantity] : resources.requests) {
    const bool is_device = name.contains('/') && !name.starts_with("kubernetes.io/");
    if (is_device || name.starts_with("hugepages-")) chosen.limits.emplace(name, quantity);
  }
  if (gpu.count > 0) {
    chosen.requests[gpu.resource] = std::to_string(gpu.count);
    chosen.limits[gpu.resource] = std::to_string(gpu.count);
  }
  return chosen;
}

}  // namespace reconciler
