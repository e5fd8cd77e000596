#pragma once
#include <string>

#include "reconciler/reconcile/observed.hpp"

namespace reconciler {

/// Connects to an IP address and port, and hangs up: whether somebody is there. Takes at most 2.5 seconds.
[[nodiscard]] Knock knock_at(const std::string& ip, int port);

}  // namespace reconciler
