#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "webhook/check/node.hpp"

namespace webhook {

/// What a plain (unquoted) YAML scalar is to kubectl, that is to go-yaml v2: YAML 1.1, in which `y`, `n`, `on` and
/// `off` are booleans, `010` is 8 and `1_000` and `1e3` are 1000.
[[nodiscard]] Node resolve_plain_scalar(std::string_view text);

/// A floating-point number as kubectl sends it, that is as Go's encoder writes it: one without a fraction is an integer
/// (`2.0` is 2). Nothing for one that is too large.
[[nodiscard]] std::optional<Node> resolve_float(const std::string& text);

/// The key that a resolved scalar makes in JSON: `on` is "true"; nothing where JSON can have none (null).
[[nodiscard]] std::optional<std::string> key_of(const Node& scalar);

}  // namespace webhook
