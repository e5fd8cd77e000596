#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/api_client.hpp"

namespace reconciler {

/// Where a right is needed.
enum class Scope {
  /// In every watched namespace: a ClusterRole, or a Role in each.
  watched,
  /// In the namespace that we run in.
  own,
  /// On cluster-wide objects; without it one thing less works, and nothing else breaks.
  cluster,
};

/// What this program calls, in words of RBAC; the chart's roles are compared with it.
struct AccessRule {
  std::string_view group;
  std::string_view resource;
  std::string_view subresource;
  std::vector<std::string_view> verbs;
  Scope scope;
  /// Only with --webhook-service.
  bool for_certificates = false;
};
[[nodiscard]] std::span<const AccessRule> access_rules();

struct AccessQuestion {
  std::vector<std::string> watched_namespaces = {};  ///< empty: all
  std::string own_namespace = {};
  bool leader_election = true;
  bool certificates = false;
  std::string secret_name = {};
  std::string lease_name = {};
  std::string mutating_configuration = {};
  std::string validating_configuration = {};
};

/// Asks the API server (SelfSubjectAccessReview) about each row; gives a sentence for each right that is missing:
/// `may not patch deployments.apps in namespace edge: add verb patch ...`. An error when it cannot be asked.
[[nodiscard]] base::Result<std::vector<std::string>> missing_access(net::ApiClient& api,
                                                                    const AccessQuestion& question);

}  // namespace reconciler
