#pragma once
#include <condition_variable>
#include <mutex>
#include <thread>

#include "reconciler/pod/fetch/progress.hpp"

namespace fetch {

/// Tells people how far a download is, from a thread of its own: a bar on a terminal, else a log line per 10 s.
class Reporter {
 public:
  Reporter(const Progress& progress, bool terminal);
  ~Reporter();
  Reporter(const Reporter&) = delete;
  Reporter& operator=(const Reporter&) = delete;

 private:
  void run();

  const Progress& progress_;
  bool terminal_;
  std::mutex mutex_;  // guards stop_
  std::condition_variable wake_;
  bool stop_ = false;
  std::thread thread_;
};

/// "[=====>     ]  42%  1.7 GiB of 4.0 GiB  85 MiB/s  28s left": at most 79 columns.
[[nodiscard]] std::string progress_bar(std::uint64_t done, std::optional<std::uint64_t> total, double rate);

}  // namespace fetch
