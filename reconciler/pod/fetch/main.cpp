#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <stop_token>
#include <thread>

#include "common/base/log.hpp"
#include "common/base/signals.hpp"
#include "reconciler/pod/fetch/flags.hpp"
#include "reconciler/pod/fetch/progress_page.hpp"
#include "reconciler/pod/fetch/reporter.hpp"
#include "reconciler/pod/fetch/run.hpp"

namespace {

/// SIGTERM and SIGINT ask the run to stop; what it has is kept for the next one.
class StopOnSignal {
 public:
  explicit StopOnSignal(const base::Signals& signals)
      : thread_([this, &signals] {
          const int number = signals.wait();
          if (!finished_) base::log::info("stopping", {{"signal", number}});
          source_.request_stop();
        }) {
    pthread_setname_np(thread_.native_handle(), "signals");
  }
  ~StopOnSignal() {
    finished_ = true;
    pthread_kill(thread_.native_handle(), SIGTERM);
    thread_.join();
  }
  StopOnSignal(const StopOnSignal&) = delete;
  StopOnSignal& operator=(const StopOnSignal&) = delete;
  [[nodiscard]] std::stop_token token() const { return source_.get_token(); }

 private:
  std::stop_source source_;
  std::atomic<bool> finished_{false};
  std::thread thread_;
};

}  // namespace

int main(int argc, char** argv) {
  const base::Signals signals;
  const auto line = fetch::read_command_line(argc, argv);
  if (!line) return line.error();
  ::umask(0002);  // the volume's group (fsGroup) may write what we make
  fetch::Progress progress;
  fetch::ProgressPage page(line->listen, progress);
  const StopOnSignal stop(signals);
  fetch::Outcome outcome;
  {
    const fetch::Reporter reporter(progress, ::isatty(STDERR_FILENO) == 1);
    outcome = fetch::run(line->options, progress, stop.token());
  }
  const auto text = fetch::to_json(outcome);
  std::printf("%s\n", text.c_str());
  std::fflush(stdout);
  if (!line->termination_log.empty()) std::ofstream(line->termination_log) << text;
  const int exit_code = fetch::info_of(outcome.reason).exit_code;
  if (exit_code == 0) page.tell(text, stop.token());
  return exit_code;
}
