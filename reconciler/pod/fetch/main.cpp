#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <optional>
#include <stop_token>
#include <thread>

#include "common/base/log.hpp"
#include "common/base/signals.hpp"
#include "common/net/server.hpp"
#include "reconciler/pod/fetch/flags.hpp"
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

/// A progress page that cannot be served is no reason not to download.
void serve_progress(std::optional<net::Server>& server, const std::string& listen, const fetch::Progress& progress) {
  if (listen.empty()) return;
  server.emplace(net::ServerOptions{.listen = listen, .workers = 1});
  server->route("GET", "/progress",
                [&progress](const net::Request&) { return net::Response{.body = progress.to_json()}; });
  server->route("GET", "/healthz", [](const net::Request&) { return net::plain(200, "ok"); });
  const auto started = server->start();
  if (!started) base::log::warning("no-progress-page", {{"error", started.error().to_string()}});
}

}  // namespace

int main(int argc, char** argv) {
  const base::Signals signals;
  const auto line = fetch::read_command_line(argc, argv);
  if (!line) return line.error();
  ::umask(0002);  // the volume's group (fsGroup) may write what we make
  fetch::Progress progress;
  std::optional<net::Server> server;
  serve_progress(server, line->listen, progress);
  fetch::Outcome outcome;
  {
    const StopOnSignal stop(signals);
    const fetch::Reporter reporter(progress, ::isatty(STDERR_FILENO) == 1);
    outcome = fetch::run(line->options, progress, stop.token());
  }
  if (server) server->stop(std::chrono::milliseconds{100});
  const auto text = fetch::to_json(outcome);
  std::printf("%s\n", text.c_str());
  if (!line->termination_log.empty()) std::ofstream(line->termination_log) << text;
  return fetch::info_of(outcome.reason).exit_code;
}
