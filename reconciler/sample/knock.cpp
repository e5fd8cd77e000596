#include "reconciler/sample/knock.hpp"

#include <cerrno>
#include <chrono>
#include <string_view>

#include "common/net/head.hpp"
#include "reconciler/sample/connection.hpp"
#include "reconciler/sample/fetch.hpp"

namespace reconciler {
namespace {

/// Longer than the second after which the kernel sends its SYN again: in a Pod the refusal of the first one is often
/// not heard (Linux 6.18, behind a bridge: 18 of 20 refusals came after 1.02 s, two not at all), and mostly the second
/// finds the Service open.
constexpr std::chrono::milliseconds kPatience{2500};

}  // namespace

Knock knock_at(const std::string& ip, int port) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  auto connection = Connection::open(ip, port, deadline);
  if (!connection) return connection.error() == ECONNREFUSED ? Knock::refused : Knock::unknown;
  std::string answer;
  if (connection->send(get_request(ip, port, "/health"))) {
    if (const auto size = connection->receive_head(answer)) {
      const auto head = net::read_response_head(std::string_view(answer).substr(0, *size));
      return head && head->status == 503 ? Knock::refused : Knock::open;
    }
  }
  // Who hangs up without a word is on its way out.
  return std::chrono::steady_clock::now() < deadline ? Knock::refused : Knock::unknown;
}

}  // namespace reconciler
