#pragma once
#include <string>

#include "common/base/error.hpp"

namespace reconciler {

/// A GET of one request on one connection; `ip` of either family.
[[nodiscard]] std::string get_request(const std::string& ip, int port, const std::string& path);

/// GET over plain HTTP, with at most 1.5 s for all of it: the body of a 200, or why there is none. Our own programs
/// answer, a thousand of them in turn, so this is a few system calls and no more: no redirects, no chunks.
[[nodiscard]] base::Result<std::string> fetch_from_pod(const std::string& ip, int port, const std::string& path);

}  // namespace reconciler
