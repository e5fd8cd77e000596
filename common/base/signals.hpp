#pragma once
#include <chrono>
#include <optional>

namespace base {

/// The signals of a service. Make it first in `main`, before any thread: SIGTERM and SIGINT are blocked in all threads
/// from then on and taken here, and SIGPIPE is ignored (a client-only process dies of it in five ways).
class Signals {
 public:
  Signals();
  /// Blocks until SIGTERM or SIGINT; gives its number.
  [[nodiscard]] int wait() const;
  /// The same, at most for `timeout`; nothing when none came.
  [[nodiscard]] std::optional<int> wait_for(std::chrono::milliseconds timeout) const;
};

}  // namespace base
