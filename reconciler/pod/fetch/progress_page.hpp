#pragma once
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "common/net/server.hpp"
#include "reconciler/pod/fetch/progress.hpp"

namespace fetch {

/// Serves `GET /progress`, and `GET /healthz`, as long as it lives. A page that cannot be served is no reason not to
/// download: then there is none.
class ProgressPage {
 public:
  /// Nowhere when `listen` is empty.
  ProgressPage(const std::string& listen, const Progress& progress);
  ~ProgressPage();
  ProgressPage(const ProgressPage&) = delete;
  ProgressPage& operator=(const ProgressPage&) = delete;

  /// From now on the page holds `result`, a JSON object, too. If somebody has been asking of late, waits for the next
  /// request, a second at most and until `stop`: the kubelet would tell the end of the Pod a second or two later.
  void tell(std::string result, const std::stop_token& stop);

 private:
  [[nodiscard]] net::Response answer();

  const Progress& progress_;
  std::mutex mutex_;  // guards all below
  std::condition_variable_any told_;
  std::string result_;
  bool is_told_ = false;
  std::optional<std::chrono::steady_clock::time_point> asked_;
  std::optional<net::Server> server_;
};

}  // namespace fetch
