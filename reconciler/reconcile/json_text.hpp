#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace reconciler {

/// Compact JSON, byte for byte what nlohmann's `dump` writes; bytes that are no UTF-8 become U+FFFD. In a fraction of
/// its time where strings are plain ASCII, as nearly all of a Pod template and of a status are: each pass writes some.
[[nodiscard]] std::string to_text(const nlohmann::json& value);

}  // namespace reconciler
