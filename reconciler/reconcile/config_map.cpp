#include <algorithm>
#include <nlohmann/json.hpp>

#include "reconciler/reconcile/agent_config.hpp"
#include "reconciler/reconcile/render.hpp"

namespace reconciler {

std::string render_agent_config(const Plan& plan) {
  const auto& router = plan.spec().router;
  const auto& scheduling = router.scheduling;
  const nlohmann::json config = {{"preload", router.preload},
                                 {"scheduling",
                                  {{"policy", scheduling.policy},
                                   {"minResidencySeconds", scheduling.min_residency_seconds},
                                   {"maxTurnSeconds", scheduling.max_turn_seconds},
                                   {"maxWaitSeconds", scheduling.max_wait_seconds},
                                   {"loadingSignal", scheduling.loading_signal}}}};
  return config.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

/// What is mounted at /etc/llmkube, and read again when it changes: no Pod restarts for it.
std::optional<DesiredObject> render_config_map(const Plan& plan) {
  const auto& live = plan.observed.config_map;
  const bool has_pods = plan.observed.deployment || plan.cache.kind == CachePlan::Kind::ephemeral;
  if (!plan.router || (!live && !has_pods && plan.preset.empty())) return std::nullopt;  // nobody would read it
  nlohmann::json map = child(Kind::config_map, plan, config_map_name(plan.name()));
  map["data"] = {{"models.ini", plan.preset}, {"agent.json", plan.agent_config}};
  auto desired = finish(Kind::config_map, map);
  // Each new preset is a reload: models that come up together make one.
  desired.can_wait =
      live && live->preset_hash != plan.preset_hash && std::ranges::any_of(plan.models, &ServedModel::is_on_its_way);
  return desired;
}

}  // namespace reconciler
