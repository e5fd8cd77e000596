#pragma once
#include <ios>
#include <map>
#include <string>

namespace bench {

/// The controller's calls as the API server's audit log has them, refused ones too.
struct Calls {
  /// By line of the table ("children", "service statuses", ...), without what is no service's: lease, access reviews.
  std::map<std::string, double> writes;
  /// By verb, all of them.
  std::map<std::string, double> verbs;

  [[nodiscard]] double written() const;
  [[nodiscard]] double all() const;
};

/// Reads the log from `offset` on and moves that to its end.
[[nodiscard]] Calls read_audit_log(const std::string& path, std::streamoff& offset);

}  // namespace bench
