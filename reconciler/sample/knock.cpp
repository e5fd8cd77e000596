#include "reconciler/sample/knock.hpp"

#include <cerrno>
#include <chrono>

#include "reconciler/sample/connection.hpp"

namespace reconciler {
namespace {

/// Longer than the second after which the kernel sends its SYN again: a refusal of the first one that arrives while
/// connect() still runs counts as a passing error, so in a Pod it is often the second that is refused for good
/// (Linux 6.18, a bridge: after 1.02 s).
constexpr std::chrono::milliseconds kPatience{2500};

}  // namespace

Knock knock_at(const std::string& ip, int port) {
  const auto connection = Connection::open(ip, port, std::chrono::steady_clock::now() + kPatience);
  if (connection) return Knock::open;
  return connection.error() == ECONNREFUSED ? Knock::refused : Knock::unknown;
}

}  // namespace reconciler
