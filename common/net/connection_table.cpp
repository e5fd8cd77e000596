#include "common/net/connection_table.hpp"

#include <sys/epoll.h>

#include <utility>

namespace net {
namespace {

/// A socket is nearly always writable.
constexpr std::uint32_t kAtOnce = EPOLLIN | EPOLLOUT | EPOLLONESHOT;

std::uint32_t events_of(Interest interest) {
  switch (interest) {
    case Interest::readable:
      return EPOLLIN | EPOLLRDHUP | EPOLLONESHOT;
    case Interest::writable:
      return EPOLLOUT | EPOLLONESHOT;
    case Interest::nothing:
      break;
  }
  return EPOLLONESHOT;
}

}  // namespace

Connection& ConnectionTable::add(std::unique_ptr<Connection> connection) {
  const std::lock_guard lock(mutex_);
  connection->id = next_id_++;
  auto& entry = entries_[connection->id];
  entry.connection = std::move(connection);
  return *entry.connection;
}

void ConnectionTable::park(Connection& connection, Interest interest) {
  const std::lock_guard lock(mutex_);
  auto& entry = entries_.at(connection.id);
  entry.parked = true;
  entry.timer = timers_.emplace(connection.deadline, connection.id);
  // Under the lock: from here on the event may come, and whoever gets it must find the connection parked.
  arm(entry, std::exchange(entry.woken, false) ? kAtOnce : events_of(interest));
}

void ConnectionTable::arm(Entry& entry, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = entry.connection->id;
  const int operation = entry.in_epoll ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  if (::epoll_ctl(epoll_, operation, entry.connection->transport->descriptor(), &event) == 0) entry.in_epoll = true;
}

Connection* ConnectionTable::take(Entry& entry) {
  entry.parked = false;
  timers_.erase(entry.timer);
  return entry.connection.get();
}

Connection* ConnectionTable::claim(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end() || !found->second.parked) return nullptr;
  return take(found->second);
}

Connection* ConnectionTable::claim_first(const std::function<bool(const Connection&)>& wanted) {
  const std::lock_guard lock(mutex_);
  for (const auto& [deadline, id] : timers_) {
    auto& entry = entries_.at(id);
    if (wanted(*entry.connection)) return take(entry);
  }
  return nullptr;
}

Connection* ConnectionTable::claim_expired(base::SteadyTime now) {
  const std::lock_guard lock(mutex_);
  if (timers_.empty() || timers_.begin()->first > now) return nullptr;
  return take(entries_.at(timers_.begin()->second));
}

void ConnectionTable::wake(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  if (found->second.parked) {
    arm(found->second, kAtOnce);
  } else {
    found->second.woken = true;
  }
}

void ConnectionTable::close(Connection& connection) {
  std::unique_ptr<Connection> doomed;
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(connection.id);
  doomed = std::move(found->second.connection);
  entries_.erase(found);
  // The descriptor closes under the lock too, and with it leaves the epoll set.
  doomed.reset();
}

std::size_t ConnectionTable::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace net
