#include "common/net/server.hpp"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/log.hpp"
#include "common/net/body_budget.hpp"
#include "common/net/connection_table.hpp"
#include "common/net/framer.hpp"
#include "common/net/http_engine.hpp"
#include "common/net/listener.hpp"
#include "common/net/tls_context.hpp"

namespace net {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::uint64_t kWakeTag = 0;
constexpr std::uint64_t kListenerTag = 1;
constexpr std::size_t kReadChunk = std::size_t{64} << 10U;
/// How many requests of one connection are answered before others get their turn.
constexpr int kBurst = 16;
/// What a peer may still send after we refused it, so that it gets to read the answer before a reset.
constexpr std::size_t kMaxDiscarded = std::size_t{8} << 20U;
constexpr milliseconds kLinger{1'000};
/// A large body that holds its share of the budget must be here by then, and must not pause for so long: others wait.
constexpr milliseconds kLargeBodyTime{5'000};
constexpr milliseconds kLargeBodyPause{2'000};
constexpr milliseconds kSweepPeriod{200};
/// Without a connection: wake-ups are what a server costs at rest. One comes all the same, should the thread that takes
/// the next connection be long at work.
constexpr milliseconds kRestPeriod{30'000};
/// A fresh connection that a client opened just before the end may still send its first request.
constexpr milliseconds kFreshGrace{500};

/// What became of a connection in a step: go on with it, or it is out of this thread's hands.
enum class Step { again, gone };

/// An idle connection holds no buffer. Assigning an empty text would keep it.
void free_memory(std::string& text) { std::string().swap(text); }

bool has_unread(const Connection& connection) {
  char byte = 0;
  return ::recv(connection.transport->descriptor(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

}  // namespace

/// The threads share one epoll set (each event goes to one of them), so a ready connection costs no hand-over. Every
/// function that takes a Connection& is called by the one thread that holds it.
class Server::Impl {
 public:
  explicit Impl(ServerOptions options)
      : options_(std::move(options)),
        limits_{options_.max_head_bytes, options_.max_body_bytes},
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        table_(epoll_.get()),
        budget_(options_.large_body_budget),
        wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void route(Route route) { engine_.add(std::move(route)); }
  base::Result<> start();
  void stop(milliseconds grace);
  void begin_drain() { draining_ = true; }
  std::uint16_t port() const { return port_; }
  ServerStats stats() const { return {table_.size(), accepted_, failed_handshakes_, refused_}; }

 private:
  void run();
  void take_up(std::uint64_t tag);
  void run_slow();
  void watch(int descriptor, std::uint64_t tag, std::uint32_t events, int operation) const;

  void accept_all();
  void accept_pending();  // caller holds listener_mutex_
  void admit(Accepted accepted);
  void advance(Connection& connection);
  Step advance_once(Connection& connection);
  Step handshake(Connection& connection);
  Step read(Connection& connection);
  Step judge(Connection& connection);
  Step await_body(Connection& connection, const Frame& frame);
  Step receive(Connection& connection, std::size_t at_most);
  Step answer(Connection& connection, Frame frame);
  Step write(Connection& connection);
  Step linger(Connection& connection);

  Step refuse(Connection& connection, const Refusal& refusal);
  void begin_writing(Connection& connection, std::string bytes, bool close);
  Step park(Connection& connection, Interest interest);
  Step wait_for(Connection& connection, IoResult::State state);
  Step close(Connection& connection);
  void release(Connection& connection);

  void sweep();
  void expire(Connection& connection);
  void close_idle(base::SteadyTime stopped_at);
  void cut();

  ServerOptions options_;
  FrameLimits limits_;
  HttpEngine engine_;
  base::Descriptor epoll_;
  ConnectionTable table_;
  BodyBudget budget_;
  base::Descriptor wake_;

  std::mutex listener_mutex_;  // guards listener_
  Listener listener_;
  std::atomic<std::uint16_t> port_{0};
  std::atomic<bool> listener_paused_{false};

  std::vector<std::thread> threads_;
  std::mutex slow_mutex_;  // guards slow_queue_
  std::condition_variable slow_ready_;
  std::deque<Connection*> slow_queue_;

  std::atomic<bool> draining_{false};
  std::atomic<bool> cutting_{false};
  std::atomic<bool> ended_{false};
  std::atomic<steady_clock::rep> next_sweep_{0};
  std::atomic<std::uint64_t> accepted_{0};
  std::atomic<std::uint64_t> failed_handshakes_{0};
  std::atomic<std::uint64_t> refused_{0};
};

base::Result<> Server::Impl::start() {
  auto listener = Listener::open(options_.listen);
  if (!listener) return std::unexpected(listener.error());
  listener_ = std::move(*listener);
  port_ = listener_.port();
  watch(wake_.get(), kWakeTag, EPOLLIN, EPOLL_CTL_ADD);
  watch(listener_.descriptor(), kListenerTag, EPOLLIN | EPOLLONESHOT, EPOLL_CTL_ADD);
  for (std::size_t i = 0; i < std::max<std::size_t>(1, options_.workers); ++i) {
    threads_.emplace_back([this] { run(); });
    pthread_setname_np(threads_.back().native_handle(), "http");
  }
  const bool has_slow = engine_.has_slow_routes() || options_.slow_body_bytes < options_.max_body_bytes;
  const std::size_t slow = has_slow ? std::max<std::size_t>(1, options_.slow_workers) : 0;
  for (std::size_t i = 0; i < slow; ++i) {
    threads_.emplace_back([this] { run_slow(); });
    pthread_setname_np(threads_.back().native_handle(), "http-slow");
  }
  return {};
}

void Server::Impl::watch(int descriptor, std::uint64_t tag, std::uint32_t events, int operation) const {
  epoll_event event{};
  event.events = events;
  event.data.u64 = tag;
  ::epoll_ctl(epoll_.get(), operation, descriptor, &event);
}

void Server::Impl::run() {
  std::vector<epoll_event> events(std::max<std::size_t>(1, options_.events_per_wakeup));
  while (!ended_) {
    const bool has_deadlines = table_.size() > 0 || listener_paused_;
    const milliseconds wait = has_deadlines ? 2 * kSweepPeriod : kRestPeriod;
    const int count =
        ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), static_cast<int>(wait.count()));
    for (int i = 0; i < count; ++i) take_up(events[static_cast<std::size_t>(i)].data.u64);
    sweep();
  }
}

void Server::Impl::take_up(std::uint64_t tag) {
  if (tag == kListenerTag) return accept_all();
  if (tag < ConnectionTable::kFirstId) return;
  if (Connection* connection = table_.claim(tag)) advance(*connection);
}

void Server::Impl::run_slow() {
  for (;;) {
    Connection* connection = nullptr;
    {
      std::unique_lock lock(slow_mutex_);
      slow_ready_.wait(lock, [this] { return ended_ || !slow_queue_.empty(); });
      if (slow_queue_.empty()) return;
      connection = slow_queue_.front();
      slow_queue_.pop_front();
    }
    // `judge` has found it whole.
    if (answer(*connection, *frame_request(connection->input, limits_)) == Step::again) advance(*connection);
  }
}

void Server::Impl::accept_all() {
  const std::lock_guard lock(listener_mutex_);
  if (listener_.descriptor() >= 0) accept_pending();
}

void Server::Impl::accept_pending() {
  for (;;) {
    auto accepted = accept_connection(listener_.descriptor());
    if (accepted.descriptor >= 0) {
      admit(std::move(accepted));
      continue;
    }
    if (accepted.error == EMFILE || accepted.error == ENFILE || accepted.error == ENOBUFS || accepted.error == ENOMEM) {
      // Level-triggered, it would come again at once: the next sweep tries again.
      listener_paused_ = true;
      base::log::warning("accept-failed", {{"error", base::errno_text(accepted.error)}});
      return;
    }
    if (accepted.error == EAGAIN || accepted.error == EWOULDBLOCK) break;
    // Anything else concerns the one connection that is gone already.
  }
  watch(listener_.descriptor(), kListenerTag, EPOLLIN | EPOLLONESHOT, EPOLL_CTL_MOD);
}

void Server::Impl::admit(Accepted accepted) {
  ++accepted_;
  if (table_.size() >= options_.max_connections) {
    Connection* nearest = table_.claim_nearest_deadline();
    if (nearest == nullptr) {
      ::close(accepted.descriptor);
      return;
    }
    close(*nearest);
  }
  auto connection = std::make_unique<Connection>();
  connection->transport = options_.tls ? make_tls_transport(accepted.descriptor, options_.tls->current().get())
                                       : make_plain_transport(accepted.descriptor);
  if (!connection->transport) {
    ++failed_handshakes_;
    return;
  }
  connection->remote_addr = std::move(accepted.remote_addr);
  connection->accepted_at = steady_clock::now();
  connection->phase = options_.tls ? Phase::handshaking : Phase::reading;
  connection->deadline = connection->accepted_at + (options_.tls ? options_.handshake_timeout : options_.idle_timeout);
  table_.add(std::move(connection));
}

void Server::Impl::advance(Connection& connection) {
  auto answered_before = connection.served;
  while (advance_once(connection) == Step::again) {
    const bool turn_is_over = connection.served >= answered_before + kBurst && connection.phase == Phase::reading;
    if (!turn_is_over) continue;
    // Its socket is writable, so its event comes at once, behind those of the others.
    if (park(connection, Interest::writable) == Step::gone) return;
    answered_before = connection.served;
  }
}

Step Server::Impl::advance_once(Connection& connection) {
  switch (connection.phase) {
    case Phase::handshaking:
      return handshake(connection);
    case Phase::reading:
      return read(connection);
    case Phase::writing:
      return write(connection);
    case Phase::lingering:
      return linger(connection);
  }
  return close(connection);
}

Step Server::Impl::handshake(Connection& connection) {
  const auto result = connection.transport->handshake();
  if (result.state == IoResult::State::closed) {
    ++failed_handshakes_;
    return close(connection);
  }
  if (result.state != IoResult::State::done) return wait_for(connection, result.state);
  connection.phase = Phase::reading;
  connection.deadline = steady_clock::now() + options_.idle_timeout;
  return Step::again;
}

/// Judges what is there, and reads on while the socket gives.
Step Server::Impl::read(Connection& connection) {
  if (connection.request_size != 0 && connection.input.size() < connection.request_size) {
    return receive(connection, connection.request_size - connection.input.size());
  }
  const auto& input = connection.input;
  const bool has_head = connection.request_size != 0 || head_size(input, connection.searched);
  connection.searched = input.size();
  if (has_head || input.size() >= limits_.head_bytes) return judge(connection);
  return receive(connection, limits_.head_bytes - input.size());
}

Step Server::Impl::judge(Connection& connection) {
  auto frame = frame_request(connection.input, limits_);
  if (!frame) return refuse(connection, frame.error());
  if (!frame->is_complete(connection.input)) return await_body(connection, *frame);
  const bool slow = frame->body_bytes > options_.slow_body_bytes || engine_.is_slow(frame->head.path());
  if (!slow) return answer(connection, std::move(*frame));
  {
    const std::lock_guard lock(slow_mutex_);
    slow_queue_.push_back(&connection);
  }
  slow_ready_.notify_one();
  return Step::gone;
}

Step Server::Impl::await_body(Connection& connection, const Frame& frame) {
  if (connection.reserved == 0) {
    if (!budget_.take(frame.body_bytes, connection.id)) return park(connection, Interest::nothing);
    connection.reserved = frame.body_bytes;
    connection.body_deadline = std::min(connection.deadline, steady_clock::now() + kLargeBodyTime);
  }
  if (frame.head.expects_continue && !connection.sent_continue) {
    connection.sent_continue = true;
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    const auto sent = connection.transport->write(kContinue);
    if (sent.state != IoResult::State::done || sent.bytes != kContinue.size()) return close(connection);
  }
  connection.request_size = frame.total();
  connection.input.reserve(connection.request_size);
  return receive(connection, connection.request_size - connection.input.size());
}

Step Server::Impl::receive(Connection& connection, std::size_t at_most) {
  std::array<char, kReadChunk> chunk;
  const auto result = connection.transport->read(chunk.data(), std::min(at_most, chunk.size()));
  if (result.state == IoResult::State::closed) return close(connection);
  if (result.state != IoResult::State::done) return wait_for(connection, result.state);
  if (connection.input.empty()) connection.deadline = steady_clock::now() + options_.request_timeout;
  if (connection.reserved > BodyBudget::kSmall) {
    connection.deadline = std::min(connection.body_deadline, steady_clock::now() + kLargeBodyPause);
  }
  connection.input.append(chunk.data(), result.bytes);
  return Step::again;
}

/// The request at the start of `input` is complete.
Step Server::Impl::answer(Connection& connection, Frame frame) {
  const auto body = std::string_view(connection.input).substr(frame.head_bytes, frame.body_bytes);
  auto answer = engine_.respond(std::move(frame.head), body, connection.remote_addr, draining_);
  if (connection.input.size() == frame.total()) {
    free_memory(connection.input);
  } else {
    connection.input.erase(0, frame.total());
  }
  begin_writing(connection, std::move(answer.bytes), answer.close);
  return Step::again;
}

Step Server::Impl::refuse(Connection& connection, const Refusal& refusal) {
  ++refused_;
  base::log::debug(
      "request-refused",
      {{"status", refusal.status}, {"reason", std::string(refusal.reason)}, {"remote", connection.remote_addr}});
  begin_writing(connection, to_bytes(refusal), true);
  free_memory(connection.input);
  return Step::again;
}

void Server::Impl::begin_writing(Connection& connection, std::string bytes, bool close) {
  release(connection);
  connection.searched = 0;
  connection.request_size = 0;
  connection.sent_continue = false;
  connection.output = std::move(bytes);
  connection.written = 0;
  connection.close_after_write = close;
  connection.phase = Phase::writing;
  connection.deadline = steady_clock::now() + options_.write_timeout;
}

Step Server::Impl::write(Connection& connection) {
  while (connection.written < connection.output.size()) {
    const auto result = connection.transport->write(std::string_view(connection.output).substr(connection.written));
    if (result.state == IoResult::State::closed) return close(connection);
    if (result.state != IoResult::State::done) return wait_for(connection, result.state);
    connection.written += result.bytes;
  }
  free_memory(connection.output);
  ++connection.served;
  const auto now = steady_clock::now();
  if (connection.close_after_write) {
    connection.transport->finish_writing();
    connection.phase = Phase::lingering;
    connection.deadline = now + kLinger;
    return Step::again;
  }
  connection.phase = Phase::reading;
  connection.deadline = now + (connection.input.empty() ? options_.idle_timeout : options_.request_timeout);
  // With nothing in here the socket will tell of what comes: a read now would find nothing.
  const bool has_more = !connection.input.empty() || connection.transport->has_buffered();
  return has_more ? Step::again : park(connection, Interest::readable);
}

/// Reads and drops until the peer closes: closing with unread bytes sends a reset, which can overtake our answer.
Step Server::Impl::linger(Connection& connection) {
  std::array<char, kReadChunk> chunk;
  while (connection.discarded < kMaxDiscarded) {
    const auto count = ::recv(connection.transport->descriptor(), chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return park(connection, Interest::readable);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    connection.discarded += static_cast<std::size_t>(count);
  }
  return close(connection);
}

Step Server::Impl::wait_for(Connection& connection, IoResult::State state) {
  return park(connection, state == IoResult::State::want_write ? Interest::writable : Interest::readable);
}

Step Server::Impl::park(Connection& connection, Interest interest) {
  if (cutting_) return close(connection);
  return table_.park(connection, interest) ? Step::gone : Step::again;
}

Step Server::Impl::close(Connection& connection) {
  release(connection);
  table_.close(connection);
  return Step::gone;
}

void Server::Impl::release(Connection& connection) {
  const auto bytes = std::exchange(connection.reserved, 0);
  if (bytes != 0) {
    budget_.give_back(bytes, [this](std::uint64_t id) { table_.wake(id); });
  }
}

/// Now and then, by whichever thread comes first: deadlines, and a listener that had run out of descriptors.
void Server::Impl::sweep() {
  const auto now = steady_clock::now();
  auto due = next_sweep_.load();
  const auto next = (now + kSweepPeriod).time_since_epoch().count();
  if (now.time_since_epoch().count() < due || !next_sweep_.compare_exchange_strong(due, next)) return;
  const auto is_late = [now](const Connection& connection) { return connection.deadline <= now; };
  while (Connection* connection = table_.claim_if(is_late)) expire(*connection);
  if (listener_paused_.exchange(false)) accept_all();
}

void Server::Impl::expire(Connection& connection) {
  const bool mid_request = connection.phase == Phase::reading && !connection.input.empty();
  if (mid_request) {
    refuse(connection, {.status = 408, .reason = "the request did not arrive in time"});
    return advance(connection);
  }
  if (connection.phase == Phase::handshaking) ++failed_handshakes_;
  if (connection.phase == Phase::reading) connection.transport->finish_writing();
  close(connection);
}

/// Closes what waits without a request. A client that has just connected gets the time to send its first one.
void Server::Impl::close_idle(base::SteadyTime stopped_at) {
  const auto now = steady_clock::now();
  const auto idle = [&](const Connection& connection) {
    return connection.phase == Phase::reading && connection.input.empty() &&
           (connection.served > 0 || now > std::max(stopped_at, connection.accepted_at) + kFreshGrace) &&
           !connection.transport->has_buffered() && !has_unread(connection);
  };
  while (Connection* connection = table_.claim_if(idle)) {
    connection->transport->finish_writing();
    close(*connection);
  }
}

void Server::Impl::stop(milliseconds grace) {
  if (threads_.empty()) return;
  draining_ = true;
  {
    const std::lock_guard lock(listener_mutex_);
    // Who is in the backlog has connected as far as he knows.
    if (listener_.descriptor() >= 0) accept_pending();
    listener_.close();
  }
  const auto stopped_at = steady_clock::now();
  while (table_.size() > 0 && steady_clock::now() < stopped_at + grace) {
    close_idle(stopped_at);
    if (table_.size() > 0) std::this_thread::sleep_for(milliseconds(2));
  }
  cut();
}

/// Ends the threads, and with them what is left. A handler that runs is waited for.
void Server::Impl::cut() {
  cutting_ = true;
  while (Connection* connection = table_.claim_if([](const Connection&) { return true; })) close(*connection);
  ended_ = true;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto woken = ::write(wake_.get(), &one, sizeof one);
  {
    const std::lock_guard lock(slow_mutex_);  // a thread between its check and its wait would miss the call
    slow_ready_.notify_all();
  }
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

Server::Server(ServerOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Server::~Server() { stop(); }

void Server::route(std::string_view method, std::string_view path, Handler handler, Pace pace) {
  impl_->route({std::string(method), std::string(path), std::move(handler), pace});
}
base::Result<> Server::start() { return impl_->start(); }
std::uint16_t Server::port() const { return impl_->port(); }
void Server::begin_drain() { impl_->begin_drain(); }
void Server::stop(milliseconds grace) { impl_->stop(grace); }
ServerStats Server::stats() const { return impl_->stats(); }

}  // namespace net
