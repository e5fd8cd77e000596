#include "reconciler/pod/agent/gate/proxy.hpp"

#include <arpa/inet.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "common/base/log.hpp"

namespace agent {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTick{1'000};
/// The allocator keeps no more than this of what connections held.
constexpr std::size_t kKept = std::size_t{32} << 20U;
/// llama-server closes within microseconds; this is for one that does not.
constexpr milliseconds kFarewell{5'000};
/// Keys in the epoll set: these two; a descriptor seen off, above `kFarewellBit`; else a connection's address with its
/// lowest bit for the side of llama-server.
constexpr std::uint64_t kFarewellBit = std::uint64_t{1} << 63U;
constexpr std::uint64_t kListener = 0;
constexpr std::uint64_t kWake = 2;

}  // namespace

Proxy::Proxy(Options options, SharedScheduler& scheduler, const base::Clock& clock)
    : options_(std::move(options)), scheduler_(scheduler), clock_(clock) {}

Proxy::~Proxy() {
  stop(milliseconds{0});
  for (const auto& [server, farewell] : farewells_) ::close(server);
}

base::Result<> Proxy::start() {
  auto listener = net::Listener::open(options_.listen);
  if (!listener) return std::unexpected(listener.error());
  listener_ = std::move(*listener);
  epoll_ = base::Descriptor(::epoll_create1(EPOLL_CLOEXEC));
  wake_ = base::Descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!epoll_.is_open() || !wake_.is_open()) return base::fail(base::errno_text(errno), options_.listen);
  for (const auto& [descriptor, key] : {std::pair{listener_.descriptor(), kListener}, std::pair{wake_.get(), kWake}}) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = key;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event);
  }
  scheduler_.set_on_change([this] { wake(); });
  thread_ = std::thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), "gate");
  return {};
}

void Proxy::stop(milliseconds grace) {
  if (!thread_.joinable()) return;
  scheduler_.set_on_change({});
  grace_ms_ = grace.count();
  stopping_ = true;
  wake();
  thread_.join();
}

void Proxy::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

void Proxy::run() {
  constexpr int kMostEvents = 128;
  std::array<epoll_event, kMostEvents> events;
  std::optional<base::SteadyTime> end;
  next_tick_ = now() + kTick;
  while (true) {
    const int count = ::epoll_wait(epoll_.get(), events.data(), kMostEvents, timeout_ms());
    for (int i = 0; i < count; ++i) {
      const auto& event = events.at(static_cast<std::size_t>(i));
      handle(event.data.u64, event.events);
    }
    if (next_wakeup_ && *next_wakeup_ <= now()) decide_due_ = true;
    while (decide_due_) decide();
    if (now() >= next_tick_) tick();
    for (auto* connection : buried_) connections_.erase(connection);
    buried_.clear();
    connection_count_ = connections_.size();
    trim();

    if (!stopping_) continue;
    if (!end) {
      end = now() + milliseconds{grace_ms_};
      listener_.close();
      next_tick_ = now();
    }
    for (auto& [address, connection] : connections_) {
      if (connection->is_idle() || now() >= *end) connection->end();
    }
    for (auto* connection : buried_) connections_.erase(connection);
    buried_.clear();
    if (connections_.empty()) return;
  }
}

int Proxy::timeout_ms() const {
  std::optional<base::SteadyTime> next = next_wakeup_;
  const bool ticks = !connections_.empty() || !farewells_.empty() || listener_paused_;
  if (ticks && (!next || next_tick_ < *next)) next = next_tick_;
  if (stopping_) return 20;
  if (!next) return -1;
  const auto left = std::chrono::ceil<milliseconds>(*next - now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

void Proxy::handle(std::uint64_t key, std::uint32_t events) {
  if (key == kListener) return accept_all();
  if (key == kWake) {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto got = ::read(wake_.get(), &count, sizeof count);
    decide_due_ = true;
    return;
  }
  if ((key & kFarewellBit) != 0) return end_farewell(static_cast<int>(key & ~kFarewellBit));
  constexpr std::uint64_t kServerBit = 1;
  // The address came from `watch`, and no connection is destroyed while events are handled.
  auto* connection = reinterpret_cast<Connection*>(key & ~kServerBit);  // NOLINT(performance-no-int-to-ptr)
  if ((key & kServerBit) != 0) {
    connection->on_server();
  } else {
    connection->on_client(events);
  }
  connection->count_held();
}

void Proxy::accept_all() {
  while (true) {
    const auto accepted = net::accept_connection(listener_.descriptor());
    if (accepted.descriptor < 0) {
      if (accepted.error == EMFILE || accepted.error == ENFILE || accepted.error == ENOBUFS ||
          accepted.error == ENOMEM) {
        // Level-triggered, it would come again at once: the next tick tries again.
        base::log::warning("accept-failed", {{"error", base::errno_text(accepted.error)}});
        listener_paused_ = true;
        watch_listener(0);
      }
      return;
    }
    if (connections_.size() >= options_.max_connections) {
      ::close(accepted.descriptor);
      continue;
    }
    if (connections_.empty()) next_tick_ = now() + kTick;
    std::unique_ptr<Connection> connection(new Connection(*this, accepted.descriptor));
    auto* address = connection.get();
    connections_.emplace(address, std::move(connection));
  }
}

void Proxy::watch_listener(std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = kListener;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, listener_.descriptor(), &event);
}

void Proxy::decide() {
  decide_due_ = false;
  for (const auto& decision : scheduler_.decide(next_wakeup_)) {
    const auto waiting = waiting_.find(decision.ticket);
    if (waiting == waiting_.end()) continue;
    auto* connection = waiting->second;
    waiting_.erase(waiting);
    connection->decided(decision);
    connection->count_held();
  }
}

void Proxy::tick() {
  next_tick_ = now() + kTick;
  if (std::exchange(listener_paused_, false)) watch_listener(EPOLLIN);
  for (auto& [address, connection] : connections_) {
    connection->tick();
    connection->count_held();
  }
  std::vector<int> late;
  for (const auto& [server, farewell] : farewells_) {
    if (now() - farewell.since >= kFarewell) late.push_back(server);
  }
  for (const int server : late) end_farewell(server);
}

/// What small buffers held stays with the allocator, and would stand beside the large ones that come next.
void Proxy::trim() {
  most_held_ = std::max(most_held_, held_bytes_.load());
  if (most_held_ - held_bytes_ < kKept) return;
  ::malloc_trim(0);
  most_held_ = held_bytes_;
}

void Proxy::see_off(int server, std::optional<Scheduler::Ticket> ticket) {
  farewells_[server] = {ticket, now()};
  epoll_event event{};
  event.events = EPOLLIN | EPOLLRDHUP;
  event.data.u64 = kFarewellBit | static_cast<std::uint64_t>(server);
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, server, &event);
}

void Proxy::end_farewell(int server) {
  const auto found = farewells_.find(server);
  // An event of the same round for a descriptor that is closed already.
  if (found == farewells_.end()) return;
  if (found->second.ticket) {
    scheduler_.leave(*found->second.ticket);
    decide_due_ = true;
  }
  farewells_.erase(found);
  ::close(server);
}

void Proxy::watch(int descriptor, std::uint32_t events, Connection& connection, bool server, bool is_new) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = reinterpret_cast<std::uint64_t>(&connection) | (server ? 1U : 0U);
  // An empty set of events would still tell of a reset, again and again.
  const int operation = events == 0 ? EPOLL_CTL_DEL : is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  ::epoll_ctl(epoll_.get(), operation, descriptor, &event);
}

void Proxy::expect(Scheduler::Ticket ticket, Connection& connection) {
  waiting_[ticket] = &connection;
  decide_due_ = true;
}

void Proxy::forget(Scheduler::Ticket ticket) {
  waiting_.erase(ticket);
  decide_due_ = true;
}

void Proxy::bury(Connection& connection) { buried_.push_back(&connection); }

void Proxy::count_held(std::size_t before, std::size_t now) { held_bytes_ = held_bytes_ - before + now; }

bool Proxy::has_room(Need need) const {
  switch (need) {
    case Need::spare:
      return held_bytes_ <= options_.large_bytes / 2;
    case Need::large_request:
      return held_bytes_ <= options_.large_bytes;
    case Need::small_request:
      return held_bytes_ <= options_.large_bytes + options_.small_bytes;
  }
  return false;
}

int Proxy::connect(bool agent) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -1;
  const int on = 1;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(agent ? options_.agent_port : options_.server_port);
  ::inet_pton(AF_INET, agent ? "127.0.0.1" : options_.server_host.c_str(), &address.sin_addr);
  if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 && errno != EINPROGRESS) {
    ::close(descriptor);
    return -1;
  }
  return descriptor;
}

}  // namespace agent
