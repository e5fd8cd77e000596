#pragma once
#include <string>
#include <vector>

#include "common/net/api_client.hpp"

namespace reconciler {

/// Reads the two live CRDs and names each of our fields that their schema lacks ("inferenceservices: spec.models"): an
/// older CRD, or LLMKube's own, would silently drop them. An error when one cannot be read (Roles only).
[[nodiscard]] base::Result<std::vector<std::string>> missing_fields(net::ApiClient& api);

/// The same for one CRD object: for tests.
[[nodiscard]] std::vector<std::string> missing_fields_of(const base::JsonValue& crd);

}  // namespace reconciler
