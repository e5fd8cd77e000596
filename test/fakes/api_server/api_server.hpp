#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "test/fakes/api_server/store.hpp"

namespace fakes {

/// What goes wrong, with which requests, and how often.
struct Fault {
  enum class Kind {
    /// Answer with `status` (and Retry-After, when given) and do nothing.
    refuse,
    /// Close the connection without an answer, having done nothing.
    cut_before,
    /// Do it, then close the connection without an answer.
    cut_after,
    /// Send the first half of the answer, then close.
    cut_in_the_middle,
    /// Wait for `delay`, or until the faults are cleared, then go on as usual.
    slow,
  };
  Kind kind = Kind::refuse;
  /// Empty: any.
  std::string method = {};
  /// Part of the target; empty: any. "watch=1" means watches.
  std::string target = {};
  int times = 1;
  int status = 500;
  std::string reason = "InternalError";
  std::string message = "injected";
  std::string retry_after = {};
  std::chrono::milliseconds delay{0};
};

/// An API server for tests, over plain HTTP on a free port of the loopback interface: lists in pages, watches with
/// bookmarks, server-side apply with managed fields and conflicts, patches, the status subresource, and faults.
/// All calls are thread-safe.
class ApiServer {
 public:
  struct Options {
    std::chrono::milliseconds bookmarks{200};
    /// Entries of a page that a client may ask for; more is cut to it.
    std::size_t largest_page = 500;
  };
  ApiServer() : ApiServer(Options()) {}
  explicit ApiServer(Options options);
  ~ApiServer();
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  [[nodiscard]] std::string url() const;

  // As other clients would, without faults and without standing in `calls`.
  Answer create(const std::string& collection, const Json& object, const std::string& manager = "somebody");
  Answer get(const std::string& path);
  Answer merge_patch(const std::string& path, const Json& patch, const std::string& manager = "somebody");
  Answer apply(const std::string& path, const Json& object, const std::string& manager, bool force = false);
  Answer remove(const std::string& path);
  [[nodiscard]] std::vector<Json> list(const std::string& collection);

  void inject(Fault fault);
  /// Access reviews about this verb and resource ("deployments") say no; all others say yes.
  struct Right {
    std::string verb;
    std::string resource;
  };
  void deny(Right right);
  /// Ends the waits of those that are `slow`, too.
  void clear_faults();
  /// Watches no longer send anything, bookmarks included, until they are no longer `stalled`; their connections stay
  /// open.
  void stall_watches(bool stalled);
  /// Closes the connections of all watches, in the middle of a chunk.
  void cut_watches();
  /// Forgets old versions: open watches are cut, and those that resume before now get 410.
  void compact();
  /// Sends every event of the past once more to the watches that are open, oldest first.
  void repeat_events();
  /// Nothing is answered and connections are refused until `up`; the state stays, the port too.
  void down();
  void up();
  /// The state as it is now, for `restore`.
  [[nodiscard]] Store snapshot();
  /// As a server restored from a backup by the book (etcdutl snapshot restore --bump-revision --mark-compacted): an
  /// older state, whose objects have their older versions; new versions go on above all that were given out, and
  /// watches that resume from before get 410. Without the bump a watch could resume in another history, unnoticed.
  void restore(const Store& older);

  struct Call {
    std::string method;
    std::string target;
    int status = 0;
    std::string body;
  };
  [[nodiscard]] std::vector<Call> calls();
  void forget_calls();
  /// Calls that write (POST but for access reviews, PUT, PATCH, DELETE) and were answered 2xx.
  [[nodiscard]] std::size_t writes();
  /// Calls whose method and target contain these.
  [[nodiscard]] std::size_t count(const std::string& method, const std::string& target);
  [[nodiscard]] std::size_t open_watches();
  /// Calls that wait at this moment, by a fault that is `slow`.
  [[nodiscard]] std::size_t held();
  /// Bookmarks that were sent, in all watches.
  [[nodiscard]] std::size_t bookmarks();

 private:
  struct Request;
  class Connection;

  void accept_connections();
  void serve(int fd);
  /// False when the connection must be closed.
  bool answer(int fd, const Request& request);
  Answer dispatch(const Request& request);
  [[nodiscard]] Answer review(const Json& body) const;
  Answer list_page(const Request& request, const ObjectPath& path);
  void watch(int fd, const Request& request, const ObjectPath& path);
  [[nodiscard]] std::optional<Fault> take_fault(const Request& request);
  void note(const Request& request, int status);

  const Options options_;
  int listener_ = -1;
  int port_ = 0;
  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  Store store_;
  long compacted_ = 0;
  std::list<Fault> faults_;
  std::list<Right> denied_;
  std::vector<Call> calls_;
  bool stalled_ = false;
  bool down_ = false;
  bool stopping_ = false;
  int watch_epoch_ = 0;
  int repeats_ = 0;
  int faults_epoch_ = 0;
  std::size_t open_watches_ = 0;
  std::size_t held_ = 0;
  std::size_t bookmarks_ = 0;
  std::list<int> sockets_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace fakes
