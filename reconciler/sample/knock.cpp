#include "reconciler/sample/knock.hpp"

#include <cerrno>
#include <chrono>
#include <string_view>

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
  constexpr std::string_view kVersion = "HTTP/1.1 ";
  constexpr std::size_t kStatusDigits = 3;
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  auto connection = Connection::open(ip, port, deadline);
  if (!connection) return connection.error() == ECONNREFUSED ? Knock::refused : Knock::unknown;
  std::string answer;
  bool more = connection->send(get_request(ip, port, "/health"));
  while (more && answer.size() < kVersion.size() + kStatusDigits) more = connection->receive(answer);
  if (more) return answer.substr(kVersion.size(), kStatusDigits) == "503" ? Knock::refused : Knock::open;
  // Who hangs up without a word is on its way out.
  return std::chrono::steady_clock::now() < deadline ? Knock::refused : Knock::unknown;
}

}  // namespace reconciler
