#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <set>
#include <utility>

namespace net {

/// Memory for large bodies, shared by all connections: who finds it used up waits in line, so that many large requests
/// at once cost time and not memory. The smallest is first in line: nobody of modest size waits behind giants.
/// Thread-safe.
class BodyBudget {
 public:
  /// Bodies up to here cost nothing: there are few enough connections.
  static constexpr std::size_t kSmall = std::size_t{32} << 10U;

  explicit BodyBudget(std::size_t bytes) : free_(bytes), total_(bytes) {}

  /// Takes `bytes` for connection `id`; false when it must wait, and it stands in line then. One larger than the whole
  /// budget gets all of it.
  [[nodiscard]] bool take(std::size_t bytes, std::uint64_t id);
  /// Gives back what `take` was asked for, and wakes those in line.
  void give_back(std::size_t bytes, const std::function<void(std::uint64_t id)>& wake);

 private:
  /// Bytes and id: a connection stands there once, however often it tries.
  using Line = std::set<std::pair<std::size_t, std::uint64_t>>;

  [[nodiscard]] std::size_t cost(std::size_t bytes) const;

  std::mutex mutex_;  // guards all below
  std::size_t free_;
  std::size_t total_;
  Line line_;
};

}  // namespace net
