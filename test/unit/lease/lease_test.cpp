#include "reconciler/lease/lease.hpp"

#include <atomic>
#include <csignal>
#include <thread>

#include "test/catch.hpp"
#include "test/fakes/api_server/api_server.hpp"

using namespace std::chrono_literals;
using fakes::Fault;
using reconciler::LeaderLease;

namespace {

[[maybe_unused]] const auto kNoSigpipe = std::signal(SIGPIPE, SIG_IGN);

const std::string kLeases = "/apis/coordination.k8s.io/v1/namespaces/own/leases";

/// One replica: a lease with times a tenth of the real ones.
class Replica {
 public:
  Replica(const fakes::ApiServer& server, const std::string& identity,
          net::HttpTimeouts timeouts = {200ms, 300ms, 200ms, 400ms}) {
    net::ApiConfig config;
    config.server = server.url();
    config.timeouts = timeouts;
    api_ = std::move(*net::ApiClient::make(config));
    lease_ = std::make_unique<LeaderLease>(*api_, clock_,
                                           LeaderLease::Options{.name_space = "own",
                                                                .name = "lease",
                                                                .identity = identity,
                                                                .duration = 1500ms,
                                                                .renew = 300ms,
                                                                .deadline = 1000ms,
                                                                .retry = 100ms},
                                           [this](bool leading) {
                                             changes_ += leading ? '+' : '-';
                                             if (!leading) lost_ = std::chrono::steady_clock::now();
                                           });
    thread_ = std::thread([this] { lease_->run(); });
  }
  ~Replica() { stop(); }
  void stop() {
    if (!thread_.joinable()) return;
    lease_->stop();
    thread_.join();
  }
  [[nodiscard]] bool holds() const { return lease_->holds(); }
  /// Waits until `holds()` is that.
  [[nodiscard]] bool becomes(bool leading, std::chrono::milliseconds limit) const {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (holds() != leading && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(1ms);
    return holds() == leading;
  }
  /// When it was told that it does not lead any more.
  [[nodiscard]] std::chrono::steady_clock::time_point lost() const { return lost_; }
  /// After `stop`: "+-" is taken and given up.
  [[nodiscard]] const std::string& changes() const { return changes_; }

 private:
  base::SystemClock clock_;
  std::unique_ptr<net::ApiClient> api_;
  std::unique_ptr<LeaderLease> lease_;
  std::string changes_;
  std::atomic<std::chrono::steady_clock::time_point> lost_{};
  std::thread thread_;
};

std::string holder(fakes::ApiServer& server) {
  return server.get(kLeases + "/lease").body.value("/spec/holderIdentity"_json_pointer, "?");
}

}  // namespace

TEST_CASE("the lease is made when it is absent, and an empty one is filled without touching what is not ours") {
  fakes::ApiServer server;
  const bool is_there = GENERATE(false, true);
  if (is_there) {
    server.create(kLeases, {{"apiVersion", "coordination.k8s.io/v1"},
                            {"kind", "Lease"},
                            {"metadata", {{"name", "lease"}, {"labels", {{"chart", "yes"}}}}}});
  }
  Replica one(server, "one");
  REQUIRE(one.becomes(true, 2s));
  CHECK(holder(server) == "one");
  if (is_there) CHECK(server.get(kLeases + "/lease").body["metadata"]["labels"]["chart"] == "yes");
}

TEST_CASE("a leader renews, and the second replica waits") {
  fakes::ApiServer server;
  Replica one(server, "one");
  REQUIRE(one.becomes(true, 2s));
  Replica two(server, "two");
  for (int i = 0; i < 200; ++i) {
    CHECK((one.holds() && !two.holds()));
    std::this_thread::sleep_for(10ms);
  }
}

TEST_CASE("a leader that ends hands over within a second, and well before the lease would expire") {
  fakes::ApiServer server;
  Replica one(server, "one");
  REQUIRE(one.becomes(true, 2s));
  Replica two(server, "two");
  std::this_thread::sleep_for(300ms);
  const auto began = std::chrono::steady_clock::now();
  one.stop();
  CHECK(two.becomes(true, 2s));
  CHECK(std::chrono::steady_clock::now() - began < 500ms);
  CHECK(one.changes() == "+-");
  CHECK(server.get(kLeases + "/lease").body["spec"]["leaseTransitions"] == 1);
}

TEST_CASE("a leader that was killed is followed once its lease is over, not before") {
  fakes::ApiServer server;
  // Nobody renews this one.
  server.create(kLeases, {{"metadata", {{"name", "lease"}}},
                          {"spec", {{"holderIdentity", "dead"}, {"leaseDurationSeconds", 1}}}});
  const auto began = std::chrono::steady_clock::now();
  Replica two(server, "two");
  REQUIRE(two.becomes(true, 4s));
  CHECK(std::chrono::steady_clock::now() - began >= 950ms);
}

TEST_CASE("a leader that is cut off stops to write before another one may begin") {
  fakes::ApiServer server;
  Replica one(server, "one");
  REQUIRE(one.becomes(true, 2s));
  const auto began = std::chrono::steady_clock::now();
  server.down();
  CHECK(one.becomes(false, 3s));
  CHECK(std::chrono::steady_clock::now() - began < 1500ms);
  server.up();
  CHECK(one.becomes(true, 3s));  // its own lease, taken up again
}

// What is under way is ended when we are told, so that must not wait for an answer that does not come.
TEST_CASE("a renewal that hangs does not keep a leader from its end at the deadline") {
  fakes::ApiServer server;
  Replica one(server, "one", {5s, 5s, 5s, 5s});
  REQUIRE(one.becomes(true, 2s));
  std::this_thread::sleep_for(50ms);
  server.inject({.kind = Fault::Kind::slow, .target = "leases", .times = 10, .delay = 3s});
  const auto began = std::chrono::steady_clock::now();
  REQUIRE(one.becomes(false, 3s));
  std::this_thread::sleep_for(100ms);
  CHECK(one.lost() > began);
  CHECK(one.lost() - began < 1150ms);  // of the lease's 1500
  server.clear_faults();
}

TEST_CASE("there are never two leaders, whatever the server does") {
  fakes::ApiServer server;
  Replica one(server, "one");
  Replica two(server, "two");
  std::atomic<bool> stop = false;
  std::atomic<int> both = 0;
  std::atomic<int> any = 0;
  std::thread watcher([&] {
    while (!stop) {
      // `one` is read again after `two`, so that a handover in between does not count.
      const bool first = one.holds();
      const bool second = two.holds();
      if (first && second && one.holds()) ++both;
      if (first || second) ++any;
      std::this_thread::sleep_for(1ms);
    }
  });
  for (int round = 0; round < 3; ++round) {
    server.inject({.kind = Fault::Kind::refuse, .target = "leases", .times = 6, .status = 500});
    std::this_thread::sleep_for(400ms);
    server.inject({.kind = Fault::Kind::cut_after, .method = "PATCH", .target = "leases", .times = 3});
    std::this_thread::sleep_for(400ms);
    server.inject({.kind = Fault::Kind::slow, .target = "leases", .times = 3, .delay = 700ms});
    std::this_thread::sleep_for(900ms);
    server.cut_watches();
  }
  server.clear_faults();
  std::this_thread::sleep_for(2s);
  CHECK((one.holds() || two.holds()));
  stop = true;
  watcher.join();
  CHECK(both == 0);
  CHECK(any > 0);
}
