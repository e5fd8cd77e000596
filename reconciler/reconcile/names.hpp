#pragma once
#include <string_view>

/// Labels, annotations, ports and paths that this room shares with the programs in Pods and with LLMKube's users.
namespace reconciler::names {

inline constexpr std::string_view kServiceLabel = "inference.llmkube.dev/service";
inline constexpr std::string_view kModelLabel = "inference.llmkube.dev/model";
inline constexpr std::string_view kRuntimeLabel = "inference.llmkube.dev/runtime";
inline constexpr std::string_view kComponentLabel = "app.kubernetes.io/component";
inline constexpr std::string_view kManagedByLabel = "app.kubernetes.io/managed-by";
inline constexpr std::string_view kNameLabel = "app.kubernetes.io/name";

inline constexpr std::string_view kManagedBy = "llmkube-router";
/// On claims, so that `llmkube cache list` finds them.
inline constexpr std::string_view kClaimManagedBy = "llmkube-controller";
inline constexpr std::string_view kFetchComponent = "model-fetch";
inline constexpr std::string_view kCacheComponent = "model-cache";

/// On Pods: the preset that they should have; a change makes the kubelet sync the mounted ConfigMap at once.
inline constexpr std::string_view kPresetHashAnnotation = "inference.llmkube.dev/preset-hash";
/// On Jobs: the last word of model-fetch, kept because Pods vanish.
inline constexpr std::string_view kFetchedAnnotation = "inference.llmkube.dev/fetched";
/// On Jobs: UID of the claim that they fill.
inline constexpr std::string_view kClaimAnnotation = "inference.llmkube.dev/claim";
/// On Deployments: the models that the service names, in its order.
inline constexpr std::string_view kModelsAnnotation = "inference.llmkube.dev/models";

/// On Deployments: the service's priority, so that a change of it is told from a PriorityClass that was made later.
inline constexpr std::string_view kPriorityAnnotation = "inference.llmkube.dev/priority";

/// On Deployments: hash of the Pod template that was applied.
inline constexpr std::string_view kTemplateHashAnnotation = "inference.llmkube.dev/template-hash";

inline constexpr std::string_view kSharedClaim = "llmkube-model-cache";

inline constexpr std::string_view kServerContainer = "llama-server";
inline constexpr std::string_view kAgentContainer = "router-agent";
inline constexpr std::string_view kFetchContainer = "model-fetch";

/// Exit code of model-fetch for a failure that no retry mends.
inline constexpr int kFinalFailure = 2;

inline constexpr int kServerPort = 8080;
inline constexpr int kAgentPort = 8081;
inline constexpr int kGatePort = 8090;
inline constexpr int kProgressPort = 8081;

/// Where llama-server's children log, one file each: the agent reads there why a load failed.
inline constexpr std::string_view kChildLogs = "/cache/log";

}  // namespace reconciler::names
