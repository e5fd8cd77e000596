#include "reconciler/pod/agent/gate/scheduler.hpp"

#include <random>

#include "test/catch.hpp"

using agent::Policy;
using agent::Scheduler;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Refusal = Scheduler::Refusal;
using Ticket = Scheduler::Ticket;
using Tickets = std::vector<Ticket>;

namespace {

/// A scheduler with its clock; what it admits and refuses is collected.
struct Bench {
  explicit Bench(std::size_t places = 1) : scheduler(places, clock) {
    scheduler.configure(
        {.policy = Policy::fair, .min_residency = seconds{5}, .max_turn = seconds{30}, .max_wait = seconds{600}});
  }

  void resident(const std::vector<std::string>& names) {
    std::vector<Scheduler::Observed> seen;
    for (const auto* name : {"a", "b", "c"})
      seen.push_back({name, std::ranges::find(names, name) != names.end(), false, {}});
    pass(milliseconds{1});
    scheduler.observe(seen, clock.steady());
    pass(milliseconds{1});
  }
  void pass(std::chrono::nanoseconds time) { clock.advance(time); }
  /// Who goes in now.
  Tickets admitted() {
    Tickets out;
    for (const auto& decision : scheduler.decide()) {
      if (decision.refusal == Refusal::none) {
        out.push_back(decision.ticket);
      } else {
        refused.push_back(decision);
      }
    }
    return out;
  }
  /// A request that goes in at once.
  Ticket go(const std::string& model) {
    const auto ticket = scheduler.arrive(model);
    REQUIRE(admitted() == Tickets{ticket});
    return ticket;
  }
  /// A request that has to wait.
  Ticket wait(const std::string& model) {
    const auto ticket = scheduler.arrive(model);
    REQUIRE(admitted().empty());
    return ticket;
  }
  /// It goes on when its wake-up is due.
  void sleep() {
    const auto next = scheduler.next_wakeup();
    REQUIRE(next.has_value());
    REQUIRE(*next > clock.steady());
    clock.advance(*next - clock.steady());
  }

  base::ManualClock clock;
  Scheduler scheduler;
  std::vector<Scheduler::Decision> refused;
};

}  // namespace

TEST_CASE("a request for the open model goes in at once") {
  Bench bench;
  bench.resident({"a"});
  bench.go("a");
  bench.go("a");
  CHECK(bench.scheduler.in_flight("a") == 2);
  CHECK_FALSE(bench.scheduler.next_wakeup().has_value());
}

TEST_CASE("a request takes a free place at once") {
  Bench bench;
  bench.resident({});
  bench.go("b");
  CHECK(bench.scheduler.counts().swaps == 0);
}

TEST_CASE("an idle model gives its place at once, a pausing one after the pause") {
  Bench bench;
  bench.resident({"a"});
  SECTION("never used") { bench.go("b"); }
  SECTION("used a while ago") {
    bench.scheduler.leave(bench.go("a"));
    bench.pass(milliseconds{60});
    bench.go("b");
  }
  SECTION("used this moment, within its residency") {
    bench.scheduler.leave(bench.go("a"));
    const auto b = bench.wait("b");
    bench.scheduler.leave(bench.go("a"));
    bench.sleep();
    CHECK(bench.admitted() == Tickets{b});
  }
  SECTION("used this moment, its residency over") {
    bench.pass(seconds{5});
    bench.scheduler.leave(bench.go("a"));
    bench.go("b");
  }
  CHECK(bench.scheduler.counts().swaps == 1);
  CHECK(bench.scheduler.counts().drains == 0);
}

TEST_CASE("a busy model is drained when its turn is over, and swapped with nothing in flight") {
  Bench bench;
  bench.resident({"a"});
  const auto first = bench.go("a");
  bench.pass(seconds{10});
  const auto b = bench.wait("b");
  const auto second = bench.go("a");
  bench.sleep();
  CHECK(bench.admitted().empty());
  const auto held = bench.wait("a");
  bench.scheduler.leave(first);
  CHECK(bench.admitted().empty());
  bench.scheduler.leave(second);
  CHECK(bench.admitted() == Tickets{b});
  CHECK(bench.scheduler.in_flight("a") == 0);

  SECTION("the drained model's requests come next") {
    bench.scheduler.answered(b, false);
    bench.scheduler.leave(b);
    CHECK(bench.admitted().empty());
    bench.sleep();
    CHECK(bench.admitted() == Tickets{held});
  }
  SECTION("the next swap waits for this one's load, and the turn begins after it") {
    bench.pass(seconds{60});
    CHECK(bench.admitted().empty());
    SECTION("as an answer shows") { bench.scheduler.answered(b, false); }
    SECTION("as a listing shows") {
      bench.scheduler.observe({{"a", false, false, {}}, {"b", true, true, {}}}, bench.clock.steady());
    }
    CHECK(bench.admitted().empty());
    bench.pass(seconds{29});
    CHECK(bench.admitted().empty());
    bench.go("b");
  }
}

TEST_CASE("when nobody waits any more, a drained model goes on") {
  Bench bench;
  bench.resident({"a"});
  const auto busy = bench.go("a");
  bench.pass(seconds{31});
  const auto b = bench.wait("b");
  const auto first = bench.wait("a");
  const auto second = bench.wait("a");
  bench.scheduler.leave(b);
  CHECK(bench.admitted() == Tickets{first, second});
  bench.scheduler.leave(busy);
}

TEST_CASE("the model that has waited longest is next") {
  Bench bench;
  bench.resident({"a"});
  const auto busy = bench.go("a");
  const auto c = bench.wait("c");
  bench.pass(seconds{1});
  const auto b = bench.wait("b");
  const auto c2 = bench.wait("c");
  bench.pass(seconds{30});
  CHECK(bench.admitted().empty());
  bench.scheduler.leave(busy);
  CHECK(bench.admitted() == Tickets{c, c2});
  bench.scheduler.answered(c, false);
  bench.scheduler.leave(c);
  bench.scheduler.leave(c2);
  bench.pass(seconds{1});
  CHECK(bench.admitted() == Tickets{b});
}

TEST_CASE("with two places the idle model that was used longest ago goes") {
  Bench bench(2);
  bench.resident({"a", "b"});
  const auto b = bench.go("b");
  bench.pass(seconds{1});
  bench.scheduler.leave(bench.go("a"));
  bench.pass(seconds{1});

  SECTION("of two idle ones by its dispatch, not by its end") {
    bench.scheduler.leave(b);
    bench.pass(seconds{1});
    bench.go("c");
    CHECK(bench.scheduler.is_open("a"));
    CHECK_FALSE(bench.scheduler.is_open("b"));
  }
  SECTION("a busy one stays") {
    bench.go("c");
    CHECK_FALSE(bench.scheduler.is_open("a"));
    CHECK(bench.scheduler.is_open("b"));
  }
}

TEST_CASE("with two busy places the one opened first is drained, but whoever is idle first gives its place") {
  Bench bench(2);
  bench.resident({"a"});
  const auto a = bench.go("a");
  bench.pass(seconds{3});
  const auto b = bench.go("b");
  bench.scheduler.answered(b, false);
  bench.pass(seconds{27});
  const auto c = bench.wait("c");
  CHECK_FALSE(bench.scheduler.is_open("a"));
  SECTION("the drained one") { bench.scheduler.leave(a); }
  SECTION("the other one") {
    bench.scheduler.leave(b);
    bench.pass(seconds{6});
  }
  CHECK(bench.admitted() == Tickets{c});
}

TEST_CASE("who waits too long is refused and told what is ahead") {
  Bench bench;
  bench.resident({"a"});
  bench.scheduler.configure({.max_turn = seconds{3600}, .max_wait = seconds{10}});
  bench.go("a");
  bench.wait("c");
  const auto b = bench.wait("b");
  bench.pass(seconds{4});
  const auto later = bench.wait("b");
  bench.sleep();
  CHECK(bench.admitted().empty());
  REQUIRE(bench.refused.size() == 2);
  CHECK(bench.refused[0].ticket == b);
  CHECK(bench.refused[0].refusal == Refusal::waited_too_long);
  CHECK_THAT(bench.refused[0].message, ContainsSubstring("a with 1 requests in flight, for 10 s, c with 1 requests"));
  CHECK(bench.scheduler.waiting() == std::map<std::string, std::size_t>{{"b", 1}});
  bench.scheduler.leave(later);
  CHECK(bench.scheduler.waiting().empty());
}

TEST_CASE("a failed load answers what waits, and for a while what comes, and evicts nobody for it") {
  Bench bench;
  bench.resident({});
  const auto b = bench.go("b");
  bench.scheduler.answered(b, true);
  bench.scheduler.leave(b);
  bench.pass(milliseconds{1});
  bench.scheduler.observe({{"a", true, true, {}}, {"b", false, false, "failed to load (exit code 1)"}},
                          bench.clock.steady());
  bench.pass(milliseconds{1});
  bench.wait("b");
  REQUIRE(bench.refused.size() == 1);
  CHECK(bench.refused[0].refusal == Refusal::load_failed);
  CHECK_THAT(bench.refused[0].message, ContainsSubstring("model b failed to load (exit code 1)"));
  CHECK(bench.scheduler.is_open("a"));
  bench.pass(seconds{11});
  bench.go("b");
}

TEST_CASE("a model that llama-server dropped gives its place, one that it loaded has one") {
  Bench bench;
  bench.resident({"a"});
  bench.resident({});
  CHECK_FALSE(bench.scheduler.is_open("a"));
  bench.resident({"b"});
  CHECK(bench.scheduler.is_open("b"));
}

TEST_CASE("a listing that is older than a decision does not undo it") {
  Bench bench;
  bench.resident({"a"});
  const auto asked = bench.clock.steady();
  bench.pass(milliseconds{1});
  bench.scheduler.leave(bench.go("b"));
  bench.scheduler.observe({{"a", true, true, {}}, {"b", false, false, {}}}, asked);
  CHECK(bench.scheduler.is_open("b"));
  CHECK_FALSE(bench.scheduler.is_open("a"));
}

TEST_CASE("the agent loads into a free place only") {
  Bench bench;
  bench.resident({});
  SECTION("free") {
    const auto load = bench.scheduler.begin_load("a");
    REQUIRE(load.has_value());
    const auto b = bench.wait("b");
    bench.go("a");
    CHECK_FALSE(bench.scheduler.begin_load("c").has_value());
    bench.scheduler.leave(*load);
    CHECK(bench.admitted().empty());
    CHECK(bench.scheduler.waiting().at("b") == 1);
    bench.scheduler.leave(b);
  }
  SECTION("taken") {
    bench.go("b");
    CHECK_FALSE(bench.scheduler.begin_load("a").has_value());
  }
}

TEST_CASE("held models get nothing new, and go on afterwards") {
  Bench bench(2);
  bench.resident({"a", "b"});
  bench.go("a");
  bench.scheduler.hold({"a"}, false);
  const auto held = bench.wait("a");
  bench.scheduler.leave(bench.go("b"));
  bench.scheduler.hold({"a"}, true);
  bench.pass(seconds{1});
  const auto frozen = bench.wait("c");
  bench.scheduler.hold({}, false);
  CHECK(bench.admitted() == Tickets{held, frozen});
}

TEST_CASE("a stopping Pod refuses what waits, serves open models a little longer, and ends what is in flight") {
  Bench bench;
  bench.resident({"a"});
  const auto running = bench.go("a");
  bench.wait("b");
  bench.scheduler.close(seconds{1});
  CHECK(bench.admitted().empty());
  REQUIRE(bench.refused.size() == 1);
  CHECK(bench.refused[0].refusal == Refusal::draining);
  bench.scheduler.leave(bench.go("a"));
  bench.pass(seconds{1});
  bench.wait("a");
  CHECK(bench.refused.size() == 2);
  CHECK(bench.scheduler.in_flight() == 1);
  bench.scheduler.leave(running);
}

TEST_CASE("what was closed can be opened again") {
  Bench bench;
  bench.resident({"a"});
  bench.scheduler.close(milliseconds{0});
  bench.wait("a");
  CHECK(bench.refused.size() == 1);
  bench.scheduler.reopen();
  bench.go("a");
}

TEST_CASE("under Direct everything goes in") {
  Bench bench;
  bench.resident({"a"});
  bench.go("a");
  const auto b = bench.wait("b");
  bench.scheduler.configure({.policy = Policy::direct});
  CHECK(bench.admitted() == Tickets{b});
  bench.go("c");
}

TEST_CASE("a model whose process may have died gets nothing new until that is seen, or for a second") {
  Bench bench;
  bench.resident({"a"});
  const auto first = bench.go("a");
  const auto second = bench.go("a");
  bench.pass(seconds{10});
  bench.scheduler.doubt(first);
  const auto third = bench.wait("a");
  const auto again = bench.scheduler.arrive_again(first);
  REQUIRE(again.has_value());
  CHECK(*again > third);
  CHECK(bench.scheduler.in_flight("a") == 1);
  CHECK(bench.admitted().empty());
  SECTION("seen gone") {
    bench.resident({});
    CHECK(bench.admitted() == Tickets{third, *again});
  }
  SECTION("seen gone, and another waits for longer") {
    const auto b = bench.wait("b");
    bench.scheduler.leave(second);
    bench.resident({});
    CHECK(bench.admitted() == Tickets{third, *again});
    bench.scheduler.answered(third, false);
    CHECK(bench.admitted().empty());
    for (const auto ticket : {third, *again}) bench.scheduler.leave(ticket);
    bench.sleep();
    CHECK(bench.admitted() == Tickets{b});
  }
  SECTION("a listing from before says nothing") {
    bench.scheduler.observe({{"a", false, false, {}}}, bench.clock.steady() - seconds{1});
    CHECK(bench.admitted().empty());
  }
  SECTION("never seen gone") {
    bench.scheduler.observe({{"a", true, true, {}}}, bench.clock.steady());
    bench.sleep();
    CHECK(bench.admitted() == Tickets{third, *again});
    CHECK(bench.scheduler.next_wakeup() == std::nullopt);
  }
}

TEST_CASE("who waits again has waited from its first arrival on") {
  Bench bench;
  bench.resident({"a"});
  const auto first = bench.go("a");
  bench.pass(seconds{599});
  bench.scheduler.doubt(first);
  const auto young = bench.wait("a");
  const auto again = bench.scheduler.arrive_again(first);
  REQUIRE(again.has_value());
  bench.scheduler.hold({"a"}, false);
  bench.pass(milliseconds{1});
  bench.sleep();
  CHECK(bench.admitted().empty());
  REQUIRE(bench.refused.size() == 1);
  CHECK(bench.refused[0].ticket == *again);
  CHECK(bench.refused[0].refusal == Refusal::waited_too_long);
  bench.scheduler.hold({}, false);
  bench.pass(seconds{1});
  CHECK(bench.admitted() == Tickets{young});
  bench.pass(seconds{600});
  CHECK_FALSE(bench.scheduler.arrive_again(young).has_value());
  CHECK(bench.scheduler.in_flight("a") == 1);
}

// Properties over random traces, against a llama-server that loads, evicts and answers.

namespace {

struct World {
  World(std::size_t place_count, std::size_t model_count, std::uint64_t seed)
      : places(place_count), names(model_count), random(seed), scheduler(place_count, clock) {
    for (std::size_t i = 0; i < model_count; ++i) names[i] = std::string(1, static_cast<char>('a' + i));
    scheduler.configure({.min_residency = kMinResidency, .max_turn = kMaxTurn, .max_wait = std::chrono::hours{10}});
  }

  static constexpr milliseconds kMinResidency{500};
  static constexpr milliseconds kMaxTurn{3'000};
  static constexpr milliseconds kLongest{2'000};
  static constexpr milliseconds kLoad{1'000};
  static constexpr milliseconds kLinger{50};
  static constexpr milliseconds kDoubtedFor{1'000};

  struct Running {
    std::string model;
    base::SteadyTime answer;
    base::SteadyTime end;
    bool answered = false;
  };
  struct Waiting {
    std::string model;
    base::SteadyTime arrived;
    std::size_t ahead = 0;
  };

  milliseconds up_to(milliseconds longest) {
    return milliseconds{static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(longest.count())) + 1};
  }

  bool busy(const std::string& model) const {
    return std::ranges::any_of(running, [&](const auto& entry) { return entry.second.model == model; });
  }

  /// llama-server gets a request: it loads into a free place, else in the place of an idle model.
  void dispatch(Ticket ticket, const std::string& model) {
    base::SteadyTime ready = clock.steady();
    if (const auto known = loaded.find(model); known != loaded.end()) {
      ready = std::max(ready, known->second);
    } else {
      if (loaded.size() >= places) {
        // The property that all is about: someone is idle, so nothing in flight is hurt.
        std::string victim;
        for (const auto& name : used) {
          if (loaded.contains(name) && !busy(name)) {
            victim = name;
            break;
          }
        }
        REQUIRE_FALSE(victim.empty());
        loaded.erase(victim);
      }
      ready += up_to(kLoad);
      loaded[model] = ready;
    }
    std::erase(used, model);
    used.push_back(model);
    const auto answer = ready + milliseconds{1};
    running[ticket] = {model, answer, answer + up_to(kLongest), false};

    std::set<std::string> in_flight;
    for (const auto& [id, one] : running) in_flight.insert(one.model);
    REQUIRE(in_flight.size() <= places);
  }

  void settle() {
    for (const auto& decision : scheduler.decide()) {
      REQUIRE(decision.refusal == Refusal::none);
      const auto request = waiting.at(decision.ticket);
      waiting.erase(decision.ticket);
      // First come, first served within a model.
      REQUIRE(last_admitted[request.model] < decision.ticket);
      last_admitted[request.model] = decision.ticket;
      // No one starves.
      const auto bound =
          (kMaxTurn + kLongest + kLoad + kLinger + milliseconds{10}) * static_cast<std::int64_t>(request.ahead + 1) +
          deaths * (kDoubtedFor + kLoad);
      REQUIRE(clock.steady() - request.arrived <= bound);
      dispatch(decision.ticket, request.model);
    }
    check_work_conserving();
  }

  /// While someone waits, every place is busy, or being loaded, or idle for less than the linger.
  void check_work_conserving() {
    const auto anyone =
        std::ranges::any_of(waiting, [&](const auto& entry) { return !scheduler.is_open(entry.second.model); });
    if (!anyone) return;
    const bool loading = std::ranges::any_of(running, [](const auto& entry) { return !entry.second.answered; });
    std::size_t busy_places = 0;
    bool one_lingers = false;
    for (const auto& name : names) {
      busy_places += busy(name) ? 1 : 0;
      const bool idle_for_a_moment = idle_since.contains(name) && clock.steady() - idle_since[name] < kLinger;
      one_lingers = one_lingers || (!busy(name) && idle_for_a_moment);
    }
    REQUIRE((loading || one_lingers || busy_places >= places));
  }

  void arrive(const std::string& model, std::optional<Ticket> again = std::nullopt) {
    std::size_t ahead = 0;
    for (const auto& [name, count] : scheduler.waiting()) ahead += name != model ? 1 : 0;
    const auto ticket = again ? *again : scheduler.arrive(model);
    waiting[ticket] = {model, clock.steady(), ahead};
  }

  /// The process of a model ends; what is not answered yet is tried again.
  void die(std::string model) {  // a copy: it may be named by what is erased here
    ++deaths;
    loaded.erase(model);
    std::erase(used, model);
    for (auto at = running.begin(); at != running.end();) {
      const auto [ticket, one] = *at;
      if (one.model != model) {
        ++at;
        continue;
      }
      at = running.erase(at);
      scheduler.doubt(ticket);
      if (one.answered) {
        scheduler.leave(ticket);
      } else {
        arrive(model, scheduler.arrive_again(ticket));
      }
    }
    idle_since[model] = clock.steady();
  }

  /// The next thing that happens in llama-server.
  std::optional<base::SteadyTime> next_event() const {
    std::optional<base::SteadyTime> next;
    for (const auto& [ticket, one] : running) {
      const auto at = one.answered ? one.end : one.answer;
      if (!next || at < *next) next = at;
    }
    return next;
  }

  void happen() {
    for (auto& [ticket, one] : running) {
      if (!one.answered && one.answer <= clock.steady()) {
        one.answered = true;
        scheduler.answered(ticket, false);
      }
    }
    for (auto at = running.begin(); at != running.end();) {
      if (at->second.end > clock.steady()) {
        ++at;
        continue;
      }
      const auto model = at->second.model;
      scheduler.leave(at->first);
      at = running.erase(at);
      if (!busy(model)) idle_since[model] = clock.steady();
    }
  }

  /// Goes to the next event, or to `arrival` if that is earlier.
  void advance(std::optional<base::SteadyTime> arrival) {
    auto next = next_event();
    const auto consider = [&next](std::optional<base::SteadyTime> time) {
      if (time && (!next || *time < *next)) next = time;
    };
    consider(arrival);
    consider(scheduler.next_wakeup());
    // No lost wake-up: as long as anyone waits, something will happen.
    REQUIRE(next.has_value());
    if (*next > clock.steady()) clock.advance(*next - clock.steady());
    happen();
  }

  const std::size_t places;
  std::vector<std::string> names;
  std::mt19937_64 random;
  base::ManualClock clock;
  Scheduler scheduler;
  std::map<std::string, base::SteadyTime> loaded;
  std::vector<std::string> used;
  std::map<Ticket, Running> running;
  std::map<Ticket, Waiting> waiting;
  std::map<std::string, Ticket> last_admitted;
  std::map<std::string, base::SteadyTime> idle_since;
  std::int64_t deaths = 0;
};

}  // namespace

TEST_CASE("random traces: never more models in flight than places, FIFO, no starvation, no lost wake-up") {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    const std::size_t places = 1 + seed % 3;
    CAPTURE(seed, places);
    World world(places, places + 1 + seed / 3 % 3, seed);
    const milliseconds pace{seed % 5 == 0 ? 20 : seed % 5 == 1 ? 2'000 : 300};
    auto arrival = world.clock.steady();
    for (int arrivals = 0; arrivals < 300;) {
      if (world.clock.steady() >= arrival) {
        // One model is asked for more than the others.
        const auto pick = world.random() % 3 == 0 ? 0 : world.random() % world.names.size();
        world.arrive(world.names[pick]);
        ++arrivals;
        arrival = world.clock.steady() + world.up_to(pace);
        // Now and then a client gives up.
        if (world.random() % 10 == 0 && !world.waiting.empty()) {
          const auto given_up = world.waiting.begin()->first;
          world.scheduler.leave(given_up);
          world.waiting.erase(given_up);
        }
      }
      if (seed % 4 == 0 && !world.running.empty() && world.random() % 50 == 0)
        world.die(world.running.begin()->second.model);
      world.settle();
      world.advance(arrival);
    }
    while (!world.waiting.empty() || !world.running.empty()) {
      world.settle();
      if (world.waiting.empty() && world.running.empty()) break;
      world.advance(std::nullopt);
    }
    CHECK(world.scheduler.in_flight() == 0);
    CHECK(world.scheduler.waiting().empty());
  }
}
