#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "webhook/check/node.hpp"

namespace webhook {

/// What a plain (unquoted) YAML scalar is to kubectl, that is to go-yaml v2: YAML 1.1, in which `y`, `n`, `on` and
/// `off` are booleans, `010` is 8 and `1_000` is 1000, but `1e3` is a text.
[[nodiscard]] Node resolve_plain_scalar(std::string_view text);

/// The key that a resolved scalar makes in JSON: `on` is "true"; nothing where JSON can have none (null).
[[nodiscard]] std::optional<std::string> key_of(const Node& scalar);

}  // namespace webhook
