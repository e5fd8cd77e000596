#pragma once
#include <algorithm>
#include <iterator>
#include <string_view>

namespace reconciler {

/// The row of a table of reasons, or null.
template <class Rows>
[[nodiscard]] constexpr auto find_reason(const Rows& rows, std::string_view reason) -> decltype(std::data(rows)) {
  const auto found = std::ranges::find_if(rows, [&](const auto& row) { return row.reason == reason; });
  return found == std::end(rows) ? nullptr : &*found;
}

}  // namespace reconciler
