#include "reconciler/sample/knock.hpp"

#include <cerrno>
#include <chrono>
#include <utility>

#include "reconciler/sample/exchange.hpp"

namespace reconciler {
namespace {

/// Longer than the second after which the kernel sends its SYN again: in a Pod the refusal of the first one is often
/// not heard (Linux 6.18, behind a bridge: 18 of 20 refusals came after 1.02 s, two not at all), and mostly the second
/// finds the Service open.
constexpr std::chrono::milliseconds kPatience{2500};

Knock read(const Answer& answer) {
  switch (answer.end) {
    case Answer::End::not_connected:
      return answer.error == ECONNREFUSED ? Knock::refused : Knock::unknown;
    case Answer::End::cut:  // who hangs up without a word is on its way out
      return Knock::refused;
    case Answer::End::late:
      return Knock::unknown;
    case Answer::End::complete:
      return answer.status == 503 ? Knock::refused : Knock::open;
  }
  std::unreachable();
}

}  // namespace

Knock knock_at(const std::string& ip, int port) {
  Knock knock = Knock::unknown;
  constexpr Terms kTerms{.until = Terms::Until::head, .connect_for = kPatience, .patience = kPatience};
  ask_all({{ip, port, "/health"}}, kTerms, [&](std::size_t, const Answer& answer) { knock = read(answer); });
  return knock;
}

}  // namespace reconciler
