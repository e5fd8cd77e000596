#include "common/net/connection_table.hpp"

#include <sys/epoll.h>

#include <utility>

namespace net {
namespace {

/// A socket is nearly always writable.
constexpr std::uint32_t kAtOnce = EPOLLIN | EPOLLOUT | EPOLLONESHOT;

/// 0: no event at all.
std::uint32_t events_of(Interest interest) {
  switch (interest) {
    case Interest::readable:
      return EPOLLIN | EPOLLRDHUP | EPOLLONESHOT;
    case Interest::writable:
      return EPOLLOUT | EPOLLONESHOT;
    case Interest::nothing:
      break;
  }
  return 0;
}

}  // namespace

void ConnectionTable::add(std::unique_ptr<Connection> connection) {
  const std::lock_guard lock(mutex_);
  connection->id = next_id_++;
  auto& entry = entries_[connection->id];
  entry.connection = std::move(connection);
  entry.parked = true;
  arm(*entry.connection, events_of(Interest::readable));
}

bool ConnectionTable::park(Connection& connection, Interest interest) {
  // Not under the lock, for which all threads would wait. The descriptor is safe: the connection is the caller's still.
  arm(connection, events_of(interest));
  const std::lock_guard lock(mutex_);
  auto& entry = entries_.at(connection.id);
  if (std::exchange(entry.woken, false)) return false;
  entry.parked = true;
  return true;
}

void ConnectionTable::arm(Connection& connection, std::uint32_t events) const {
  // Who waits for nothing leaves the set: a hang-up is told to all that are in it, and would come again at once each
  // time that the connection is parked.
  if (events == 0 && !connection.in_epoll) return;
  epoll_event event{};
  event.events = events;
  event.data.u64 = connection.id;
  const int operation = events == 0 ? EPOLL_CTL_DEL : connection.in_epoll ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  if (::epoll_ctl(epoll_, operation, connection.transport->descriptor(), &event) == 0)
    connection.in_epoll = events != 0;
}

Connection* ConnectionTable::take(Entry& entry) {
  entry.parked = false;
  return entry.connection.get();
}

Connection* ConnectionTable::claim(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return nullptr;
  auto& entry = found->second;
  if (entry.parked) return take(entry);
  entry.woken = true;
  return nullptr;
}

Connection* ConnectionTable::claim_if(const std::function<bool(const Connection&)>& wanted) {
  const std::lock_guard lock(mutex_);
  for (auto& [id, entry] : entries_) {
    if (entry.parked && wanted(*entry.connection)) return take(entry);
  }
  return nullptr;
}

Connection* ConnectionTable::claim_nearest_deadline() {
  const std::lock_guard lock(mutex_);
  Entry* nearest = nullptr;
  for (auto& [id, entry] : entries_) {
    if (!entry.parked) continue;
    if (nearest == nullptr || entry.connection->deadline < nearest->connection->deadline) nearest = &entry;
  }
  return nearest == nullptr ? nullptr : take(*nearest);
}

void ConnectionTable::wake(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  auto& entry = found->second;
  if (entry.parked) {
    arm(*entry.connection, kAtOnce);
  } else {
    entry.woken = true;
  }
}

void ConnectionTable::close(Connection& connection) {
  std::unique_ptr<Connection> doomed;  // ends behind the lock
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(connection.id);
  doomed = std::move(found->second.connection);
  entries_.erase(found);
}

std::size_t ConnectionTable::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace net
