#include "reconciler/pod/agent/agent.hpp"

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <functional>
#include <thread>

#include "common/base/json.hpp"
#include "test/catch.hpp"
#include "test/fakes/llama_server/llama_server.hpp"
#include "test/support/eventually.hpp"
#include "test/support/leaping_clock.hpp"
#include "test/support/raw_client.hpp"

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::eventually;

namespace {

/// So many tokens have no end in a test.
constexpr int kEndless = 1'000'000;

/// Long enough for a test to be within it, and beyond it in one leap.
constexpr std::chrono::minutes kGracePeriod{10};

/// What differs from Pod to Pod.
struct Ways {
  std::size_t places = 1;
  bool has_gate = false;
  /// While nothing is heard, llama-server is asked this often.
  milliseconds ask_alone{1'000};
  milliseconds ask_following{3'000};
  /// For so long llama-server may say nothing.
  milliseconds silence = test::kPatience;
  bool clock_stands = false;
};

/// The agent beside a fake llama-server, with files of its own.
struct Pod {
  explicit Pod(std::vector<fakes::LlamaModel> models, const std::string& config, Ways ways = {})
      : server(models, ways.places), scheduler(ways.places, table, clock) {
    folder = std::filesystem::temp_directory_path() / ("agent-test-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder);
    write("agent.json", config);
    write("models.ini", preset(models));
    llama = std::move(*agent::LlamaServer::make(server.url(), "", ways.silence));
    agent.emplace(agent::Agent::Options{.config_path = folder / "agent.json",
                                        .preset_path = folder / "models.ini",
                                        .child_logs = folder / "log",
                                        .residency = {.max_loaded = ways.places,
                                                      .load_timeout = test::kPatience,
                                                      .reload_timeout = test::kPatience},
                                        .drain_timeout = test::kPatience,
                                        .grace_period = kGracePeriod,
                                        .ask_alone = ways.ask_alone,
                                        .ask_following = ways.ask_following},
                  *llama, ways.has_gate ? &scheduler : nullptr, table,
                  ways.clock_stands ? static_cast<const base::Clock&>(standing) : clock);
    agent->start();
  }
  ~Pod() {
    agent->stop();
    std::filesystem::remove_all(folder);
  }
  static std::string preset(const std::vector<fakes::LlamaModel>& models, const std::string& more = {}) {
    std::string out;
    for (const auto& model : models) out += "[" + model.name + "]\nmodel = /m/" + model.name + "\n" + more;
    return out;
  }
  void write(const std::string& name, const std::string& text) const {
    REQUIRE(base::write_file(folder / name, text).has_value());
  }
  bool ready() const {
    std::string why;
    return agent->ready(why);
  }
  std::string why() const {
    std::string text;
    return agent->ready(text) ? "" : text;
  }
  /// One member of /state.
  std::string state(const std::string& key) const {
    const auto text = agent->state();
    if (!text) return text.error().to_string();
    const auto document = base::parse_json(*text, "state");
    return base::string_at(*document, {key});
  }
  std::string model_state(const std::string& name) const {
    const auto text = agent->state();
    if (!text) return {};
    const auto document = base::parse_json(*text, "state");
    for (const auto& model : base::find(*document, "models")->GetArray()) {
      if (base::string_at(model, {"name"}) == name) return base::string_at(model, {"state"});
    }
    return {};
  }
  /// A request of some client, straight to llama-server. The connection lives as long as the answer.
  test::RawClient chat(const std::string& model, int tokens) const {
    test::RawClient client(server.port());
    client.send(test::post("/v1/chat/completions", "{\"model\":\"" + model + "\",\"max_tokens\":" +
                                                       std::to_string(tokens) + ",\"stream\":true}"));
    return client;
  }

  test::LeapingClock clock;
  base::ManualClock standing;
  base::MetricTable table{agent::metric_rows()};
  fakes::LlamaServer server;
  agent::SharedScheduler scheduler;
  std::filesystem::path folder;
  std::unique_ptr<agent::LlamaServer> llama;
  std::optional<agent::Agent> agent;
};

}  // namespace

TEST_CASE("cold start: a broken model first in the preload, then the good one; nothing else is loaded") {
  const bool has_gate = GENERATE(false, true);
  Pod pod({{"broken", {}, milliseconds{20}, 1}, {"a"}, {"b"}}, R"({"preload":["broken","b"]})", {.has_gate = has_gate});
  REQUIRE(eventually([&] { return pod.ready(); }));
  CHECK(pod.model_state("b") == "loaded");
  CHECK(pod.model_state("broken") == "failed");
  CHECK(pod.server.loads("a") == 0);
  CHECK(pod.state("build") == "b11669-fake");
  CHECK(pod.state("presetHash").size() == 16);
}

TEST_CASE("a model whose child is killed is loaded again when the event says so") {
  const bool has_gate = GENERATE(false, true);
  Pod pod({{"a"}, {"b"}}, R"({"preload":["a"]})",
          {.has_gate = has_gate, .ask_alone = hours{1}, .ask_following = hours{1}});
  REQUIRE(eventually([&] { return pod.ready() && pod.server.followers() == 1; }));
  pod.server.kill("a");
  CHECK(eventually([&] { return pod.server.loads("a") == 2; }));
  CHECK(eventually([&] { return pod.server.state("a") == "loaded"; }));
  CHECK(pod.ready());
}

TEST_CASE("an event stream that is cut is followed again") {
  Pod pod({{"a"}}, R"({"preload":["a"]})", {.ask_alone = hours{1}, .ask_following = hours{1}});
  REQUIRE(eventually([&] { return pod.ready() && pod.server.followers() == 1; }));
  pod.server.cut_events();
  REQUIRE(eventually([&] { return pod.server.followers() == 1; }));
  pod.server.kill("a");
  CHECK(eventually([&] { return pod.server.loads("a") == 2; }));
}

TEST_CASE("without the event stream the same is seen by asking") {
  Pod pod({{"a"}}, R"({"preload":["a"]})");
  REQUIRE(eventually([&] { return pod.ready(); }));
  pod.server.refuse_events();
  std::this_thread::sleep_for(milliseconds{300});
  pod.server.kill("a");
  CHECK(eventually([&] { return pod.server.loads("a") == 2; }));
}

TEST_CASE("what is heard right after a listing costs no time until the next one") {
  Pod pod({{"a"}}, R"({"preload":[]})", {.clock_stands = true});
  REQUIRE(eventually([&] { return pod.server.count("GET /models/sse") > 0; }));
  const auto client = pod.chat("a", 1);
  REQUIRE(eventually([&] { return pod.server.state("a") == "loaded"; }));
  const auto before = std::clock();
  std::this_thread::sleep_for(seconds{1});
  CHECK(std::clock() - before < CLOCKS_PER_SEC / 5);
}

TEST_CASE("when all models fail the Pod is unready, and says why") {
  const auto began = std::chrono::steady_clock::now();
  Pod pod({{"a", {}, milliseconds{10}, 3}, {"b", {}, milliseconds{10}, 4}}, R"({"preload":["a"]})");
  REQUIRE(eventually([&] { return pod.server.loads("a") >= 2 && pod.server.loads("b") >= 2; }));
  CHECK_FALSE(pod.ready());
  REQUIRE(eventually([&] { return pod.model_state("a") == "failed" && pod.model_state("b") == "failed"; }));
  // One of them may be at its next try by now.
  CHECK(eventually([&] {
    const auto why = pod.why();
    return why.contains("a failed to load (exit code 3)") && why.contains("b failed to load (exit code 4)");
  }));
  // Tried again after a second, then after two, four and so on.
  const auto loads = pod.server.loads("a");
  std::size_t most = 1;
  const auto passed = std::chrono::steady_clock::now() - began;
  for (seconds wait{1}, at = wait; at <= passed; wait *= 2, at += wait) ++most;
  CHECK(loads <= most);
}

TEST_CASE("a load past its deadline is ended, and the next model is loaded") {
  Pod pod({{"a", {}, hours{1}}, {"b"}}, R"({"preload":["a"]})", {.has_gate = true});
  REQUIRE(eventually([&] { return pod.model_state("a") == "loading"; }));
  pod.clock.leap(test::kPatience);
  REQUIRE(eventually([&] { return pod.ready(); }));
  CHECK(pod.model_state("a") == "failed");
  // Its log is empty, as that of one that did not take its settings.
  const auto waiting = pod.scheduler.arrive("a");
  REQUIRE(waiting.has_value());
  CHECK(pod.scheduler.cause(*waiting) == "did not finish loading within 60 s");
  CHECK_THAT(*pod.agent->state(), ContainsSubstring(R"("message":"did not finish loading within 60 s")"));
  pod.scheduler.leave(*waiting);
  CHECK(pod.model_state("b") == "loaded");
  CHECK(pod.server.count("POST /models/unload a") == 1);
}

TEST_CASE("an added model is there soon, and the resident one stays") {
  Pod pod({{"a"}}, R"({"preload":["a"]})");
  REQUIRE(eventually([&] { return pod.ready(); }));
  const auto before = pod.state("presetHash");
  pod.server.set_reload({{"a"}, {"b"}}, false);
  pod.write("models.ini", Pod::preset({{"a"}, {"b"}}));
  CHECK(eventually([&] { return pod.state("presetHash") != before; }));
  CHECK(eventually([&] { return pod.model_state("b") == "unloaded"; }));
  CHECK(pod.server.loads("a") == 1);
}

TEST_CASE("a changed section waits for the stream that runs, and its model is loaded again") {
  Pod pod({{"a"}}, R"({"preload":["a"]})");
  REQUIRE(eventually([&] { return pod.ready(); }));
  pod.server.set_token_time(milliseconds{10});
  auto stream = pod.chat("a", kEndless);
  REQUIRE(eventually([&] { return pod.server.count("POST /v1/chat/completions a") == 1; }));
  pod.server.set_reload({{"a"}}, true);
  pod.write("models.ini", Pod::preset({{"a"}}, "ctx-size = 7\n"));
  REQUIRE(eventually([&] { return pod.state("reload") == "waiting"; }));
  CHECK(pod.server.count("GET /models?reload=1") == 1);
  pod.server.finish();
  CHECK(eventually([&] { return pod.server.loads("a") == 2; }));
  CHECK(pod.server.count("GET /models?reload=1") == 2);
  CHECK(pod.server.abandoned() == 0);
  CHECK(eventually([&] { return pod.ready(); }));
}

TEST_CASE("a preset that is refused is reported in llama-server's words, once") {
  Pod pod({{"a"}}, R"({"preload":["a"]})");
  REQUIRE(eventually([&] { return pod.ready(); }));
  const auto before = pod.state("presetHash");
  pod.server.refuse_reload("option 'nonsense' not recognized in preset 'a'");
  pod.write("models.ini", Pod::preset({{"a"}}, "nonsense = 1\n"));
  REQUIRE(eventually([&] { return !pod.state("reloadError").empty(); }));
  CHECK_THAT(pod.state("reloadError"), ContainsSubstring("option 'nonsense' not recognized"));
  std::this_thread::sleep_for(milliseconds{600});
  CHECK(pod.server.count("GET /models?reload=1") == 2);
  CHECK(pod.state("presetHash") == before);
  CHECK(pod.ready());

  SECTION("what would hurt llama-server is not even tried") {
    pod.write("models.ini", "[x]\nctx-size = 1\n");
    REQUIRE(eventually([&] { return pod.state("reloadError").find("[x]") != std::string::npos; }));
    CHECK(pod.server.count("GET /models?reload=1") == 2);
  }
}

TEST_CASE("a llama-server that goes away makes the Pod unready, and /state says so") {
  Pod pod({{"a"}}, R"({"preload":["a"]})");
  REQUIRE(eventually([&] { return pod.ready(); }));
  pod.server.stop();
  REQUIRE(eventually([&] { return !pod.ready(); }));
  CHECK_FALSE(pod.agent->state().has_value());
  CHECK_THAT(pod.why(), ContainsSubstring("llama-server"));
}

TEST_CASE("a llama-server that hangs makes the Pod unready, one that is busy does not, and neither is loaded anew") {
  SECTION("it hangs") {
    Pod pod({{"a"}}, R"({"preload":["a"]})", {.silence = seconds{2}});
    REQUIRE(eventually([&] { return pod.ready(); }));
    pod.server.hang(true);
    CHECK(eventually([&] { return !pod.ready(); }));
    CHECK_THAT(pod.why(),
               ContainsSubstring("llama-server: ") && ContainsSubstring("/models: the answer took too long"));
    pod.server.hang(false);
    CHECK(eventually([&] { return pod.ready(); }));
    CHECK(pod.server.loads("a") == 1);
  }
  SECTION("its child is busy with a long batch") {
    Pod pod({{"a"}}, R"({"preload":["a"]})");
    REQUIRE(eventually([&] { return pod.ready(); }));
    pod.server.hang_metrics(true);
    const auto end = std::chrono::steady_clock::now() + seconds{3};
    bool always = true;
    while (std::chrono::steady_clock::now() < end) {
      always = always && pod.ready();
      std::this_thread::sleep_for(milliseconds{20});
    }
    CHECK(always);
    // The rest of a scrape is there, in time.
    CHECK_THAT(pod.agent->metrics(), ContainsSubstring("router_agent_model_resident{model=\"a\"} 1"));
    CHECK(pod.server.loads("a") == 1);
  }
}

TEST_CASE("a scrape asks resident models only, and never so that one could be loaded") {
  Pod pod({{"a"}, {"b"}}, R"({"preload":["a"]})");
  REQUIRE(eventually([&] { return pod.ready(); }));
  const auto text = pod.agent->metrics();
  CHECK_THAT(text, ContainsSubstring("llamacpp:requests_processing{model=\"a\"} 0"));
  CHECK_THAT(text, ContainsSubstring("router_agent_model_resident{model=\"a\"} 1"));
  CHECK_THAT(text, ContainsSubstring("router_agent_ready 1"));
  for (const auto& request : pod.server.requests()) {
    CAPTURE(request);
    CHECK(request.find("/slots") == std::string::npos);
    if (request.find("model=") != std::string::npos) CHECK_THAT(request, ContainsSubstring("autoload=false"));
  }
}

TEST_CASE("of two scrapes at once each tells all resident models") {
  Pod pod({{"a"}, {"b"}}, R"({"preload":["a","b"]})", {.places = 2});
  REQUIRE(eventually([&] { return pod.model_state("b") == "loaded"; }));
  std::atomic<int> without = 0;
  const auto scrape = [&] {
    for (int i = 0; i < 200; ++i) {
      if (pod.agent->metrics().find("router_agent_model_resident{model=\"b\"} 1") == std::string::npos) ++without;
    }
  };
  std::thread other(scrape);
  scrape();
  other.join();
  CHECK(without == 0);
}

TEST_CASE("drain waits for the last request, and the Pod is unready meanwhile") {
  const bool has_gate = GENERATE(false, true);
  Pod pod({{"a"}}, R"({"preload":["a"]})", {.has_gate = has_gate});
  REQUIRE(eventually([&] { return pod.ready(); }));
  pod.server.set_token_time(milliseconds{10});
  auto stream = pod.chat("a", kEndless);
  REQUIRE(eventually([&] { return pod.server.count("POST /v1/chat/completions a") == 1; }));
  std::atomic<bool> drained = false;
  std::thread drain([&] { drained = pod.agent->drain(); });
  std::this_thread::sleep_for(seconds{2});
  CHECK_FALSE(drained);
  CHECK(eventually([&] { return pod.why() == "draining"; }));
  pod.server.finish();
  drain.join();
  CHECK(drained);
  CHECK(pod.server.abandoned() == 0);
}

TEST_CASE("drain waits for a model that is too busy to say so") {
  Pod pod({{"a"}}, R"({"preload":["a"]})");
  REQUIRE(eventually([&] { return pod.ready(); }));
  pod.server.hang_metrics(true);
  std::atomic<bool> drained = false;
  std::thread drain([&] { drained = pod.agent->drain(); });
  std::this_thread::sleep_for(seconds{5});
  CHECK_FALSE(drained);
  pod.server.hang_metrics(false);
  drain.join();
  CHECK(drained);
}

TEST_CASE("a llama-server whose container alone is restarted ends the drain: the Pod becomes ready again") {
  Pod pod({{"a"}}, R"({"preload":["a"]})", {.has_gate = true});
  REQUIRE(eventually([&] { return pod.ready(); }));
  REQUIRE(pod.agent->drain());
  CHECK(pod.why() == "draining");
  const auto port = pod.server.port();
  pod.server.stop();
  REQUIRE(eventually([&] { return !pod.agent->state().has_value(); }));
  const fakes::LlamaServer restarted({{"a"}}, 1, port);
  CHECK(eventually([&] { return pod.ready(); }));
  CHECK(restarted.state("a") == "loaded");
  CHECK_FALSE(pod.scheduler.is_closing());
}

TEST_CASE("a drain that no SIGTERM follows holds through the grace period from its last call, and is void then") {
  Pod pod({{"a"}}, R"({"preload":["a"]})", {.has_gate = true});
  REQUIRE(eventually([&] { return pod.ready(); }));
  for (int calls = 0; calls < 2; ++calls) {
    REQUIRE(pod.agent->drain());
    pod.clock.leap(kGracePeriod - test::kPatience);
    const auto asked = pod.server.count("GET /models");
    REQUIRE(eventually([&] { return pod.server.count("GET /models") >= asked + 2; }));
    CHECK(pod.why() == "draining");
    CHECK(pod.scheduler.is_closing());
  }
  pod.clock.leap(2 * test::kPatience);
  CHECK(eventually([&] { return pod.ready(); }));
  CHECK_FALSE(pod.scheduler.is_closing());
}

TEST_CASE("with two places and two in the preload both are loaded, in order") {
  Pod pod({{"a"}, {"b"}, {"c"}}, R"({"preload":["c","a"]})", {.places = 2, .has_gate = GENERATE(false, true)});
  REQUIRE(eventually([&] { return pod.model_state("a") == "loaded" && pod.model_state("c") == "loaded"; }));
  const auto requests = pod.server.requests();
  const auto first = std::ranges::find(requests, "POST /models/load c");
  const auto second = std::ranges::find(requests, "POST /models/load a");
  CHECK(first < second);
  CHECK(pod.server.loads("b") == 0);
}
