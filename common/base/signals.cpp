#include "common/base/signals.hpp"

#include <csignal>
#include <ctime>

namespace base {
namespace {

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

Signals::Signals() {
  std::signal(SIGPIPE, SIG_IGN);
  const sigset_t set = stop_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

int Signals::wait() const {
  const sigset_t set = stop_signals();
  int number = 0;
  while (sigwait(&set, &number) != 0) {
  }
  return number;
}

std::optional<int> Signals::wait_for(std::chrono::milliseconds timeout) const {
  const sigset_t set = stop_signals();
  const timespec limit{timeout.count() / 1000, static_cast<long>(timeout.count() % 1000) * 1'000'000};
  const int number = sigtimedwait(&set, nullptr, &limit);
  if (number <= 0) return std::nullopt;
  return number;
}

}  // namespace base
