#pragma once
#include <string>
#include <vector>

#include "common/api/source.hpp"
#include "reconciler/pod/fetch/download.hpp"
#include "reconciler/pod/fetch/options.hpp"
#include "reconciler/pod/fetch/outcome.hpp"

namespace fetch {

/// One file that must be in place at the end.
struct PlannedFile {
  /// Relative to the key's folder (pvc: to the claim's).
  std::string name;
  Role role = Role::model;
  Remote remote;
};

/// What a run must bring about.
struct Plan {
  api::SourceKind kind = api::SourceKind::http;
  std::string key;
  /// `--to` without a slash at its end: empty for "/".
  std::string volume;
  /// Where the files lie: `<volume>/<key>`, or `<volume>` for pvc.
  std::string folder;
  /// The primary first.
  std::vector<PlannedFile> files;
  /// The source names one file: then a good file of another name in the folder is it, too (LLMKube's names differ).
  bool single = false;
};

/// Turns flags into a plan: URLs, credentials for the hosts they are for, all parts of split models.
/// InvalidSource when they make no sense.
[[nodiscard]] Try<Plan> make_plan(const Options& options);

}  // namespace fetch
