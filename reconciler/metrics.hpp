#pragma once
#include <span>

#include "common/base/metrics.hpp"

namespace reconciler {

/// The rows of /metrics; docs/metrics.md is made from them.
[[nodiscard]] std::span<const base::MetricInfo> metric_rows();

}  // namespace reconciler
