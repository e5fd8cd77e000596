#pragma once
#include <string>
#include <string_view>

namespace agent {

/// What becomes of a request, by its method, path and query.
struct GateRule {
  enum class Kind {
    /// Answered 403 with `reason`.
    forbid,
    /// Answered by the gate, at any time at once.
    health,
    /// Passed to the agent's own port.
    metrics,
    /// Passed to llama-server as it is: it concerns no model, or loads none.
    pass,
    /// `model` in the query.
    by_query,
    /// `model` in the body.
    by_body,
  };
  Kind kind = Kind::pass;
  std::string_view reason;
};

/// `path` is percent-decoded.
[[nodiscard]] GateRule judge(std::string_view method, std::string_view path, std::string_view query);

}  // namespace agent
