#pragma once
#include <string>
#include <vector>

#include "common/base/error.hpp"
#include "reconciler/reconcile/settings.hpp"

namespace reconciler {

/// All flags of the program.
struct Options {
  Settings settings;
  std::string listen = "[::]:8081";
  std::vector<std::string> watch_namespaces;
  /// The namespace of the Lease and of the webhook's Secret.
  std::string own_namespace;
  bool leader_elect = true;
  std::string lease_name = "llmkube-router";
  std::string webhook_service;
  std::string webhook_secret;
  std::string mutating_configuration;
  std::string validating_configuration;
  std::string kubeconfig;
  std::string log_level = "info";
  int workers = 4;
};

/// What the command line says, or the exit code with which the program ends at once (after --help, --version or a
/// mistake, whose text was printed).
struct ParsedOptions {
  Options options;
  int exit_code = -1;  ///< -1: go on
};
[[nodiscard]] ParsedOptions parse_options(int argc, const char* const* argv);

}  // namespace reconciler
