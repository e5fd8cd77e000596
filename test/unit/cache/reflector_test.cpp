#include "reconciler/cache/reflector.hpp"

#include <csignal>
#include <thread>

#include "test/catch.hpp"
#include "test/fakes/api_server/api_server.hpp"
#include "test/support/eventually.hpp"

using namespace std::chrono_literals;
using namespace reconciler;
using fakes::Fault;
using fakes::Json;

namespace {

[[maybe_unused]] const auto kNoSigpipe = std::signal(SIGPIPE, SIG_IGN);

const std::string kModels = "/apis/inference.llmkube.dev/v1alpha1/namespaces/edge/models";

Json model(const std::string& name) {
  return {{"apiVersion", "inference.llmkube.dev/v1alpha1"},
          {"kind", "Model"},
          {"metadata", {{"name", name}}},
          {"spec", {{"source", "http://host/" + name}}}};
}

/// A reflector of Models at work.
struct Fixture {
  Fixture() {
    net::ApiConfig config;
    config.server = server.url();
    api = std::move(*net::ApiClient::make(config));
    for (const auto* name : {"a", "b", "c"}) server.create(kModels, model(name));
  }
  void start() {
    reflector = std::make_unique<Reflector>(*api, cache, Resource::model, "",
                                            Reflector::Timing{.page_size = 2,
                                                              .watch_timeout = 60s,
                                                              .watch_silence = silence,
                                                              .first_retry = retry,
                                                              .longest_retry = 10 * retry},
                                            [this](std::string_view, std::string_view reason) {
                                              const std::lock_guard lock(mutex);
                                              restarts.emplace_back(reason);
                                            });
    thread = std::thread([this] { reflector->run(); });
  }
  ~Fixture() {
    if (!reflector) return;
    reflector->stop();
    thread.join();
  }
  /// Waits until the cache holds exactly what the server holds.
  bool converges() {
    return test::eventually([this] {
      std::set<std::string> there;
      for (const auto& object : server.list(kModels))
        there.insert(object["metadata"]["name"].get<std::string>() +
                     object["metadata"]["resourceVersion"].get<std::string>());
      std::set<std::string> here;
      for (const auto& key : cache.keys()) {
        if (const auto live = cache.live(Resource::model, key.namespace_, key.name))
          here.insert(key.name + live->resource_version);
      }
      return here == there;
    });
  }
  void wait_for_watch() {
    REQUIRE(test::eventually([this] { return server.open_watches() > 0; }));
  }

  /// After so long without a word a watch is given up; between two tries at first.
  std::chrono::milliseconds silence = 60s;
  std::chrono::milliseconds retry = 20ms;
  fakes::ApiServer server;
  std::unique_ptr<net::ApiClient> api;
  ClusterCache cache{Settings{}, [](const Key&) {}};
  std::mutex mutex;
  std::vector<std::string> restarts;
  std::unique_ptr<Reflector> reflector;
  std::thread thread;
};

}  // namespace

TEST_CASE("it lists in pages once, then watches") {
  Fixture f;
  f.start();
  REQUIRE(f.converges());
  f.wait_for_watch();
  f.server.create(kModels, model("d"));
  f.server.merge_patch(kModels + "/a", {{"spec", {{"sha256", "x"}}}});
  f.server.remove(kModels + "/b");
  CHECK(f.converges());
  CHECK(f.reflector->synced());
  CHECK(f.server.count("GET", "limit=2") == 2);
  CHECK(f.server.count("GET", "watch=1") == 1);
}

TEST_CASE("it goes on from the last version after a cut, without another list") {
  Fixture f;
  f.start();
  REQUIRE(f.converges());
  f.wait_for_watch();
  for (int i = 0; i < 3; ++i) {
    f.server.create(kModels, model("x" + std::to_string(i)));
    REQUIRE(f.converges());
    f.server.cut_watches();
    f.server.create(kModels, model("y" + std::to_string(i)));
    CHECK(f.converges());
  }
  CHECK(f.server.count("GET", "limit=2") == 2);
  CHECK(f.server.count("GET", "watch=1") <= 8);
}

TEST_CASE("it lists again when its version is too old") {
  Fixture f;
  f.start();
  REQUIRE(f.converges());
  f.wait_for_watch();
  f.server.remove(kModels + "/c");
  f.server.compact();
  f.server.create(kModels, model("d"));
  CHECK(f.converges());
  CHECK(f.server.count("GET", "limit=2") <= 6);
}

TEST_CASE("bookmarks spare a list when nothing of ours changed for long") {
  Fixture f;
  f.start();
  REQUIRE(f.converges());
  f.wait_for_watch();
  for (int i = 0; i < 50; ++i)
    f.server.create("/api/v1/namespaces/edge/configmaps", {{"metadata", {{"name", "m" + std::to_string(i)}}}});
  const auto bookmarks = f.server.bookmarks();
  REQUIRE(test::eventually([&] { return f.server.bookmarks() > bookmarks; }));
  f.server.cut_watches();
  CHECK(test::eventually([&] { return f.server.count("GET", "watch=1") == 2; }));
  CHECK(f.server.count("GET", "resourceVersion=153") == 1);
}

TEST_CASE("a watch that falls silent is given up and taken up again") {
  Fixture f;
  f.silence = 500ms;
  f.start();
  REQUIRE(f.converges());
  f.wait_for_watch();
  f.server.stall_watches(true);
  f.server.create(kModels, model("d"));
  CHECK(test::eventually([&] { return f.server.count("GET", "watch=1") > 1; }));
  f.server.stall_watches(false);
  CHECK(f.converges());
}

TEST_CASE("whatever the list meets, it gets through, in a bounded number of calls") {
  Fixture f;
  SECTION("refusals") {
    for (const int status : {500, 503, 429, 403, 404})
      f.server.inject({.kind = Fault::Kind::refuse, .target = "limit=", .status = status});
  }
  SECTION("cuts") {
    f.server.inject({.kind = Fault::Kind::cut_before, .target = "limit=", .times = 4});
    f.server.inject({.kind = Fault::Kind::cut_in_the_middle, .target = "limit=", .times = 4});
  }
  SECTION("410 in the middle of the pages") {
    f.server.inject({.kind = Fault::Kind::refuse, .target = "continue=", .status = 410, .reason = "Expired"});
  }
  SECTION("watches that are refused") {
    f.server.inject({.kind = Fault::Kind::refuse, .target = "watch=1", .times = 7, .status = 500});
    f.start();
    REQUIRE(f.converges());
    f.server.create(kModels, model("d"));
  }
  if (!f.reflector) f.start();
  CHECK(f.converges());
  f.wait_for_watch();
  CHECK(f.server.calls().size() < 40);
}

TEST_CASE("a server that goes down and comes back costs few calls") {
  Fixture f;
  f.start();
  REQUIRE(f.converges());
  f.server.down();
  std::this_thread::sleep_for(300ms);
  f.server.forget_calls();
  f.server.up();
  f.server.create(kModels, model("d"));
  CHECK(f.converges());
  CHECK(f.server.calls().size() < 6);
}

TEST_CASE("events that come twice and late end in the present state") {
  Fixture f;
  f.start();
  REQUIRE(f.converges());
  f.wait_for_watch();
  for (int i = 0; i < 10; ++i) f.server.merge_patch(kModels + "/a", {{"spec", {{"sha256", std::to_string(i)}}}});
  REQUIRE(f.converges());
  f.server.repeat_events();
  std::this_thread::sleep_for(100ms);
  CHECK(f.converges());
}

TEST_CASE("a server that was restored to an older state is followed there") {
  Fixture f;
  const auto older = f.server.snapshot();
  f.start();
  REQUIRE(f.converges());
  f.server.create(kModels, model("d"));
  f.server.merge_patch(kModels + "/a", {{"spec", {{"sha256", "x"}}}});
  REQUIRE(f.converges());
  f.server.restore(older);
  CHECK(f.converges());
}

TEST_CASE("stop ends it at once, whatever it waits for") {
  Fixture f;
  const bool is_down = GENERATE(false, true);
  if (is_down) f.server.down();
  f.retry = 60s;
  f.start();
  std::this_thread::sleep_for(200ms);
  const auto began = std::chrono::steady_clock::now();
  f.reflector->stop();
  f.thread.join();
  CHECK(std::chrono::steady_clock::now() - began < 20s);  // what it waits for comes in a minute
  f.reflector.reset();
}
