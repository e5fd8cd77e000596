#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/base/json.hpp"

namespace rules {

/// An extended resource that a device plugin of a vendor publishes, MIG partitions and time slices included; none that
/// counts a GPU's memory, cores or tiles (nvidia.com/gpumem, gpu.intel.com/tiles).
struct GpuResource {
  /// Its name, or what such names begin with and a `*`: "nvidia.com/gpu", "nvidia.com/mig-*".
  std::string_view name;
  /// "nvidia", "amd" or "intel".
  std::string_view vendor;
  /// Which images can use it: "cuda", "rocm" or "vulkan".
  std::string_view accelerator;
};
/// Null for what is no GPU.
[[nodiscard]] const GpuResource* gpu_resource(std::string_view name);

/// Its vendor; empty for what is no GPU.
[[nodiscard]] std::string_view gpu_vendor(std::string_view resource);

/// How many GPUs a service's `resources` ask for, in either shape; nothing when they say nothing of GPUs.
[[nodiscard]] std::optional<std::int64_t> gpu_count(const base::JsonValue& spec);

}  // namespace rules
