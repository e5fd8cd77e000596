#pragma once
#include <string>
#include <vector>

#include "reconciler/pod/fetch/options.hpp"

namespace fetch {

/// What the command line says beyond the options of a run.
struct CommandLine {
  Options options;
  std::vector<std::string> hf_token_files;
  std::string listen;
  std::string termination_log;
};

/// Reads flags and environment; an exit code when the program shall end at once (--help, --version, a wrong flag).
[[nodiscard]] std::expected<CommandLine, int> read_command_line(int argc, char** argv);

}  // namespace fetch
