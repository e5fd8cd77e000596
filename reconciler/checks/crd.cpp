#include "reconciler/checks/crd.hpp"

#include <array>
#include <string_view>
#include <utility>

namespace reconciler {
namespace {

constexpr std::string_view kVersion = "v1alpha1";

struct OurField {
  std::string_view crd;
  std::string_view path;
};

constexpr std::array<std::string_view, 2> kCrds{"inferenceservices", "models"};

/// What this project added to LLMKube's CRDs, or an older release of theirs lacks, and we cannot work without. "[]"
/// steps into the items of a list.
constexpr std::array kOurFields{
    OurField{"inferenceservices", "spec.models"},
    OurField{"inferenceservices", "spec.models[].aliases"},
    OurField{"inferenceservices", "spec.models[].extraArgs"},
    OurField{"inferenceservices", "spec.router"},
    OurField{"inferenceservices", "spec.router.maxLoadedModels"},
    OurField{"inferenceservices", "spec.router.preload"},
    OurField{"inferenceservices", "spec.resources.requests"},
    OurField{"inferenceservices", "spec.resources.limits"},
    OurField{"inferenceservices", "status.advertisedModels"},
    OurField{"inferenceservices", "status.models"},
    OurField{"inferenceservices", "status.models[].bytesDone"},
    OurField{"inferenceservices", "status.observedGeneration"},
    OurField{"models", "spec.files"},
    OurField{"models", "spec.sha256"},
    OurField{"models", "spec.mmproj"},
    OurField{"models", "spec.refreshPolicy"},
    OurField{"models", "spec.sourceSecretRef"},
    OurField{"models", "status.path"},
    OurField{"models", "status.cacheKey"},
    OurField{"models", "status.sha256"},
    OurField{"models", "status.observedGeneration"},
};

const base::JsonValue* schema_of(const base::JsonValue& crd) {
  const auto* versions = base::find_path(crd, {"spec", "versions"});
  if (versions == nullptr || !versions->IsArray()) return nullptr;
  for (const auto& version : versions->GetArray())
    if (base::string_at(version, {"name"}) == kVersion) return base::find_path(version, {"schema", "openAPIV3Schema"});
  return nullptr;
}

bool has_field(const base::JsonValue& schema, std::string_view path) {
  const base::JsonValue* at = &schema;
  while (!path.empty()) {
    const auto dot = path.find('.');
    std::string_view step = path.substr(0, dot);
    path.remove_prefix(dot == path.npos ? path.size() : dot + 1);
    const bool into_items = step.ends_with("[]");
    if (into_items) step.remove_suffix(2);
    at = base::find_path(*at, {"properties", step});
    if (at != nullptr && into_items) at = base::find(*at, "items");
    if (at == nullptr) return false;
  }
  return true;
}

}  // namespace

std::vector<std::string> missing_fields_of(const base::JsonValue& crd) {
  std::vector<std::string> missing;
  const auto plural = base::string_at(crd, {"spec", "names", "plural"});
  const auto* schema = schema_of(crd);
  for (const auto& field : kOurFields) {
    if (field.crd != plural) continue;
    if (schema == nullptr || !has_field(*schema, field.path))
      missing.push_back(plural + ": " + std::string(field.path));
  }
  return missing;
}

base::Result<std::vector<std::string>> missing_fields(net::ApiClient& api) {
  std::vector<std::string> missing;
  for (const auto plural : kCrds) {
    const std::string path =
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/" + std::string(plural) + ".inference.llmkube.dev";
    const auto response = api.get(path);
    if (!response) return std::unexpected(response.error());
    if (!response->ok()) return std::unexpected(net::to_error(*response, path));
    const auto crd = base::parse_json(response->body, path);
    if (!crd) return std::unexpected(crd.error());
    for (auto& field : missing_fields_of(*crd)) missing.push_back(std::move(field));
  }
  return missing;
}

}  // namespace reconciler
