#pragma once
#include <istream>
#include <ostream>
#include <string>
#include <vector>

#include "common/rules/validate.hpp"

namespace webhook {

/// `webhook check`: the rules of admission on files, before any cluster.
struct CheckOptions {
  enum class Format { text, json, sarif, github };
  Format format = Format::text;
  /// Warnings count as findings.
  bool strict = false;
  /// Print the objects as the cluster would hold them, in place of findings that are warnings.
  bool defaults = false;
  /// As the webhook of the cluster has it.
  rules::Site site{};
  /// Files, folders (their .yaml, .yml and .json files, below them too), or "-" for standard input.
  std::vector<std::string> paths{};
};

/// Findings go to `out`, the closing line and what cannot be read to `err`.
/// Gives the exit status: 0 clean, 1 findings, 2 something could not be read.
[[nodiscard]] int run_check(const CheckOptions& options, std::istream& in, std::ostream& out, std::ostream& err);

}  // namespace webhook
