#pragma once
#include <string>

#include "reconciler/reconcile/observed.hpp"

namespace reconciler {

/// Connects to an IP address and port, and hangs up: whether somebody is there. Takes at most a second.
[[nodiscard]] Knock knock_at(const std::string& ip, int port);

}  // namespace reconciler
