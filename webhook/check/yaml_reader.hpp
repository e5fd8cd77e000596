#pragma once
#include <string>

#include "webhook/check/node.hpp"

namespace webhook {

/// Reads a file of YAML documents as kubectl does: YAML 1.1 scalars, anchors and merge keys resolved. Never throws.
[[nodiscard]] Documents read_yaml(const std::string& text);

}  // namespace webhook
