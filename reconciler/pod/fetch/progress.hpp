#pragma once
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fetch {

enum class State { waiting, downloading, verifying, done, failed };

[[nodiscard]] std::string_view to_string(State state);

/// How far a run is. Written by the thread that downloads, read by others at any time (thread-safe).
class Progress {
 public:
  void set_state(State state) { state_ = state; }
  [[nodiscard]] State state() const { return state_; }

  /// The sum over all files, once it is known.
  void set_total(std::uint64_t bytes) { total_ = static_cast<std::int64_t>(bytes); }
  [[nodiscard]] std::optional<std::uint64_t> total() const;

  /// Bytes of the present file that are on the volume.
  void set_file_bytes(std::uint64_t bytes) { file_bytes_ = bytes; }
  /// The present file is complete with `bytes`.
  void finish_file(std::uint64_t bytes);
  /// Bytes of all files on the volume.
  [[nodiscard]] std::uint64_t done() const { return finished_bytes_ + file_bytes_; }

  void count_fetched(std::uint64_t bytes) { fetched_ += bytes; }
  /// Bytes that came over the network in this run.
  [[nodiscard]] std::uint64_t fetched() const { return fetched_; }

  /// The body of `GET /progress`.
  [[nodiscard]] std::string to_json() const;

 private:
  std::atomic<State> state_{State::waiting};
  std::atomic<std::int64_t> total_{-1};
  std::atomic<std::uint64_t> file_bytes_{0};
  std::atomic<std::uint64_t> finished_bytes_{0};
  std::atomic<std::uint64_t> fetched_{0};
};

/// "1.5 GiB", "312 KiB", "17 B".
[[nodiscard]] std::string human_bytes(std::uint64_t bytes);
/// "1h02m", "3m20s", "42s".
[[nodiscard]] std::string human_seconds(std::uint64_t seconds);

}  // namespace fetch
