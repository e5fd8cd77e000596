#pragma once
#include <string>

#include "webhook/check/node.hpp"

namespace webhook {

/// Reads a file as kubectl does: as JSON values where it begins like one, and from the first or second of them that is
/// no JSON on as YAML. Source: k8s.io/apimachinery/pkg/util/yaml/decoder.go, YAMLOrJSONDecoder. Never throws.
[[nodiscard]] Documents read_documents(const std::string& text);

}  // namespace webhook
