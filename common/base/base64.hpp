#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace base {

/// RFC 4648's standard alphabet, padded, on one line: as Secrets, caBundles and admission patches hold bytes.
[[nodiscard]] std::string to_base64(std::string_view bytes);

/// The bytes of padded base64; blanks and line ends between are passed by. Nothing when it is not base64.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

/// Two lower-case hex digits for each byte.
[[nodiscard]] std::string to_hex(std::string_view bytes);

}  // namespace base
