#pragma once
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "reconciler/reconcile/reconcile.hpp"

namespace reconciler {

/// What is listed and watched. Pods stand twice: those of services and those of fetch Jobs have different labels.
enum class Resource {
  service,
  model,
  deployment,
  network_service,
  config_map,
  autoscaler,
  pod,
  job,
  fetch_pod,
  claim,
};

struct ResourceInfo {
  Resource resource;
  /// Unique word for metrics and logs.
  std::string_view word;
  /// "/apis/apps/v1"
  std::string_view group_path;
  std::string_view plural;
  /// Only objects with these labels are seen, so that others' objects cost neither memory nor traffic.
  std::string_view label_selector;
};

inline constexpr std::size_t kResourceCount = 10;
[[nodiscard]] const std::array<ResourceInfo, kResourceCount>& resources();
[[nodiscard]] const ResourceInfo& info(Resource resource);

/// The resource in whose view a child of this kind is kept.
[[nodiscard]] Resource resource_of(Kind kind);

/// "/apis/apps/v1/namespaces/edge/deployments", or without the namespace when it is empty.
[[nodiscard]] std::string collection_path(Resource resource, std::string_view namespace_);
/// The same and "/<name>".
[[nodiscard]] std::string object_path(Resource resource, std::string_view namespace_, std::string_view name);

}  // namespace reconciler
