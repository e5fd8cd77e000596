#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace reconciler {

/// Compact JSON; bytes that are no UTF-8 become U+FFFD.
[[nodiscard]] std::string to_text(const nlohmann::json& value);

/// The text of a member; empty when there is none, or it is no text: what others wrote may be anything.
[[nodiscard]] std::string text_of(const nlohmann::json& object, std::string_view key);

}  // namespace reconciler
