#include "reconciler/cache/reflector.hpp"

#include <malloc.h>

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/backoff.hpp"
#include "common/base/log.hpp"

namespace reconciler {
namespace {

/// After so many watches in a row that never began, the resourceVersion itself is suspect.
constexpr unsigned kFailuresBeforeList = 5;

}  // namespace

Reflector::Reflector(net::ApiClient& api, ClusterCache& cache, Resource resource, std::string name_space, Timing timing,
                     Restarted restarted)
    : api_(api),
      cache_(cache),
      resource_(resource),
      namespace_(std::move(name_space)),
      timing_(timing),
      restarted_(std::move(restarted)) {}

void Reflector::stop() { cancellation_.cancel(); }

void Reflector::run() {
  while (!cancellation_.cancelled()) {
    if (!list()) continue;
    while (!cancellation_.cancelled() && watch()) {
    }
  }
}

bool Reflector::list() {
  const auto path = collection_path(resource_, namespace_);
  const net::ListOptions options{.label_selector = std::string(info(resource_).label_selector),
                                 .field_selector = {},
                                 .page_size = timing_.page_size};
  std::set<std::string, std::less<>> listed;
  const auto done = api_.list(path, options, [&](const base::JsonValue& object) {
    listed.insert(base::string_at(object, {"metadata", "namespace"}) + "/" +
                  base::string_at(object, {"metadata", "name"}));
    cache_.upsert_listed(resource_, object);
  });
  const bool good = done && done->status == 200;
  if (!good) {
    if (cancellation_.cancelled()) return false;
    const auto problem = done ? net::to_error(done->refusal, path) : done.error();
    note("list-failed", problem.to_string());
    base::Backoff backoff(timing_.first_retry * (1 << std::min(failures_, 8U)), timing_.longest_retry);
    ++failures_;
    const auto floor = done ? done->refusal.retry_after.value_or(std::chrono::seconds{0}) : std::chrono::seconds{0};
    cancellation_.wait_for(std::max<std::chrono::milliseconds>(std::min(backoff.next(), timing_.longest_retry), floor));
    return false;
  }
  cache_.retain(resource_, namespace_, listed);
  version_ = done->resource_version;
  failures_ = 0;
  ::malloc_trim(0);  // the pages were the largest thing that this process ever holds
  if (!synced_.exchange(true))
    base::log::debug("listed",
                     {{"resource", info(resource_).word}, {"namespace", namespace_}, {"objects", listed.size()}});
  return true;
}

bool Reflector::watch() {
  net::WatchOptions options{.label_selector = std::string(info(resource_).label_selector),
                            .field_selector = {},
                            .resource_version = version_,
                            .timeout = timing_.watch_timeout,
                            .read_timeout = timing_.watch_silence};
  const auto began = std::chrono::steady_clock::now();
  const auto end = api_.watch(
      collection_path(resource_, namespace_), options,
      [this](std::string_view type, const base::JsonValue& object) { return take_event(type, object), true; },
      cancellation_);
  switch (end.kind) {
    case net::WatchEnd::Kind::cancelled:
      return false;
    case net::WatchEnd::Kind::ended:
      failures_ = 0;
      if (!end.message.empty() && restarted_) restarted_(info(resource_).word, "cut");
      // A server that ends every watch at once must not be asked in a tight loop.
      if (std::chrono::steady_clock::now() - began < std::chrono::seconds{1})
        cancellation_.wait_for(timing_.first_retry);
      return true;
    case net::WatchEnd::Kind::expired:
      if (restarted_) restarted_(info(resource_).word, "expired");
      // Everybody's watch expires at once when a server restarts: spread the lists.
      cancellation_.wait_for(base::Backoff(timing_.first_retry * 2, timing_.first_retry * 2).next());
      return false;
    case net::WatchEnd::Kind::failed:
      break;
  }
  if (restarted_) restarted_(info(resource_).word, "failed");
  note("watch-failed", end.message);
  base::Backoff backoff(timing_.first_retry * (1 << std::min(failures_, 8U)), timing_.longest_retry);
  ++failures_;
  cancellation_.wait_for(std::max<std::chrono::milliseconds>(std::min(backoff.next(), timing_.longest_retry),
                                                             end.retry_after.value_or(std::chrono::seconds{0})));
  return failures_ % kFailuresBeforeList != 0;
}

void Reflector::take_event(std::string_view type, const base::JsonValue& object) {
  failures_ = 0;
  const auto version = base::string_at(object, {"metadata", "resourceVersion"});
  if (!version.empty()) version_ = version;
  if (type == "ADDED" || type == "MODIFIED") {
    cache_.upsert(resource_, object);
  } else if (type == "DELETED") {
    cache_.remove(resource_, object);
  }
}

void Reflector::note(std::string_view what, const std::string& problem) {
  if (failures_ > 0) return;  // one line for each outage
  base::log::warning(what, {{"resource", info(resource_).word}, {"namespace", namespace_}, {"problem", problem}});
}

}  // namespace reconciler
