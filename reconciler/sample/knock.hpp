#pragma once
#include <string>

#include "reconciler/reconcile/observed.hpp"

namespace reconciler {

/// Asks an IP address and port for `/health` over HTTP: whether a server is there and takes requests. Any answer but
/// 503 is a yes (llama-server needs no key for it; the gate of a Pod that is being stopped says 503). Takes at most 2.5
/// seconds.
[[nodiscard]] Knock knock_at(const std::string& ip, int port);

}  // namespace reconciler
