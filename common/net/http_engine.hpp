#pragma once
#include <atomic>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/server.hpp"

namespace net {

/// One row of a server's routes.
struct Route {
  std::string method;
  std::string path;
  Handler handler;
  Pace pace = Pace::fast;
};

/// One request in, bytes of its answer out, and the table of routes between them. Thread-safe once the routes
/// are in.
class HttpEngine {
 public:
  void add(Route route);

  /// What to answer, and whether the connection ends with it.
  struct Answer {
    std::string bytes;
    bool close = false;
  };
  /// Where `draining` is set once the handler has done its work, the answer says `Connection: close`.
  [[nodiscard]] Answer respond(RequestHead head, std::string_view body, const std::string& remote_addr,
                               const std::atomic<bool>& draining) const;

  /// Whether a request for `path`, as written on the wire, belongs to the slow threads.
  [[nodiscard]] bool is_slow(std::string_view path) const;
  [[nodiscard]] bool has_slow_routes() const;

 private:
  [[nodiscard]] Response dispatch(const Request& request) const;

  std::vector<Route> routes_;
};

/// The answer to a request that reaches no handler: a text with the reason, and the end of the connection.
[[nodiscard]] std::string to_bytes(const Refusal& refusal);

}  // namespace net
