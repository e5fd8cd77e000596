#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>

#include "common/net/api_client.hpp"

namespace reconciler {

/// Events on their way to the API server, in order and in a thread of their own: no pass waits for them, and while
/// passes wait for a worker only a few go out each second. One that is refused is lost, as is what was not sent when
/// the process ends. Thread-safe.
class EventOutbox {
 public:
  /// `calm`: whether nothing more important waits for the API server.
  EventOutbox(net::ApiClient& api, std::function<bool()> calm) : api_(api), calm_(std::move(calm)) {}

  void add(std::string path, std::string body);

  /// Until `stop`.
  void run();
  void stop();

 private:
  struct Pending {
    std::string path;
    std::string body;
  };
  void post(const Pending& event);

  net::ApiClient& api_;
  const std::function<bool()> calm_;
  net::Cancellation stopping_;
  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::deque<Pending> pending_;
  bool stopped_ = false;
};

}  // namespace reconciler
