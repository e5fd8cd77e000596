#pragma once
#include <string>
#include <string_view>

#include "reconciler/pod/agent/preset.hpp"

namespace agent {

/// The line of a llama-server's log that says why it ended, without its time and the name of the function; empty when
/// none does. `while_loading`: it had not come up yet. Errors are told twice and then echoed by every caller up to
/// "exiting due to model loading error": the last one that is no echo is the cause. Of one that was up only the errors
/// of its very end count, the first of them: an older one may have been a client's mistake.
[[nodiscard]] std::string cause_line(std::string_view log, bool while_loading);

/// The logs of llama-server's children, one file for each model: `log-file = FOLDER/<name>.log` in its section, written
/// anew with each load. The listing says no more of a failed load than its exit code.
/// What llama-server says of a value that it cannot read (`ctx-size = abc`) goes to its standard error alone, and the
/// file stays empty (build 11669): that much is told.
class ChildLogs {
 public:
  /// Empty: there are none.
  explicit ChildLogs(std::string folder) : folder_(std::move(folder)) {}

  /// Makes the folder, and the files before llama-server does, so that they are ours to cut, whoever it runs as.
  void prepare(const Preset& preset) const;
  /// Empty when nothing is known.
  [[nodiscard]] std::string cause(const std::string& model, bool while_loading) const;
  /// A log that takes more than 1 MiB of the disk is cut to nothing; its writer goes on where it was, which leaves a
  /// hole and takes no room.
  void trim(const std::string& model) const;

 private:
  [[nodiscard]] std::string path(const std::string& model) const;

  const std::string folder_;
};

}  // namespace agent
