#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace reconciler {

/// Compact JSON; bytes that are no UTF-8 become U+FFFD.
[[nodiscard]] std::string to_text(const nlohmann::json& value);

}  // namespace reconciler
