#pragma once
#include <string>

#include "reconciler/reconcile/plan.hpp"

namespace reconciler {

/// agent.json: what the agent may learn anew without a restart of the Pod.
[[nodiscard]] std::string render_agent_config(const Plan& plan);

}  // namespace reconciler
