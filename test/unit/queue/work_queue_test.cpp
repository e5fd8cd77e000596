#include "reconciler/queue/work_queue.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include "test/catch.hpp"
#include "test/support/eventually.hpp"

using namespace std::chrono_literals;
using reconciler::Key;
using reconciler::WorkQueue;

namespace {

Key key(const std::string& name) { return {Key::Kind::service, "edge", name}; }

std::chrono::milliseconds elapsed(std::chrono::steady_clock::time_point since) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - since);
}

/// The next key; none when it does not come in good time.
std::optional<Key> taken(WorkQueue& queue) {
  std::atomic<bool> came = false;
  std::thread patience([&] {
    if (!test::eventually([&] { return came.load(); }, 20s)) queue.shut_down();
  });
  auto key = queue.take();
  came = true;
  patience.join();
  return key;
}

}  // namespace

TEST_CASE("a key that is added twice is taken once, in the order of the first") {
  WorkQueue queue;
  queue.add(key("a"));
  queue.add(key("b"));
  queue.add(key("a"));
  CHECK(queue.depth() == 2);
  CHECK(queue.take() == key("a"));
  CHECK(queue.take() == key("b"));
  CHECK(queue.depth() == 0);
}

TEST_CASE("what comes again and again while a key rests is one pass, once it has rested") {
  const auto rest = GENERATE(as<std::chrono::milliseconds>{}, 1h, 200ms);
  WorkQueue queue({.rest = rest});
  queue.add(key("a"));
  CHECK(queue.take() == key("a"));
  const auto ended = std::chrono::steady_clock::now();
  queue.done(key("a"));
  for (int i = 0; i < 3; ++i) queue.add(key("a"));
  if (rest == 1h) {
    queue.add(key("b"));
    CHECK(queue.take() == key("b"));
  } else {
    CHECK(taken(queue) == key("a"));
    CHECK(elapsed(ended) >= rest);
  }
  CHECK(queue.depth() == 0);
}

TEST_CASE("services go before Models, which wait their time and then take every fourth turn") {
  const auto model = [](const std::string& name) { return Key{Key::Kind::model, "edge", name}; };
  const auto fill = [&](WorkQueue& queue) {
    for (const auto* name : {"m", "n"}) queue.add(model(name));
    for (const auto* name : {"a", "b", "c", "d", "e"}) queue.add(key(name));
  };
  WorkQueue patient({.models_rest = 0ms, .models_wait = 1h});
  fill(patient);
  for (const auto* name : {"a", "b", "c", "d", "e"}) CHECK(patient.take() == key(name));
  CHECK(patient.take() == model("m"));
  CHECK(patient.oldest() < 10min);
  WorkQueue hurried({.models_rest = 0ms, .models_wait = 0ms});
  fill(hurried);
  for (const auto* name : {"a", "b", "c"}) CHECK(hurried.take() == key(name));
  CHECK(hurried.take() == model("m"));
  CHECK(hurried.take() == key("d"));
}

TEST_CASE("what happens to a Model within a moment is one pass, unless it is due at once") {
  const Key model{Key::Kind::model, "edge", "m"};
  WorkQueue queue({.models_rest = 150ms});
  const auto began = std::chrono::steady_clock::now();
  queue.add(model);
  queue.add(key("a"));
  CHECK(queue.take() == key("a"));
  // What happens to it without end does not put it off without end.
  std::atomic<bool> over = false;
  std::thread happenings([&] {
    while (!over) {
      queue.add(model);
      std::this_thread::sleep_for(1ms);
    }
  });
  CHECK(taken(queue) == model);
  CHECK(elapsed(began) >= 150ms);
  over = true;
  happenings.join();
  queue.add(model);  // while it is worked on: after its rest
  const auto ended = std::chrono::steady_clock::now();
  queue.done(model);
  CHECK(taken(queue) == model);
  CHECK(elapsed(ended) >= 150ms);
  queue.done(model);
  queue.add_after({Key::Kind::model, "edge", "n"}, 0ms);
  CHECK(queue.depth() == 1);
}

TEST_CASE("a key that is added while it is worked on comes again afterwards, and not before") {
  WorkQueue queue;
  queue.add(key("a"));
  REQUIRE(queue.take() == key("a"));
  queue.add(key("a"));
  queue.add(key("b"));
  CHECK(queue.take() == key("b"));
  CHECK(queue.depth() == 0);
  queue.done(key("a"));
  CHECK(queue.take() == key("a"));
}

TEST_CASE("a delayed key comes when it is due, and the earliest wish wins") {
  WorkQueue queue;
  const auto began = std::chrono::steady_clock::now();
  SECTION("later wishes change nothing") {
    queue.add_after(key("a"), 100ms);
    queue.add_after(key("a"), 1h);
  }
  SECTION("earlier wishes win") {
    queue.add_after(key("a"), 1h);
    queue.add_after(key("a"), 100ms);
  }
  CHECK(taken(queue) == key("a"));
  CHECK(elapsed(began) >= 100ms);
}

TEST_CASE("adding at once overtakes a delay, and the delay is used up") {
  WorkQueue queue({.rest = 0ms});
  queue.add_after(key("a"), 50ms);
  queue.add(key("a"));
  REQUIRE(queue.take() == key("a"));
  queue.done(key("a"));
  queue.add_after(key("b"), 150ms);
  CHECK(taken(queue) == key("b"));
}

TEST_CASE("retries back off per key, success starts afresh, and a server's patience is kept") {
  WorkQueue queue({.first_retry = 40ms, .longest_retry = 100ms});
  const auto wait = [&](std::chrono::milliseconds floor) {
    const auto began = std::chrono::steady_clock::now();
    queue.retry(key("a"), floor);
    REQUIRE(taken(queue) == key("a"));
    queue.done(key("a"));
    return elapsed(began);
  };
  CHECK(wait(0ms) >= 20ms);
  CHECK(wait(0ms) >= 40ms);
  for (int i = 0; i < 9; ++i) CHECK(wait(0ms) >= 50ms);  // without a bound the last would be 40 s
  queue.succeeded(key("a"));
  CHECK(wait(300ms) >= 300ms);
}

TEST_CASE("after a success a key's failures are forgotten") {
  WorkQueue queue({.first_retry = 1ms, .longest_retry = 1h, .rest = 0ms});
  for (int i = 0; i < 17; ++i) queue.retry(key("a"));
  REQUIRE(taken(queue) == key("a"));
  queue.done(key("a"));
  queue.succeeded(key("a"));
  queue.retry(key("a"));
  CHECK(taken(queue) == key("a"));  // one failure more would be a minute
}

TEST_CASE("a worker that sleeps for a due key is not lost when another takes what came in between") {
  WorkQueue queue;
  std::atomic<int> count = 0;
  std::atomic<bool> over = false;
  std::vector<std::thread> workers;
  for (int i = 0; i < 2; ++i) {
    workers.emplace_back([&] {
      while (const auto got = queue.take()) {
        ++count;
        while (got->name == "long" && !over) std::this_thread::sleep_for(1ms);
        queue.done(*got);
      }
    });
  }
  std::this_thread::sleep_for(30ms);
  queue.add_after(key("due"), 100ms);
  queue.add(key("long"));
  CHECK(test::eventually([&] { return count == 2; }));  // "due" did not wait for "long"
  over = true;
  queue.shut_down();
  for (auto& worker : workers) worker.join();
}

TEST_CASE("many threads never work on one key at once, and nothing is lost") {
  WorkQueue queue;
  constexpr int kKeys = 5;
  std::atomic<int> working[kKeys] = {};
  std::atomic<int> overlaps = 0;
  std::atomic<int> done[kKeys] = {};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      while (const auto got = queue.take()) {
        const int n = got->name[0] - '0';
        if (++working[n] != 1) ++overlaps;
        std::this_thread::yield();
        --working[n];
        ++done[n];
        queue.done(*got);
      }
    });
  }
  for (int round = 0; round < 300; ++round)
    for (int n = 0; n < kKeys; ++n) {
      if (round % 3 == 0) {
        queue.add_after(key(std::to_string(n)), 1ms);
      } else {
        queue.add(key(std::to_string(n)));
      }
    }
  while (queue.depth() > 0) std::this_thread::sleep_for(5ms);
  std::this_thread::sleep_for(50ms);
  queue.shut_down();
  for (auto& thread : threads) thread.join();
  CHECK(overlaps == 0);
  for (const auto& count : done) CHECK(count > 0);
}

TEST_CASE("shutting down wakes every worker") {
  WorkQueue queue;
  std::thread worker([&] { CHECK_FALSE(queue.take()); });
  std::this_thread::sleep_for(20ms);
  queue.shut_down();
  worker.join();
  queue.add(key("late"));
  CHECK_FALSE(queue.take());
}

TEST_CASE("the patience that a server asked for is kept by whatever comes meanwhile") {
  WorkQueue queue({.first_retry = 1ms, .longest_retry = 1ms, .rest = 0ms});
  queue.add(key("a"));
  REQUIRE(taken(queue) == key("a"));
  const auto began = std::chrono::steady_clock::now();
  queue.add_after(key("a"), 10ms);
  queue.retry(key("a"), 300ms);
  queue.done(key("a"));
  queue.add(key("a"));
  REQUIRE(taken(queue) == key("a"));
  CHECK(elapsed(began) >= 300ms);
}
