#include "reconciler/sample/knock.hpp"

#include <cerrno>

#include "reconciler/sample/connection.hpp"

namespace reconciler {

Knock knock_at(const std::string& ip, int port) {
  const auto connection = Connection::open(ip, port, std::chrono::steady_clock::now() + std::chrono::seconds{1});
  if (connection) return Knock::open;
  return connection.error() == ECONNREFUSED ? Knock::refused : Knock::unknown;
}

}  // namespace reconciler
