#include "reconciler/pod/fetch/reporter.hpp"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "common/base/log.hpp"

namespace fetch {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kBarEvery{200};
constexpr std::chrono::milliseconds kLineEvery{10'000};
constexpr std::size_t kBarWidth = 26;

/// Bytes per second, smoothed over some turns.
class Rate {
 public:
  explicit Rate(std::uint64_t bytes) : bytes_(bytes) {}
  double update(std::uint64_t bytes, double seconds) {
    const double now = static_cast<double>(bytes - std::min(bytes, bytes_)) / std::max(seconds, 1e-3);
    bytes_ = bytes;
    rate_ = rate_ == 0 ? now : 0.7 * rate_ + 0.3 * now;
    return rate_;
  }

 private:
  std::uint64_t bytes_;
  double rate_ = 0;
};

std::string left(std::uint64_t done, std::optional<std::uint64_t> total, double rate) {
  if (!total || rate < 1 || *total < done) return "?";
  return human_seconds(static_cast<std::uint64_t>(static_cast<double>(*total - done) / rate));
}

}  // namespace

std::string progress_bar(std::uint64_t done, std::optional<std::uint64_t> total, double rate) {
  const auto speed = human_bytes(static_cast<std::uint64_t>(rate)) + "/s";
  if (!total || *total == 0) return human_bytes(done) + "  " + speed;
  const auto share = std::min(1.0, static_cast<double>(done) / static_cast<double>(*total));
  const auto filled = static_cast<std::size_t>(share * static_cast<double>(kBarWidth));
  std::string bar(filled, '=');
  if (filled < kBarWidth) bar += '>';
  bar.resize(kBarWidth, ' ');
  char percent[8];
  std::snprintf(percent, sizeof percent, "%3d%%", static_cast<int>(share * 100));
  return "[" + bar + "] " + percent + "  " + human_bytes(done) + " of " + human_bytes(*total) + "  " + speed + "  " +
         left(done, total, rate) + " left";
}

Reporter::Reporter(const Progress& progress, bool terminal)
    : progress_(progress), terminal_(terminal), thread_([this] { run(); }) {
  pthread_setname_np(thread_.native_handle(), "report");
}

Reporter::~Reporter() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Reporter::run() {
  Rate rate(progress_.done());
  auto last = steady_clock::now();
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, terminal_ ? kBarEvery : kLineEvery, [this] { return stop_; })) {
    const auto now = steady_clock::now();
    const auto done = progress_.done();
    const auto speed = rate.update(done, std::chrono::duration<double>(now - last).count());
    last = now;
    const auto total = progress_.total();
    if (terminal_) {
      // The cursor goes back, so that a line of the log takes the bar's place.
      std::fprintf(stderr, "\r%-79s\r", progress_bar(done, total, speed).substr(0, 79).c_str());
      std::fflush(stderr);
    } else {
      base::log::info("progress", {{"state", to_string(progress_.state())},
                                   {"bytesDone", done},
                                   {"bytesTotal", total ? std::to_string(*total) : "?"},
                                   {"rate", human_bytes(static_cast<std::uint64_t>(speed)) + "/s"},
                                   {"left", left(done, total, speed)}});
    }
  }
  if (terminal_) std::fprintf(stderr, "\r%-79s\r", "");
}

}  // namespace fetch
