#pragma once
#include <cstddef>
#include <optional>
#include <string_view>

#include "common/base/json.hpp"

namespace base {

/// How many zeros must stand behind a text that is read in place: its end, and as much as is looked at in one step.
inline constexpr std::size_t kJsonPadding = 8;

/// What is wrong with a text, and at which byte.
struct JsonFault {
  std::string_view what;
  std::size_t at = 0;
};

/// Reads RFC 8259 from the `size` bytes at `text` into `out`, whose strings stay where they are, decoded in place: the
/// text must live as long as the document. The fault when it is not JSON, not UTF-8, or nested deeper than
/// `kMaxJsonDepth`. A name that stands twice in an object is kept twice.
[[nodiscard]] std::optional<JsonFault> read_json_in_place(char* text, std::size_t size, JsonDocument& out);

}  // namespace base
