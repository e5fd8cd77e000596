#include "reconciler/lease/lease.hpp"

#include <atomic>
#include <csignal>
#include <thread>

#include "test/catch.hpp"
#include "test/fakes/api_server/api_server.hpp"
#include "test/support/eventually.hpp"

using namespace std::chrono_literals;
using fakes::Fault;
using reconciler::LeaderLease;

namespace {

[[maybe_unused]] const auto kNoSigpipe = std::signal(SIGPIPE, SIG_IGN);

const std::string kLeases = "/apis/coordination.k8s.io/v1/namespaces/own/leases";

/// A clock whose hands move only when a test moves them.
class Hands final : public base::Clock {
 public:
  [[nodiscard]] base::WallTime wall() const override { return std::chrono::system_clock::now(); }
  [[nodiscard]] base::SteadyTime steady() const override { return base::SteadyTime{passed_.load()}; }
  void advance(std::chrono::nanoseconds by) { passed_ = passed_.load() + by; }

 private:
  std::atomic<std::chrono::nanoseconds> passed_{1h};
};

/// The times of a replica: a tenth of the real ones.
struct Times {
  std::chrono::milliseconds duration = 1500ms;
  std::chrono::milliseconds deadline = 1000ms;
  net::HttpTimeouts of_calls = {200ms, 300ms, 200ms, 400ms};
};
/// No machine is so busy that it gets there.
const Times kNever{.duration = 1h, .deadline = 40min, .of_calls = {60s, 60s, 60s, 60s}};

/// One replica.
class Replica {
 public:
  Replica(const fakes::ApiServer& server, const std::string& identity, Times times,
          const base::Clock& clock = machines_clock()) {
    net::ApiConfig config;
    config.server = server.url();
    config.timeouts = times.of_calls;
    api_ = std::move(*net::ApiClient::make(config));
    lease_ = std::make_unique<LeaderLease>(*api_, clock,
                                           LeaderLease::Options{.name_space = "own",
                                                                .name = "lease",
                                                                .identity = identity,
                                                                .duration = times.duration,
                                                                .renew = 300ms,
                                                                .deadline = times.deadline,
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
  [[nodiscard]] bool leads() const {
    return test::eventually([this] { return holds(); });
  }
  /// When it was told that it does not lead any more.
  [[nodiscard]] std::chrono::steady_clock::time_point lost() const { return lost_; }
  /// After `stop`: "+-" is taken and given up.
  [[nodiscard]] const std::string& changes() const { return changes_; }

 private:
  static const base::Clock& machines_clock() {
    static const base::SystemClock clock;
    return clock;
  }

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
  Replica one(server, "one", kNever);
  REQUIRE(one.leads());
  CHECK(holder(server) == "one");
  if (is_there) CHECK(server.get(kLeases + "/lease").body["metadata"]["labels"]["chart"] == "yes");
}

TEST_CASE("a leader renews, and the second replica waits") {
  fakes::ApiServer server;
  Hands hands;
  const Times times{.duration = 15s, .deadline = 10s, .of_calls = kNever.of_calls};
  Replica one(server, "one", times, hands);
  REQUIRE(one.leads());
  Replica two(server, "two", times, hands);
  for (int i = 0; i < 3; ++i) {
    hands.advance(9s);
    CHECK((one.holds() && !two.holds()));
    // The first one may have begun before, and the last one's answer is still on its way.
    const auto renewed = server.count("PATCH", "leases");
    REQUIRE(test::eventually([&] { return server.count("PATCH", "leases") >= renewed + 3; }));
  }
}

TEST_CASE("a leader that ends hands over at once, not when the lease would expire") {
  fakes::ApiServer server;
  Replica one(server, "one", kNever);
  REQUIRE(one.leads());
  Replica two(server, "two", kNever);
  REQUIRE(test::eventually([&] { return server.open_watches() == 1; }));
  one.stop();
  CHECK(two.leads());
  CHECK(one.changes() == "+-");
  CHECK(server.get(kLeases + "/lease").body["spec"]["leaseTransitions"] == 1);
}

TEST_CASE("a leader that was killed is followed once its lease is over, not before") {
  fakes::ApiServer server;
  // Nobody renews this one.
  server.create(kLeases, {{"metadata", {{"name", "lease"}}},
                          {"spec", {{"holderIdentity", "dead"}, {"leaseDurationSeconds", 1}}}});
  const auto began = std::chrono::steady_clock::now();
  Replica two(server, "two", {});
  REQUIRE(two.leads());
  CHECK(std::chrono::steady_clock::now() - began >= 1s);
}

TEST_CASE("a leader that is cut off stops to write before another one may begin") {
  fakes::ApiServer server;
  Hands hands;
  const Times times{.duration = 1500ms, .deadline = 1000ms, .of_calls = kNever.of_calls};
  Replica one(server, "one", times, hands);
  REQUIRE(one.leads());
  server.down();
  hands.advance(times.deadline - 1ms);
  CHECK(one.holds());
  hands.advance(1ms);
  CHECK_FALSE(one.holds());
  CHECK(test::eventually([&] { return one.lost() != std::chrono::steady_clock::time_point{}; }));
  server.up();
  CHECK(one.leads());  // its own lease, taken up again
}

// What is under way is ended when we are told, so that must not wait for an answer that does not come.
TEST_CASE("a renewal that hangs does not keep a leader from its end at the deadline") {
  fakes::ApiServer server;
  Replica one(server, "one", {.duration = 6s, .deadline = 4s, .of_calls = kNever.of_calls});
  REQUIRE(one.leads());
  const auto began = std::chrono::steady_clock::now();
  server.inject({.kind = Fault::Kind::slow, .target = "leases", .times = 10, .delay = 1h});
  CHECK(test::eventually([&] { return one.lost() > began; }, 30s));
  server.clear_faults();
}

TEST_CASE("there are never two leaders, whatever the server does") {
  fakes::ApiServer server;
  Replica one(server, "one", {});
  Replica two(server, "two", {});
  std::atomic<bool> stop = false;
  std::atomic<int> both = 0;
  std::atomic<int> any = 0;
  std::thread watcher([&] {
    while (!stop) {
      // `one` is read again after `two`, so that a handover in between does not count. There and back takes a second.
      const auto began = std::chrono::steady_clock::now();
      const bool first = one.holds();
      const bool second = two.holds();
      const bool still = one.holds();
      const bool at_once = std::chrono::steady_clock::now() - began < 500ms;
      if (first && second && still && at_once) ++both;
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
  CHECK(test::eventually([&] { return one.holds() || two.holds(); }));
  stop = true;
  watcher.join();
  CHECK(both == 0);
  CHECK(any > 0);
}
