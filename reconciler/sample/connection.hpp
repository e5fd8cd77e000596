#pragma once
#include <chrono>
#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace reconciler {

/// A TCP connection to a Pod or a Service by its IP address. Nothing waits beyond `deadline`. For one thread.
class Connection {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// Connected, or the errno of it: ETIMEDOUT when it took too long, EINVAL when `ip` is no address.
  [[nodiscard]] static std::expected<Connection, int> open(const std::string& ip, int port, Time deadline);
  Connection(Connection&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)), deadline_(other.deadline_) {}
  Connection& operator=(Connection&&) = delete;
  ~Connection();

  void set_deadline(Time deadline) { deadline_ = deadline; }
  /// False when not all of it could be sent.
  [[nodiscard]] bool send(std::string_view text);
  /// Appends what comes next to `text`. False at the end of it all, in time or not.
  [[nodiscard]] bool receive(std::string& text);
  /// Appends until the head of an HTTP answer is in `text`: its size, or nothing when none of 64 KiB or less came.
  [[nodiscard]] std::optional<std::size_t> receive_head(std::string& text);

 private:
  Connection(int descriptor, Time deadline) : descriptor_(descriptor), deadline_(deadline) {}
  [[nodiscard]] bool wait_for(short what) const;

  int descriptor_;
  Time deadline_;
};

}  // namespace reconciler
