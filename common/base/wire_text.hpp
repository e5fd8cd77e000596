#pragma once
#include <string>
#include <string_view>

namespace base {

/// Of upper and lower case of ASCII letters the lower one; every other byte as it is, whatever the locale.
[[nodiscard]] constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
[[nodiscard]] std::string lower(std::string_view text);

/// Equal where upper and lower case of ASCII letters are one, as in the field names of HTTP (RFC 9110, 5.1).
[[nodiscard]] bool same_word(std::string_view a, std::string_view b);

/// Every byte but letters, digits, `-._~` and those in `kept` as an escape of URLs (RFC 3986, 2.1).
[[nodiscard]] std::string encode_percent(std::string_view text, std::string_view kept = {});

/// Without the escapes of URLs (RFC 3986, 2.1); one that is none stays as it is written. The result may hold any byte.
[[nodiscard]] std::string decode_percent(std::string_view text);

/// The same in a query, where a blank may also be written as `+`.
[[nodiscard]] std::string decode_query(std::string_view text);

/// No line break and no NUL: what may stand in a header without ending it.
[[nodiscard]] bool is_one_line(std::string_view text);

/// The text before the first `mark`, which is taken off `rest` with it; all of `rest` where there is none.
std::string_view take_until(std::string_view& rest, std::string_view mark);

}  // namespace base
