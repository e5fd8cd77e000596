#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace base {

/// The words of `parts` with `separator` between them.
[[nodiscard]] std::string join(const std::vector<std::string>& parts, std::string_view separator);

/// Without blanks, tabs and line ends on either side.
[[nodiscard]] std::string_view trim(std::string_view text);

/// Whether a path is `folder` or lies in it: "/a/b" in "/a", "/ab" not.
[[nodiscard]] bool is_below(std::string_view path, std::string_view folder);

/// Valid UTF-8: each byte that is not part of a well-formed sequence becomes U+FFFD.
[[nodiscard]] std::string to_utf8(std::string_view text);

/// Whether a byte of UTF-8 goes on with a character that an earlier byte began.
[[nodiscard]] constexpr bool continues_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

/// At most `max_bytes` long, cut before a character and ended with "..." when something is lost.
[[nodiscard]] std::string shorten(std::string_view text, std::size_t max_bytes);

/// Levenshtein distance: how many letters to insert, drop or change. Above `most` any number above it may be given,
/// which costs less.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t most = SIZE_MAX);

/// The candidate that is nearest to `word`, for "did you mean": empty when none is within a third of its length
/// (at least 2 edits).
[[nodiscard]] std::string nearest(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace base
