#pragma once
#include <string>
#include <string_view>

/// Compares with test/golden/reconcile/<path>; with UPDATE_GOLDEN=1 in the environment it writes the file instead:
/// `UPDATE_GOLDEN=1 ctest -R reconcile`, then review the diff.
void check_golden(const std::string& path, std::string_view actual);

/// JSON text with indents, for files that people review.
[[nodiscard]] std::string pretty(const std::string& json);
