#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/// To be loaded before a program (LD_PRELOAD): its calendar jumps 400 days ahead and back, each for a tenth of a
/// second, as a machine's clock does when it is set. The monotonic clock is left alone. Who measures an interval by the
/// calendar is wrong by a year.
namespace {

constexpr time_t kFar = 400L * 24 * 3600;
constexpr long kTenth = 100'000'000;

void jump(timespec& time) {
  timespec monotonic{};
  ::syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &monotonic);
  const long tenths = monotonic.tv_sec * 10 + monotonic.tv_nsec / kTenth;
  constexpr time_t kJumps[]{0, kFar, 0, -kFar};
  time.tv_sec += kJumps[tenths % 4];
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const auto outcome = static_cast<int>(::syscall(SYS_clock_gettime, clock, time));
  if (outcome == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) jump(*time);
  return outcome;
}

int gettimeofday(timeval* time, void* /*zone*/) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  *time = {now.tv_sec, now.tv_nsec / 1000};
  return 0;
}

time_t time(time_t* out) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != nullptr) *out = now.tv_sec;
  return now.tv_sec;
}
}
