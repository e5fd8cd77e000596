#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/base/json.hpp"

namespace rules {

/// Whose device plugin owns a resource name: "nvidia", "amd" or "intel"; empty for what is no GPU.
[[nodiscard]] std::string_view gpu_vendor(std::string_view resource);

/// How many GPUs a service's `resources` ask for, in either shape; nothing when they say nothing of GPUs.
[[nodiscard]] std::optional<std::int64_t> gpu_count(const base::JsonValue& spec);

}  // namespace rules
