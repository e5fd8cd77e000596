#pragma once
#include <string>

#include "webhook/check/node.hpp"

namespace webhook {

/// Reads a file of JSON values, one after the other. Never throws.
[[nodiscard]] Documents read_json(const std::string& text);

/// Whether kubectl would try the text as JSON: its first visible character opens an object.
[[nodiscard]] bool looks_like_json(std::string_view text);

}  // namespace webhook
