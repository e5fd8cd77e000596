#include "reconciler/pod/fetch/hasher.hpp"

#include <pthread.h>

#include <algorithm>

namespace fetch {
namespace {

constexpr std::size_t kBlock = std::size_t{512} << 10U;  // a multiple of SHA-256's 64 bytes
constexpr std::uint64_t kWindow = std::uint64_t{8} << 20U;
// What a node that loses its power loses at most, whichever is less: bytes on a fast link, time on a thin one.
constexpr std::uint64_t kDurableBytes = std::uint64_t{256} << 20U;
constexpr std::chrono::seconds kDurableTime{10};

}  // namespace

Hasher::Hasher(Partial& partial) : partial_(partial), buffer_(kBlock, '\0'), thread_([this] { run(); }) {
  pthread_setname_np(thread_.native_handle(), "hash");
}

Hasher::~Hasher() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Hasher::start(const Checkpoint& from) {
  std::unique_lock lock(mutex_);
  frontier_ = 0;  // nothing more to do for the thread
  wake_.wait(lock, [this] { return !busy_; });
  identity_ = from.identity;
  saved_ = {};
  if (hash_.restore(from.hash, from.hashed)) saved_ = {from.hash, from.hashed};
  written_back_ = settled_ = durable_ = hash_.size();
  durable_at_ = std::chrono::steady_clock::now();
  failure_.reset();
}

void Hasher::advance(std::uint64_t frontier) {
  {
    const std::lock_guard lock(mutex_);
    if (frontier <= frontier_) return;
    frontier_ = frontier;
    if (busy_) return;  // it looks again by itself
  }
  wake_.notify_all();
}

Hasher::Saved Hasher::saved() const {
  const std::lock_guard lock(mutex_);
  return saved_;
}

std::optional<Failure> Hasher::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

Try<std::string> Hasher::finish(std::uint64_t size) {
  advance(size);
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [&] { return failure_ || (!busy_ && hash_.size() >= size); });
  if (failure_) return std::unexpected(*failure_);
  return hash_.finish();
}

void Hasher::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stop_ || (!failure_ && hash_.size() < frontier_); });
    if (stop_) return;
    busy_ = true;
    hash_next(lock);
    if (!failure_ && durable_is_due()) make_durable(lock);
    busy_ = false;
    wake_.notify_all();
  }
}

void Hasher::hash_next(std::unique_lock<std::mutex>& lock) {
  const auto begin = hash_.size();
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(kBlock - begin % kBlock, frontier_ - begin));
  lock.unlock();
  const auto got = partial_.read_at(begin, buffer_.data(), wanted);
  hash_.update(buffer_.data(), got);
  auto settled = settle(begin + got);
  lock.lock();
  if (!settled) {
    failure_ = std::move(settled.error());
    return;
  }
  if (got < wanted) {
    failure_ = Failure{Reason::write_failed, {"reads back shorter than it was written", "partial file", ""}, {}};
    return;
  }
  if (auto state = hash_.save()) saved_ = {std::move(*state), hash_.size()};
}

Try<> Hasher::settle(std::uint64_t hashed) {
  if (hashed < written_back_ + kWindow) return {};
  const Span fresh{written_back_, hashed};
  const Span settled{settled_, written_back_};
  settled_ = written_back_;
  written_back_ = hashed;
  return partial_.write_back(fresh, settled);
}

bool Hasher::durable_is_due() const {
  return saved_.hashed >= durable_ + kDurableBytes ||
         (saved_.hashed > durable_ && std::chrono::steady_clock::now() - durable_at_ >= kDurableTime);
}

void Hasher::make_durable(std::unique_lock<std::mutex>& lock) {
  const Checkpoint checkpoint{identity_, {Span{0, saved_.hashed}}, saved_.hash, saved_.hashed};
  lock.unlock();
  auto written = partial_.write_durable(checkpoint);
  lock.lock();
  durable_ = checkpoint.hashed;
  durable_at_ = std::chrono::steady_clock::now();
  if (!written) failure_ = std::move(written.error());
}

}  // namespace fetch
