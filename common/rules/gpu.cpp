#include "common/rules/gpu.hpp"

#include <algorithm>
#include <array>

#include "common/kube/quantity.hpp"
#include "common/rules/rule.hpp"

namespace rules {
namespace {

constexpr std::array kGpuResources = {
    GpuResource{"nvidia.com/gpu", "nvidia", "cuda"},      GpuResource{"nvidia.com/gpu.shared", "nvidia", "cuda"},
    GpuResource{"nvidia.com/mig-*", "nvidia", "cuda"},    GpuResource{"amd.com/gpu", "amd", "rocm"},
    GpuResource{"devic.es/dri-render*", "amd", "vulkan"}, GpuResource{"gpu.intel.com/i915", "intel", "vulkan"},
    GpuResource{"gpu.intel.com/xe", "intel", "vulkan"},
};

bool is_named(std::string_view name, std::string_view row) {
  return row.ends_with('*') ? name.starts_with(row.substr(0, row.size() - 1)) : name == row;
}

}  // namespace

const GpuResource* gpu_resource(std::string_view name) {
  const auto* row = std::ranges::find_if(kGpuResources, [&](const auto& at) { return is_named(name, at.name); });
  return row == kGpuResources.end() ? nullptr : row;
}

std::string_view gpu_vendor(std::string_view resource) {
  const auto* row = gpu_resource(resource);
  return row == nullptr ? std::string_view{} : row->vendor;
}

std::optional<std::int64_t> gpu_count(const base::JsonValue& spec) {
  const base::JsonValue* resources = object_in(spec, "resources");
  if (resources == nullptr) return std::nullopt;
  if (const auto count = base::as_int(base::find(*resources, "gpu"))) return count;
  for (const std::string_view side : {"requests", "limits"}) {
    const base::JsonValue* map = object_in(*resources, side);
    if (map == nullptr) continue;
    for (const auto& member : map->GetObject()) {
      if (gpu_vendor(base::as_string(&member.name).value_or("")).empty()) continue;
      if (const auto count = base::as_int(&member.value)) return count;
      const auto amount = kube::Quantity::parse(base::as_string(&member.value).value_or(""));
      if (amount) return amount->to_int();
    }
  }
  return std::nullopt;
}

}  // namespace rules
