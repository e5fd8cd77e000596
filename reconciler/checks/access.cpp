#include "reconciler/checks/access.hpp"

#include <nlohmann/json.hpp>

namespace reconciler {
namespace {

const std::vector<AccessRule>& rules() {
  static const std::vector<AccessRule> kRules{
      {"inference.llmkube.dev", "inferenceservices", "", {"list", "watch"}, Scope::watched},
      {"inference.llmkube.dev", "inferenceservices", "status", {"patch"}, Scope::watched},
      {"inference.llmkube.dev", "models", "", {"list", "watch"}, Scope::watched},
      {"inference.llmkube.dev", "models", "status", {"patch"}, Scope::watched},
      {"apps", "deployments", "", {"list", "watch", "create", "patch"}, Scope::watched},
      {"", "services", "", {"list", "watch", "create", "patch"}, Scope::watched},
      {"", "configmaps", "", {"list", "watch", "create", "patch", "delete"}, Scope::watched},
      {"autoscaling", "horizontalpodautoscalers", "", {"list", "watch", "create", "patch", "delete"}, Scope::watched},
      {"batch", "jobs", "", {"list", "watch", "create", "patch", "delete"}, Scope::watched},
      {"", "pods", "", {"list", "watch", "patch"}, Scope::watched},
      {"discovery.k8s.io", "endpointslices", "", {"list"}, Scope::watched},
      {"", "persistentvolumeclaims", "", {"get", "list", "watch", "create"}, Scope::watched},
      {"", "events", "", {"create"}, Scope::watched},
      {"coordination.k8s.io", "leases", "", {"create", "get", "patch", "watch"}, Scope::own},
      {"", "secrets", "", {"get", "patch"}, Scope::own, true},
      {"scheduling.k8s.io", "priorityclasses", "", {"list"}, Scope::cluster},
      {"apiextensions.k8s.io", "customresourcedefinitions", "", {"get"}, Scope::cluster},
      {"admissionregistration.k8s.io", "mutatingwebhookconfigurations", "", {"get", "patch"}, Scope::cluster, true},
      {"admissionregistration.k8s.io", "validatingwebhookconfigurations", "", {"get", "patch"}, Scope::cluster, true},
  };
  return kRules;
}

/// The one object that a right on it is granted for by name, where the chart names one.
std::string object_name(const AccessRule& rule, std::string_view verb, const AccessQuestion& question) {
  if (verb == "create") return {};
  const std::pair<std::string_view, std::string> names[] = {
      {"secrets", question.secret_name},
      {"leases", question.lease_name},
      {"customresourcedefinitions", "inferenceservices.inference.llmkube.dev"},
      {"mutatingwebhookconfigurations", question.mutating_configuration},
      {"validatingwebhookconfigurations", question.validating_configuration},
  };
  for (const auto& [resource, name] : names)
    if (rule.resource == resource) return name;
  return {};
}

std::string sentence(const AccessRule& rule, std::string_view verb, const std::string& namespace_) {
  const std::string resource =
      std::string(rule.resource) + (rule.subresource.empty() ? "" : "/" + std::string(rule.subresource));
  const std::string group = rule.group.empty() ? "" : "." + std::string(rule.group);
  const std::string where = rule.scope == Scope::cluster ? ""
                            : namespace_.empty()         ? " in any namespace"
                                                         : " in namespace " + namespace_;
  const bool needs_cluster_role = rule.scope == Scope::cluster || namespace_.empty();
  return "may not " + std::string(verb) + " " + resource + group + where + ": add to the " +
         (needs_cluster_role ? "ClusterRole" : "Role") + " {apiGroups: [\"" + std::string(rule.group) +
         "\"], resources: [\"" + resource + "\"], verbs: [\"" + std::string(verb) + "\"]}";
}

base::Result<bool> may(net::ApiClient& api, const AccessRule& rule, std::string_view verb,
                       const std::string& namespace_, const std::string& name) {
  nlohmann::json attributes = {{"group", rule.group}, {"resource", rule.resource}, {"verb", verb}};
  if (!rule.subresource.empty()) attributes["subresource"] = rule.subresource;
  if (!namespace_.empty()) attributes["namespace"] = namespace_;
  if (!name.empty()) attributes["name"] = name;
  const nlohmann::json review = {{"apiVersion", "authorization.k8s.io/v1"},
                                 {"kind", "SelfSubjectAccessReview"},
                                 {"spec", {{"resourceAttributes", attributes}}}};
  const std::string path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
  const auto response = api.create(path, review.dump());
  if (!response) return std::unexpected(response.error());
  if (!response->ok()) return std::unexpected(net::to_error(*response, path));
  const auto answer = base::parse_json(response->body, path);
  if (!answer) return std::unexpected(answer.error());
  return base::as_bool(base::find_path(*answer, {"status", "allowed"})).value_or(false);
}

std::vector<std::string> namespaces_of(const AccessRule& rule, const AccessQuestion& question) {
  if (rule.scope == Scope::own) return {question.own_namespace};
  if (rule.scope == Scope::cluster || question.watched_namespaces.empty()) return {""};
  return question.watched_namespaces;
}

}  // namespace

std::span<const AccessRule> access_rules() { return rules(); }

base::Result<std::vector<std::string>> missing_access(net::ApiClient& api, const AccessQuestion& question) {
  std::vector<std::string> missing;
  for (const auto& rule : rules()) {
    if (rule.for_certificates && !question.certificates) continue;
    if (rule.resource == "leases" && !question.leader_election) continue;
    // With Roles only, nothing cluster-wide is asked for.
    if (rule.scope == Scope::cluster && !rule.for_certificates && !question.watched_namespaces.empty()) continue;
    for (const auto& namespace_ : namespaces_of(rule, question)) {
      for (const auto verb : rule.verbs) {
        const auto allowed = may(api, rule, verb, namespace_, object_name(rule, verb, question));
        if (!allowed) return std::unexpected(allowed.error());
        if (!*allowed) missing.push_back(sentence(rule, verb, namespace_));
      }
    }
  }
  return missing;
}

}  // namespace reconciler
