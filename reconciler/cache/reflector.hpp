#pragma once
#include <atomic>
#include <chrono>
#include <functional>
#include <string>

#include "common/net/api_client.hpp"
#include "reconciler/cache/cache.hpp"

namespace reconciler {

/// Keeps one resource of one namespace (or of all) in the cache: a list in pages, then watches that follow one another
/// by resourceVersion, and a new list when the server says that it is too far behind (410). One thread of its own.
///
///     list ──ok──▶ watch ──ended, cut──▶ watch from the last version seen
///      ▲  ▲          │
///      │  └─backoff──┤ failed several times in a row
///      └───jitter────┘ 410
class Reflector {
 public:
  struct Timing {
    /// A list page: what it costs in memory, about tenfold its text, is the peak of a start.
    int page_size = 100;
    std::chrono::seconds watch_timeout{540};
    std::chrono::milliseconds watch_silence{std::chrono::seconds{150}};
    std::chrono::milliseconds first_retry{250};
    std::chrono::milliseconds longest_retry{std::chrono::seconds{15}};
  };

  /// Called with the resource's word and a reason each time that its list or watch starts again after an end that was
  /// not planned.
  using Restarted = std::function<void(std::string_view resource, std::string_view reason)>;

  Reflector(net::ApiClient& api, ClusterCache& cache, Resource resource, std::string name_space, Timing timing,
            Restarted restarted = {});

  /// Until `stop`.
  void run();
  /// From any thread; `run` returns soon after.
  void stop();

  /// The first list is in the cache.
  [[nodiscard]] bool synced() const { return synced_; }

 private:
  [[nodiscard]] bool list();
  /// False when a list is needed.
  [[nodiscard]] bool watch();
  void take_event(std::string_view type, const base::JsonValue& object);
  void note(std::string_view what, const std::string& problem);

  net::ApiClient& api_;
  ClusterCache& cache_;
  const Resource resource_;
  const std::string namespace_;
  const Timing timing_;
  const Restarted restarted_;
  net::Cancellation cancellation_;
  std::atomic<bool> synced_ = false;
  std::string version_;
  unsigned failures_ = 0;
};

}  // namespace reconciler
