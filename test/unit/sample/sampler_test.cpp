#include "reconciler/sample/sampler.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "test/catch.hpp"
#include "test/support/eventually.hpp"

using namespace std::chrono_literals;
using reconciler::Key;
using reconciler::Knock;
using reconciler::Sampler;
using What = Sampler::What;

namespace {

const Key kOne{Key::Kind::service, "edge", "one"};
const Key kTwo{Key::Kind::service, "edge", "two"};

std::string state(const std::string& hash) { return R"({"presetHash":")" + hash + R"(","ready":true,"models":[]})"; }

/// A sampler at work, with Pods and Services that answer what the test says.
class Fixture {
 public:
  explicit Fixture(Sampler::Timing timing = quick()) : sampler_(fetch(), knock(), endpoints(), changed(), timing) {
    for (int i = 0; i < 2; ++i) threads_.emplace_back([this] { sampler_.run(); });
  }
  ~Fixture() {
    hold = false;
    knocks_allowed = 1'000'000;
    sampler_.stop();
    for (auto& thread : threads_) thread.join();
  }
  static Sampler::Timing quick() {
    Sampler::Timing timing;
    timing.busy = 20ms;
    timing.settled = 40ms;
    timing.busy_after_change = 100ms;
    timing.settled_per_second = 1000;
    timing.knock = 10ms;
    timing.knock_for = 1h;
    return timing;
  }
  /// Waits until this many more answers were taken.
  bool asked_more(int times) {
    const int before = asked;
    return test::eventually([&] { return asked >= before + times; });
  }
  /// Waits until none is asked any more: the last answers may still be on their way.
  bool falls_silent() {
    for (int tries = 0; tries < 50; ++tries) {
      const int before = asked;
      std::this_thread::sleep_for(100ms);
      if (asked == before) return true;
    }
    return false;
  }
  void say(base::Result<std::string> answer) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }
  /// Who gave the last answer.
  std::string last_ip() {
    const std::lock_guard lock(mutex_);
    return last_ip_;
  }
  /// Asks for a Service that gives no answer, until that is known of it.
  void try_once(const std::string& name) {
    const Key key{Key::Kind::service, "edge", name};
    sampler_.want(key, {{What::front, name, "10.96.0.9", 8080}}, false);
    REQUIRE(test::eventually([&] { return sampler_.front(key) == Knock::unknown; }));
    sampler_.want(key, {}, false);
  }
  Sampler* operator->() { return &sampler_; }

  std::atomic<int> asked = 0;
  std::atomic<int> news = 0;
  std::atomic<int> knocks = 0;
  /// Who knocks more often than this waits.
  std::atomic<int> knocks_allowed = 1'000'000;
  /// While true, whoever asks a Pod hangs.
  std::atomic<bool> hold = false;
  std::atomic<int> held = 0;
  /// The most Pods that were asked at once.
  std::atomic<std::size_t> most_at_once = 0;
  std::atomic<Knock> front = Knock::refused;
  /// What the API server says of the Service's endpoints; not to be changed once somebody knocks.
  std::function<base::Result<bool>()> has_endpoint = [] { return true; };
  /// How often it was asked.
  std::atomic<int> questions = 0;

 private:
  Sampler::Fetch fetch() {
    return [this](const std::vector<reconciler::Question>& pods, const reconciler::PodAnswered& answered) {
      most_at_once = std::max(most_at_once.load(), pods.size());
      for (std::size_t i = 0; i < pods.size(); ++i) answered(i, answer_of(pods[i].ip));
    };
  }
  base::Result<std::string> answer_of(const std::string& ip) {
    if (hold) ++held;
    while (hold) std::this_thread::sleep_for(1ms);
    const std::lock_guard lock(mutex_);
    ++asked;
    last_ip_ = ip;
    return answer_;
  }
  Sampler::KnockAt knock() {
    return [this](const std::string&, int) {
      while (knocks >= knocks_allowed) std::this_thread::sleep_for(1ms);
      ++knocks;
      return front.load();
    };
  }
  Sampler::HasEndpoint endpoints() {
    return [this](const std::string& at, const std::string& service) {
      ++questions;
      return at == "edge" && service == "one" ? has_endpoint() : base::fail("not asked for", service);
    };
  }
  Sampler::Changed changed() {
    return [this](const Key&) { ++news; };
  }

  std::mutex mutex_;  // guards the next two
  std::string last_ip_;
  base::Result<std::string> answer_ = state("aa");
  Sampler sampler_;
  std::vector<std::thread> threads_;
};

const Sampler::Target kAgent{What::agent, "pod", "10.0.0.7"};
const Sampler::Target kFront{What::front, "one", "10.96.0.9", 8080};

}  // namespace

TEST_CASE("a Pod is asked at once, again and again, and only what is new is told") {
  Fixture f;
  f->want(kOne, {kAgent}, true);
  REQUIRE(test::eventually([&] { return f.news == 1; }));
  CHECK(f->asked_all(kOne));
  REQUIRE(f->agents(kOne).size() == 1);
  CHECK(f->agents(kOne).front().preset_hash == "aa");
  REQUIRE(f.asked_more(5));
  CHECK(f.news == 1);
  f.say(state("bb"));
  CHECK(test::eventually([&] { return f.news == 2; }));
  CHECK(f->agents(kOne).front().preset_hash == "bb");
}

TEST_CASE("without an answer the sample says why, and the next answer takes its place") {
  Fixture f;
  f.say(base::fail("cannot connect", "10.0.0.7"));
  f->want(kOne, {kAgent}, true);
  REQUIRE(test::eventually([&] { return f->asked_all(kOne); }));
  CHECK(f->agents(kOne).front().error == "cannot connect");
  f.say(state("aa"));
  CHECK(test::eventually([&] { return f->agents(kOne).front().error.empty(); }));
  f.say(base::Result<std::string>("no JSON"));
  CHECK(test::eventually([&] { return !f->agents(kOne).front().error.empty(); }));
}

TEST_CASE("a fetcher that ended keeps its last word") {
  Fixture f;
  f.say(base::Result<std::string>(R"({"bytesDone":5,"bytesTotal":9})"));
  f->want(kOne, {{What::progress, "fetch", "10.0.0.8"}}, true);
  REQUIRE(test::eventually([&] { return !f->progress(kOne).empty(); }));
  f.say(base::fail("cannot connect", "10.0.0.8"));
  REQUIRE(f.asked_more(3));
  CHECK(f->progress(kOne).at("fetch").bytes_done == 5);
}

TEST_CASE("an answer that is waited for is asked for at a pace of its own, for a while") {
  Sampler::Timing timing = Fixture::quick();
  timing.busy = timing.settled = 1h;
  timing.soon = 5ms;
  timing.soon_for = 1h;
  auto agent = kAgent;
  agent.soon = true;
  SECTION("of an agent that is about to see a preset") {
    Fixture f(timing);
    f->want(kOne, {kAgent}, true);
    REQUIRE(test::eventually([&] { return f.asked == 1; }));
    f->want(kOne, {agent}, true);
    REQUIRE(f.asked_more(5));
    f->want(kOne, {kAgent}, true);
    CHECK(f.falls_silent());
  }
  SECTION("but not of one that does not answer") {
    Fixture f(timing);
    f.say(base::fail("cannot connect", "10.0.0.7"));
    f->want(kOne, {agent}, true);
    REQUIRE(test::eventually([&] { return f->asked_all(kOne); }));
    CHECK(f.falls_silent());
  }
  SECTION("and no longer, whatever comes of it") {
    timing.soon_for = 50ms;
    Fixture f(timing);
    f->want(kOne, {agent}, true);
    REQUIRE(test::eventually([&] { return f->asked_all(kOne); }));
    CHECK(f.falls_silent());
  }
}

TEST_CASE("a fetcher that is nearly done is asked more often, and tells how it ended") {
  Sampler::Timing timing = Fixture::quick();
  timing.settled = 50ms;
  timing.busy = timing.busy_after_change = 1min;
  timing.soon = 1ms;
  Fixture f(timing);
  const auto say = [&](int done, const std::string& more) {
    f.say(base::Result<std::string>(R"({"bytesDone":)" + std::to_string(done) + R"(,"bytesTotal":1000)" + more + "}"));
  };
  say(100, "");
  f->want(kOne, {{What::progress, "fetch", "10.0.0.8"}}, false);
  REQUIRE(f.asked_more(2));
  say(990, "");
  REQUIRE(f.asked_more(20));  // at the pace of a busy one they would come in 20 minutes
  say(1000, R"(,"result":{"reason":"Fetched","files":[{"path":"/models/a"}]})");
  REQUIRE(test::eventually([&] { return f->progress(kOne).at("fetch").result.has_value(); }));
  CHECK(f->progress(kOne).at("fetch").result->artifact->path == "/models/a");
}

TEST_CASE("a Pod of a settled service is not asked more often because it was asked for the first time") {
  auto timing = Fixture::quick();
  timing.settled = timing.busy_after_change = 1h;
  Fixture f(timing);
  auto agent = kAgent;
  agent.ready = true;
  SECTION("we are new to it") {
    f->want(kOne, {agent}, true);
    REQUIRE(test::eventually([&] { return f->asked_all(kOne); }));
    f->want(kOne, {agent}, false);
    CHECK(f.falls_silent());
  }
  SECTION("but when it says something else than before, or turned ready") {
    f->want(kOne, {kAgent}, false);
    REQUIRE(test::eventually([&] { return f->asked_all(kOne); }));
    f->want(kOne, {agent}, false);
    CHECK(f.asked_more(2));
  }
}

TEST_CASE("every download that somebody wants to know about is told, and none after that") {
  Fixture f;
  f.say(base::Result<std::string>(R"({"bytesDone":5,"bytesTotal":9})"));
  f->want(kOne, {{What::progress, "fetch", "10.0.0.8"}}, true);
  f->want(kTwo, {{What::progress, "fetch", "10.0.0.8"}, {What::progress, "another", "10.0.0.9"}}, true);
  REQUIRE(test::eventually([&] { return f->downloads().size() == 2; }));
  CHECK(f->downloads().front().bytes_done == 5);
  CHECK(f->downloads().front().bytes_total == 9);
  f->want(kOne, {}, false);
  f->want(kTwo, {}, false);
  CHECK(test::eventually([&] { return f->downloads().empty(); }));
}

TEST_CASE("who no longer wants a Pod hears nothing of it, and nobody's Pod is not asked") {
  Fixture f;
  f->want(kOne, {kAgent}, true);
  f->want(kTwo, {kAgent}, true);
  REQUIRE(test::eventually([&] { return f->asked_all(kOne) && f->asked_all(kTwo); }));
  f->want(kOne, {}, false);
  CHECK(f->agents(kOne).empty());
  CHECK(f->agents(kTwo).size() == 1);
  f->want(kTwo, {}, false);
  CHECK(f.falls_silent());
}

TEST_CASE("a Pod with another address was never asked") {
  Fixture f;
  f->want(kOne, {kAgent}, true);
  REQUIRE(test::eventually([&] { return f->asked_all(kOne); }));
  const int before = f.asked;
  f->want(kOne, {{What::agent, "pod", "10.0.0.99"}}, true);
  CHECK(test::eventually([&] { return f.asked > before && f->asked_all(kOne); }));
}

TEST_CASE("a Pod that turned ready is asked anew, one that no longer is keeps its word") {
  auto timing = Fixture::quick();
  timing.busy = timing.settled = 1h;
  Fixture f(timing);
  f->want(kOne, {kAgent}, true);
  REQUIRE(test::eventually([&] { return f->asked_all(kOne); }));
  CHECK(f.asked == 1);
  auto target = kAgent;
  target.ready = true;
  f->want(kOne, {target}, true);
  CHECK(test::eventually([&] { return f.asked == 2 && f->asked_all(kOne); }));
  f->want(kOne, {kAgent}, true);
  CHECK(f->asked_all(kOne));
}

TEST_CASE("an answer that was on its way when the Pod moved does not count") {
  Fixture f;
  f.hold = true;
  f->want(kOne, {kAgent}, true);
  REQUIRE(test::eventually([&] { return f.held == 1; }));
  f->want(kOne, {{What::agent, "pod", "10.0.0.99"}}, true);
  f.hold = false;
  REQUIRE(test::eventually([&] { return f->asked_all(kOne); }));
  CHECK(f.last_ip() == "10.0.0.99");
}

TEST_CASE("a Service that refuses is tried until it takes a connection") {
  Fixture f;
  f->want(kOne, {kFront}, true);
  CHECK(test::eventually([&] { return f.knocks >= 3; }));
  CHECK(f->front(kOne) == Knock::refused);
  CHECK(test::eventually([&] { return f.news == 1; }));
  f.front = Knock::open;
  CHECK(test::eventually([&] { return f->front(kOne) == Knock::open; }));
  CHECK(test::eventually([&] { return f.news == 2; }));
  CHECK(f.questions == 0);
}

TEST_CASE("a Service that refuses for too long is one of which nothing is known") {
  auto timing = Fixture::quick();
  timing.knock_for = 50ms;
  Fixture f(timing);
  SECTION("when it has an endpoint") {}
  SECTION("when the API server does not say whether it has one") {
    f.has_endpoint = [] { return base::fail("forbidden", "endpointslices"); };
  }
  f->want(kOne, {kFront}, true);
  CHECK(test::eventually([&] { return f->front(kOne) == Knock::unknown; }));
  CHECK(f.knocks >= 2);
  CHECK(f.questions >= 1);
}

TEST_CASE("a Service that has no endpoint is one that has none, until it takes a connection") {
  auto timing = Fixture::quick();
  timing.knock_for = 50ms;
  Fixture f(timing);
  std::atomic<bool> is_known = true;
  f.has_endpoint = [&]() -> base::Result<bool> {
    if (is_known) return false;
    return base::fail("interrupted", "endpointslices");
  };
  f->want(kOne, {kFront}, true);
  REQUIRE(test::eventually([&] { return f->front(kOne) == Knock::no_endpoint; }));
  CHECK(test::eventually([&] { return f.questions >= 3; }));
  is_known = false;
  const int before = f.questions;
  CHECK(test::eventually([&] { return f.questions >= before + 3; }));
  CHECK(f->front(kOne) == Knock::no_endpoint);
  CHECK(test::eventually([&] { return f.news == 2; }));
  f.front = Knock::open;
  CHECK(test::eventually([&] { return f->front(kOne) == Knock::open; }));
}

TEST_CASE("a Service without endpoints is asked for at the pace of settled ones") {
  auto timing = Fixture::quick();
  timing.knock_for = 50ms;
  timing.settled = 1h;
  Fixture f(timing);
  f.has_endpoint = [] { return false; };
  f->want(kOne, {kFront}, true);
  REQUIRE(test::eventually([&] { return f->front(kOne) == Knock::no_endpoint; }));
  f->want(kOne, {kFront}, true);
  std::this_thread::sleep_for(200ms);
  CHECK(f.questions == 1);
}

TEST_CASE("when a Service has endpoints again, kube-proxy gets as long as with the first ones") {
  auto timing = Fixture::quick();
  timing.knock_for = 50ms;
  Fixture f(timing);
  std::atomic<bool> there = false;
  f.has_endpoint = [&] {
    if (there) f.knocks_allowed = f.knocks.load();  // the next one waits
    return there.load();
  };
  f->want(kOne, {kFront}, true);
  REQUIRE(test::eventually([&] { return f->front(kOne) == Knock::no_endpoint; }));
  there = true;
  REQUIRE(test::eventually([&] { return f->front(kOne) == Knock::refused; }));
  SECTION("in which it answers") {
    f.front = Knock::open;
    f.knocks_allowed = 1'000'000;
    CHECK(test::eventually([&] { return f->front(kOne) == Knock::open; }));
  }
  SECTION("after which nothing is known") {
    f.knocks_allowed = 1'000'000;
    CHECK(test::eventually([&] { return f->front(kOne) == Knock::unknown; }));
  }
}

TEST_CASE("where a Service refused, a knock without an answer is a refusal that was lost") {
  auto timing = Fixture::quick();
  timing.blind_for = 1h;
  Fixture f(timing);
  f->want(kOne, {kFront}, true);
  REQUIRE(test::eventually([&] { return f.knocks >= 2; }));
  f.front = Knock::unknown;
  SECTION("however many of its own") {}
  SECTION("and whatever we hear of others") {
    for (const auto* name : {"two", "three", "four"}) f.try_once(name);
  }
  const int before = f.knocks;
  CHECK(test::eventually([&] { return f.knocks >= before + 5; }));
  CHECK(f->front(kOne) == Knock::refused);
  f.front = Knock::open;
  CHECK(test::eventually([&] { return f->front(kOne) == Knock::open; }));
}

TEST_CASE("one knock without an answer says nothing: its refusal may have been lost") {
  Fixture f;
  f.front = Knock::unknown;
  f.knocks_allowed = 1;
  f->want(kOne, {kFront}, true);
  REQUIRE(test::eventually([&] { return f->front(kOne).has_value(); }));
  CHECK(f->front(kOne) == Knock::refused);
  SECTION("an answer counts") {
    f.front = Knock::open;
    f.knocks_allowed = 2;
    CHECK(test::eventually([&] { return f->front(kOne) == Knock::open; }));
  }
  SECTION("two in a row are not a chance") {
    f.knocks_allowed = 2;
    CHECK(test::eventually([&] { return f->front(kOne) == Knock::unknown; }));
    CHECK(f.knocks == 2);
  }
}

TEST_CASE("a Service that gives no answer and has no endpoint is one that has none, asked for or not") {
  auto timing = Fixture::quick();
  timing.knock_for = 50ms;
  timing.blind_for = 1h;
  Fixture f(timing);
  f.front = Knock::unknown;
  std::atomic<bool> there = false;
  f.has_endpoint = [&] { return there.load(); };
  SECTION("whatever it is asked") {}
  SECTION("when none is asked any more, since so many gave no answer") {
    for (const auto* name : {"two", "three", "four"}) f.try_once(name);
  }
  f->want(kOne, {kFront}, true);
  REQUIRE(test::eventually([&] { return f->front(kOne) == Knock::no_endpoint; }));
  there = true;
  CHECK(test::eventually([&] { return f->front(kOne) == Knock::unknown; }));
}

TEST_CASE("an API server that takes long holds one thread, however many Services wait for its word") {
  auto timing = Fixture::quick();
  timing.knock_for = 0ms;
  std::atomic<bool> silent = true;
  Fixture f(timing);
  f.has_endpoint = [&]() -> base::Result<bool> {
    while (silent) std::this_thread::sleep_for(1ms);
    return true;
  };
  f->want(kOne, {kFront}, false);
  CHECK(test::eventually([&] { return f.questions == 1; }));
  f->want(kTwo, {kAgent, {What::front, "two", "10.96.0.10", 8080}}, false);
  CHECK(f.asked_more(3));
  CHECK(test::eventually([&] { return f->front(kTwo) == Knock::refused; }));
  CHECK(f.questions == 1);
  silent = false;
  CHECK(test::eventually([&] { return f->front(kOne) == Knock::unknown && f->front(kTwo) == Knock::unknown; }));
}

TEST_CASE("where no Service gives an answer, none is asked for a while") {
  auto timing = Fixture::quick();
  timing.blind_for = timing.busy = timing.settled = 1h;
  Fixture f(timing);
  f.front = Knock::unknown;
  for (int i = 0; i < 10; ++i) f.try_once("s" + std::to_string(i));
  CHECK(f.knocks >= 3);
  const int before = f.knocks;
  for (int i = 10; i < 20; ++i) f.try_once("s" + std::to_string(i));
  CHECK(f.knocks == before);
}

TEST_CASE("the next turn of a Pod is up to an eighth of its pace early, the same for those of one span") {
  const auto next = [](std::chrono::nanoseconds asked, std::chrono::nanoseconds pace) {
    return Sampler::next_turn(Sampler::Time{asked}, pace).time_since_epoch();
  };
  constexpr std::chrono::nanoseconds kSpan{1 << 30};  // a little more than a second
  CHECK(next(20 * kSpan, 10 * kSpan) == 30 * kSpan);
  CHECK(next(21 * kSpan - 1ns, 10 * kSpan) == 30 * kSpan);
  CHECK(next(21 * kSpan, 10 * kSpan) == 31 * kSpan);
  CHECK(next(21 * kSpan, 15 * kSpan + 1ns) == 36 * kSpan);
  CHECK(next(21 * kSpan, 16 * kSpan) == 36 * kSpan);
  CHECK(next({}, 5ns) == 5ns);
  for (auto pace = 1ms; pace < 180s; pace = pace * 3 / 2 + 1ms) CHECK(next(12345ms, pace) > 12345ms + pace * 7 / 8);
}

TEST_CASE("Pods whose time has come are asked at once, at most 32 of them") {
  Fixture f;
  f.hold = true;  // both threads are busy until many are due
  f->want(kOne, {{What::agent, "a", "10.0.0.1"}}, false);
  REQUIRE(test::eventually([&] { return f.held == 1; }));
  f->want(kTwo, {{What::agent, "b", "10.0.0.2"}}, false);
  REQUIRE(test::eventually([&] { return f.held == 2; }));
  std::vector<Sampler::Target> many;
  for (int i = 0; i < 40; ++i) many.push_back({What::agent, "p" + std::to_string(i), "10.0.1." + std::to_string(i)});
  f->want({Key::Kind::service, "edge", "many"}, many, false);
  f.hold = false;
  REQUIRE(f.asked_more(42));
  CHECK(f.most_at_once == 32);
}

TEST_CASE("once all is forgotten nobody is asked any more, until somebody wants to know again") {
  Fixture f;
  f->want(kOne, {kAgent}, true);
  f->want(kTwo, {kAgent, {What::agent, "other", "10.0.0.8"}}, true);
  REQUIRE(f.asked_more(4));
  f->forget();
  CHECK(f.falls_silent());
  CHECK(f->agents(kTwo).empty());
  f->want(kTwo, {kAgent}, true);
  CHECK(f.asked_more(2));
}
