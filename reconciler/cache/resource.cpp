#include "reconciler/cache/resource.hpp"

#include "common/base/wire_text.hpp"

namespace reconciler {
namespace {

constexpr std::string_view kOurs = "/apis/inference.llmkube.dev/v1alpha1";
constexpr std::string_view kOfService = "inference.llmkube.dev/service";
constexpr std::string_view kOfFetch = "inference.llmkube.dev/model,app.kubernetes.io/component=model-fetch";
constexpr std::string_view kOfCache = "app.kubernetes.io/component=model-cache";

constexpr std::array<ResourceInfo, kResourceCount> kResources{{
    {Resource::service, "inferenceservices", kOurs, "inferenceservices", ""},
    {Resource::model, "models", kOurs, "models", ""},
    {Resource::deployment, "deployments", "/apis/apps/v1", "deployments", kOfService},
    {Resource::network_service, "services", "/api/v1", "services", kOfService},
    {Resource::config_map, "configmaps", "/api/v1", "configmaps", kOfService},
    {Resource::autoscaler, "horizontalpodautoscalers", "/apis/autoscaling/v2", "horizontalpodautoscalers", kOfService},
    {Resource::pod, "pods", "/api/v1", "pods", kOfService},
    {Resource::job, "jobs", "/apis/batch/v1", "jobs", kOfFetch},
    {Resource::fetch_pod, "fetch-pods", "/api/v1", "pods", kOfFetch},
    {Resource::claim, "persistentvolumeclaims", "/api/v1", "persistentvolumeclaims", kOfCache},
}};

}  // namespace

const std::array<ResourceInfo, kResourceCount>& resources() { return kResources; }

const ResourceInfo& info(Resource resource) { return kResources.at(static_cast<std::size_t>(resource)); }

Resource resource_of(Kind kind) {
  switch (kind) {
    case Kind::claim:
      return Resource::claim;
    case Kind::job:
      return Resource::job;
    case Kind::config_map:
      return Resource::config_map;
    case Kind::deployment:
      return Resource::deployment;
    case Kind::service:
      return Resource::network_service;
    case Kind::autoscaler:
      return Resource::autoscaler;
    case Kind::pod:
      return Resource::pod;
  }
  return Resource::pod;
}

std::string collection_path(Resource resource, std::string_view namespace_) {
  const auto& row = info(resource);
  std::string path(row.group_path);
  if (!namespace_.empty()) path.append("/namespaces/").append(base::encode_percent(namespace_));
  return path.append("/").append(row.plural);
}

std::string object_path(Resource resource, std::string_view namespace_, std::string_view name) {
  return collection_path(resource, namespace_).append("/").append(base::encode_percent(name));
}

}  // namespace reconciler
