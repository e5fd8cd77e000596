#include "reconciler/pod/fetch/progress_page.hpp"

#include <utility>

#include "common/base/log.hpp"

namespace fetch {
namespace {

using std::chrono::steady_clock;

/// The reconciler asks every 2 s, and more often towards the end.
constexpr std::chrono::seconds kOfLate{3};
constexpr std::chrono::seconds kTellFor{1};
constexpr std::chrono::milliseconds kStopFor{100};

}  // namespace

ProgressPage::ProgressPage(const std::string& listen, const Progress& progress) : progress_(progress) {
  if (listen.empty()) return;
  server_.emplace(net::ServerOptions{.listen = listen, .workers = 1});
  server_->route("GET", "/progress", [this](const net::Request&) { return answer(); });
  server_->route("GET", "/healthz", [](const net::Request&) { return net::plain(200, "ok"); });
  const auto started = server_->start();
  if (!started) base::log::warning("no-progress-page", {{"error", started.error().to_string()}});
}

ProgressPage::~ProgressPage() {
  if (server_) server_->stop(kStopFor);
}

net::Response ProgressPage::answer() {
  const std::lock_guard lock(mutex_);
  asked_ = steady_clock::now();
  std::string body = progress_.to_json();
  if (!result_.empty()) {
    body.pop_back();
    body += ",\"result\":" + result_ + "}";
    is_told_ = true;
    told_.notify_all();
  }
  return {.body = std::move(body)};
}

void ProgressPage::tell(std::string result, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  result_ = std::move(result);
  if (!asked_ || steady_clock::now() - *asked_ > kOfLate) return;
  told_.wait_for(lock, stop, kTellFor, [this] { return is_told_; });
}

}  // namespace fetch
