#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace reconciler {

/// As Secrets and caBundles hold bytes: the standard alphabet, padded, on one line.
[[nodiscard]] std::string to_base64(std::string_view bytes);
/// Nothing when it is not base64.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace reconciler
