#include <nlohmann/json.hpp>

#include "reconciler/reconcile/names.hpp"
#include "reconciler/reconcile/render.hpp"

namespace reconciler {

/// LLMKube's claim: its names, its labels, so that its caches and its command line go on with it. Made when absent,
/// never changed; the shared one has no owner, since many services use it and its content is worth keeping.
std::optional<DesiredObject> render_claim(const Plan& plan) {
  const auto& cache = plan.cache;
  const auto& settings = plan.settings;
  if (cache.kind != CachePlan::Kind::claim || cache.foreign || cache.observed != nullptr) return std::nullopt;
  nlohmann::json claim = child(Kind::claim, plan, cache.claim);
  auto& metadata = claim["metadata"];
  if (!cache.owned) metadata.erase("ownerReferences");
  metadata["labels"] = {{std::string(names::kNameLabel), "llmkube"},
                        {std::string(names::kComponentLabel), names::kCacheComponent},
                        {std::string(names::kManagedByLabel), names::kClaimManagedBy}};
  claim["spec"] = {
      {"accessModes", {cache.owned ? std::string("ReadWriteOnce") : settings.model_cache_access_mode}},
      {"resources", {{"requests", {{"storage", settings.model_cache_size}}}}},
  };
  if (!settings.model_cache_storage_class.empty())
    claim["spec"]["storageClassName"] = settings.model_cache_storage_class;
  auto desired = finish(Kind::claim, claim);
  desired.create_only = true;
  return desired;
}

}  // namespace reconciler
