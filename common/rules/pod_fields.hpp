#pragma once
#include <string_view>

#include "common/rules/rule.hpp"

/// Fields of Kubernetes' own types, which go into Pods as they are: the API server judges them only when the Pod's
/// owner is applied. Source: k8s.io/kubernetes/pkg/apis/core/validation; test/children asks that code itself.
namespace rules {

/// Whether a path has a part that is `..`.
[[nodiscard]] bool climbs(std::string_view path);

/// Reports what the API server would refuse in a value of one of Kubernetes' types, by the type's name ("Affinity").
/// Words for the rule's row: what is wrong, and what to do. Types and fields that are not in the table pass.
void judge_pod_field(std::string_view type, const base::JsonValue& value, const kube::FieldPath& path,
                     const Report& report);

}  // namespace rules
