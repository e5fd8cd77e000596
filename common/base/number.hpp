#pragma once
#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace base {

/// A text that is a number as a whole: digits of `radix` (for a floating Number also 1.5 and 1e3), behind a '-' where
/// Number has a sign; no '+', no blanks. Nothing when it is none, or one that Number does not hold.
template <typename Number, typename... Radix>
[[nodiscard]] std::optional<Number> parse_number(std::string_view text, Radix... radix) {
  Number value{};
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value, radix...);
  return read.ec == std::errc{} && read.ptr == end ? std::optional(value) : std::nullopt;
}

}  // namespace base
