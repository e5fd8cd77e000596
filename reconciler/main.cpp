#include <malloc.h>

#include <cstdio>

#include "common/base/log.hpp"
#include "common/base/signals.hpp"
#include "reconciler/options.hpp"
#include "reconciler/program.hpp"

int main(int argc, char** argv) {
  // One arena per thread would multiply what a list costs for a moment.
  ::mallopt(M_ARENA_MAX, 2);
  // Else the first page of a list that is given back raises it, and the next ones lie between what is kept of them.
  ::mallopt(M_MMAP_THRESHOLD, 128 << 10);
  // Every larger buffer first sweeps up what lies in the fast bins, which a pass fills with hundreds of small ones: a
  // fifth of its time.
  ::mallopt(M_MXFAST, 0);
  const base::Signals signals;
  const auto [options, exit_code] = reconciler::parse_options(argc, argv);
  if (exit_code >= 0) return exit_code;
  if (!base::log::set_level(options.log_level)) return 2;
  auto program = reconciler::Program::make(options, {});
  if (!program) {
    base::log::error("cannot-start", {{"problem", program.error().to_string()}});
    return 1;
  }
  if (const auto started = (*program)->start(); !started) {
    base::log::error("cannot-start", {{"problem", started.error().to_string()}});
    return 1;
  }
  const int signal = signals.wait();
  base::log::info("stopping", {{"signal", signal}});
  (*program)->stop();
  return 0;
}
