#pragma once
#include <string_view>

#include "webhook/check/node.hpp"

namespace webhook {

/// Reads a text of YAML documents as kubectl does: cut at `---`, with YAML 1.1 scalars, anchors and merge keys
/// resolved. The text begins at `start` of its file. Never throws.
[[nodiscard]] Documents read_yaml(std::string_view text, Mark start = {});

}  // namespace webhook
