#include "common/rules/gpu.hpp"

#include "common/kube/quantity.hpp"
#include "common/rules/rule.hpp"

namespace rules {
namespace {

struct Prefix {
  std::string_view text;
  std::string_view vendor;
};

/// What the device plugins of the three vendors publish, MIG partitions and time slices included.
constexpr Prefix kPrefixes[] = {
    {"nvidia.com/gpu", "nvidia"},   {"nvidia.com/mig-", "nvidia"}, {"amd.com/gpu", "amd"},
    {"devic.es/dri-render", "amd"}, {"gpu.intel.com/", "intel"},
};

}  // namespace

std::string_view gpu_vendor(std::string_view resource) {
  for (const auto& row : kPrefixes) {
    if (resource.starts_with(row.text)) return row.vendor;
  }
  return {};
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
