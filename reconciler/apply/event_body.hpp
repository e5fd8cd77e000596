#pragma once
#include <string>

#include "reconciler/queue/key.hpp"
#include "reconciler/reconcile/reconcile.hpp"

namespace reconciler {

/// A core/v1 Event about a service or a Model, as JSON text.
[[nodiscard]] std::string event_body(const Key& key, const ObjectMeta& meta, const Event& event, base::WallTime now);

}  // namespace reconciler
