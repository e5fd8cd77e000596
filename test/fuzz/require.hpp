#pragma once
#include <cstdio>
#include <cstdlib>
#include <source_location>

/// Ends the program where a fuzzer's oracle does not hold, and says which: a machine of CI has no symbolizer.
inline void require(bool holds, std::source_location where = std::source_location::current()) {
  if (holds) return;
  std::fprintf(stderr, "%s:%u: does not hold, in %s\n", where.file_name(), where.line(), where.function_name());
  std::abort();
}
