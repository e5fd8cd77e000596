#include "reconciler/apply/event_outbox.hpp"

#include <utility>

#include "common/base/log.hpp"

namespace reconciler {
namespace {

/// While passes wait: about twenty a second.
constexpr std::chrono::milliseconds kPace{50};
/// A few megabytes. An API server that takes none for so long has other worries.
constexpr std::size_t kMostPending = 4096;

}  // namespace

void EventOutbox::add(std::string path, std::string body) {
  const std::lock_guard lock(mutex_);
  if (pending_.size() >= kMostPending) pending_.pop_front();
  pending_.push_back({std::move(path), std::move(body)});
  changed_.notify_one();
}

void EventOutbox::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopped_ || !pending_.empty(); });
    if (stopped_) return;
    const auto next = std::move(pending_.front());
    pending_.pop_front();
    lock.unlock();
    post(next);
    if (!calm_()) stopping_.wait_for(kPace);
    lock.lock();
  }
}

void EventOutbox::post(const Pending& event) {
  const auto response = api_.create(event.path, event.body);
  if (response && response->ok()) return;
  const auto problem = response ? net::to_error(*response, event.path) : response.error();
  base::log::debug("event-not-recorded", {{"problem", problem.to_string()}});
}

void EventOutbox::stop() {
  stopping_.cancel();
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

}  // namespace reconciler
