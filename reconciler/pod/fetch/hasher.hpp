#pragma once
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "reconciler/pod/fetch/partial.hpp"
#include "reconciler/pod/fetch/saved_hash.hpp"

namespace fetch {

/// Hashes a partial while it grows, on a thread of its own: reads behind the frontier what the page cache still holds,
/// starts the write-back, drops the pages and makes durable checkpoints. Public members are called by one thread.
class Hasher {
 public:
  explicit Hasher(Partial& partial);
  ~Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  /// Starts from a checkpoint (an empty one: from byte 0). What ran before is given up.
  void start(const Checkpoint& from);
  /// Bytes [0, frontier) are there.
  void advance(std::uint64_t frontier);
  /// Where a resumed hash would begin, for a checkpoint.
  struct Saved {
    std::string hash;
    std::uint64_t hashed = 0;
  };
  [[nodiscard]] Saved saved() const;
  /// What the volume said, if it said no.
  [[nodiscard]] std::optional<Failure> failure() const;
  /// Waits for the hash of the first `size` bytes: 64 hex digits.
  [[nodiscard]] Try<std::string> finish(std::uint64_t size);

 private:
  void run();
  void hash_next(std::unique_lock<std::mutex>& lock);
  [[nodiscard]] Try<> settle(std::uint64_t hashed);
  [[nodiscard]] bool durable_is_due() const;
  void make_durable(std::unique_lock<std::mutex>& lock);

  Partial& partial_;
  mutable std::mutex mutex_;  // guards all below
  std::condition_variable wake_;
  bool stop_ = false;
  bool busy_ = false;  // the thread works outside of the lock on the state below
  std::uint64_t frontier_ = 0;
  Identity identity_;
  SavedHash hash_;
  Saved saved_;
  std::uint64_t written_back_ = 0;
  std::uint64_t settled_ = 0;
  std::uint64_t durable_ = 0;
  std::chrono::steady_clock::time_point durable_at_;
  std::optional<Failure> failure_;
  std::string buffer_;
  std::thread thread_;
};

}  // namespace fetch
