#pragma once
#include <string>
#include <vector>

#include "common/net/api_client.hpp"

namespace reconciler {

/// What a server-side apply that met other managers says about them.
struct FieldConflict {
  /// The managers, each once: "kubectl-edit, argocd".
  std::string managers;
  /// "\".spec.replicas\" is held by kubectl-edit", one sentence for all.
  std::string message;
  /// Every one of them wrote by an update (kubectl edit, scale, set): an edit, not a declared intent. Managers that
  /// apply are asked for, never overruled.
  bool only_edits = true;
};

/// Reads the causes of a 409 (reason FieldManagerConflict). Their text, since Kubernetes 1.18:
/// `conflict with "name"[ with subresource "x"][ using v1[ at TIME]]`, where "using" stands for updates only.
/// Nothing when the 409 has another reason.
[[nodiscard]] std::optional<FieldConflict> read_conflict(const net::ApiStatus& status);

}  // namespace reconciler
