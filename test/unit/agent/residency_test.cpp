#include "reconciler/pod/agent/residency.hpp"

#include "test/catch.hpp"

using agent::Action;
using agent::ListedModel;
using agent::Listing;
using agent::ModelState;
using agent::Residency;
using agent::ServerState;
using Kind = agent::Action::Kind;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

using Actions = std::vector<Action>;

agent::Preset preset(const std::vector<std::pair<std::string, std::string>>& sections, const std::string& hash) {
  agent::Preset out;
  for (const auto& [name, size] : sections)
    out.sections.push_back({name, {}, {{"model", "/m/" + name}, {"ctx-size", size}}});
  out.hash = hash;
  return out;
}

ListedModel unloaded(const std::string& name) { return {name, {}, ServerState::unloaded, false, 0}; }
ListedModel failed(const std::string& name, int exit_code = 1) {
  return {name, {}, ServerState::unloaded, true, exit_code};
}
ListedModel loading(const std::string& name) { return {name, {}, ServerState::loading, false, 0}; }
ListedModel loaded(const std::string& name) { return {name, {}, ServerState::loaded, false, 0}; }
ListedModel sleeping(const std::string& name) { return {name, {}, ServerState::sleeping, false, 0}; }

struct Bench {
  explicit Bench(std::vector<std::string> preload = {"a"}, std::size_t max_loaded = 1)
      : residency({.max_loaded = max_loaded, .load_timeout = seconds{30}, .reload_timeout = seconds{10}}, clock) {
    residency.preload_changed(std::move(preload));
  }

  /// The first contact: file and llama-server agree, the first reload is behind us.
  void begin(const Listing& listing, const agent::Preset& file) {
    residency.file_changed(file);
    residency.models_listed(listing);
    for (const auto& model : listing) {
      if (model.state != ServerState::unloaded) residency.busy_checked(model.name, false);
    }
    Actions actions = residency.decide();
    if (actions != Actions{{Kind::reload, {}}}) {
      // Something was loaded: it is asked whether it is idle first.
      for (const auto& action : actions) residency.busy_checked(action.model, false);
      actions = residency.decide();
    }
    REQUIRE(actions == Actions{{Kind::reload, {}}});
    residency.reload_finished({});
    residency.models_listed(listing);
    REQUIRE(residency.preset_hash() == file.hash);
  }
  void begin(const Listing& listing) {
    std::vector<std::pair<std::string, std::string>> sections;
    for (const auto& model : listing) sections.emplace_back(model.name, "1024");
    begin(listing, preset(sections, "one"));
  }
  void load(const std::string& name) {
    REQUIRE(residency.decide() == Actions{{Kind::load, name}});
    residency.load_answered(name, {});
  }
  ModelState state(const std::string& name) {
    for (const auto& model : residency.models()) {
      if (model.name == name) return model.state;
    }
    FAIL("not listed: " + name);
    return ModelState::unloaded;
  }

  base::ManualClock clock;
  Residency residency;
};

}  // namespace

TEST_CASE("at a cold start the first preload model is loaded, and loading is not ready") {
  Bench bench({"b", "a"});
  bench.begin({unloaded("a"), unloaded("b")});
  bench.load("b");
  CHECK(bench.residency.decide().empty());
  bench.residency.models_listed({unloaded("a"), loading("b")});
  CHECK(bench.residency.decide().empty());
  CHECK_FALSE(bench.residency.ready());
  bench.residency.models_listed({unloaded("a"), loaded("b")});
  CHECK(bench.residency.ready());
  CHECK(bench.residency.decide().empty());
}

TEST_CASE("two places take two preload models, one after the other") {
  Bench bench({"b", "a"}, 2);
  bench.begin({unloaded("a"), unloaded("b"), unloaded("c")});
  bench.load("b");
  bench.residency.models_listed({unloaded("a"), loading("b"), unloaded("c")});
  CHECK(bench.residency.decide().empty());
  bench.residency.models_listed({unloaded("a"), loaded("b"), unloaded("c")});
  bench.load("a");
  bench.residency.models_listed({loaded("a"), loaded("b"), unloaded("c")});
  CHECK(bench.residency.decide().empty());
}

TEST_CASE("a preload model that fails is tried after the others") {
  Bench bench({"broken", "a"});
  bench.begin({unloaded("a"), unloaded("broken"), unloaded("c")});
  bench.load("broken");
  bench.residency.models_listed({unloaded("a"), failed("broken"), unloaded("c")});
  CHECK(bench.state("broken") == ModelState::failed);
  bench.load("a");
  bench.residency.models_listed({failed("a"), failed("broken"), unloaded("c")});
  bench.load("c");
  bench.residency.models_listed({failed("a"), failed("broken"), failed("c")});

  SECTION("and when all fail, they are tried again with backoff, the Pod staying unready") {
    CHECK(bench.residency.decide().empty());
    CHECK_FALSE(bench.residency.ready());
    bench.clock.advance(milliseconds{1'000});
    bench.load("broken");
    CHECK_FALSE(bench.residency.ready());
    bench.residency.models_listed({failed("a"), failed("broken"), failed("c")});
    CHECK(bench.state("broken") == ModelState::failed);
    bench.load("a");
    bench.residency.models_listed({failed("a"), failed("broken"), failed("c")});
    bench.load("c");
    bench.residency.models_listed({failed("a"), failed("broken"), failed("c")});
    bench.clock.advance(milliseconds{1'500});
    CHECK(bench.residency.decide().empty());
    bench.clock.advance(milliseconds{500});
    bench.load("broken");
  }
}

TEST_CASE("a failure says what the model's own log says, of a load and of a crash") {
  base::ManualClock clock;
  std::vector<bool> while_loading;
  Residency residency({.cause_of =
                           [&](const std::string& name, bool loading_still) {
                             while_loading.push_back(loading_still);
                             return name + " is no model";
                           }},
                      clock);
  residency.models_listed({loading("a")});
  residency.models_listed({failed("a", 1)});
  CHECK(residency.models().front().failure->message == "failed to load (exit code 1): a is no model");
  residency.models_listed({loaded("a")});
  residency.models_listed({failed("a", 6)});
  CHECK(residency.models().front().failure->message == "ended while it was loaded (exit code 6): a is no model");
  CHECK(while_loading == std::vector{true, false});
}

TEST_CASE("a failure carries its exit code and time, and a good load ends it") {
  Bench bench;
  bench.begin({unloaded("a")});
  bench.load("a");
  bench.residency.models_listed({failed("a", 7)});
  const auto failure = bench.residency.models().front().failure;
  REQUIRE(failure.has_value());
  CHECK(failure->exit_code == 7);
  CHECK_THAT(failure->message, ContainsSubstring("failed to load (exit code 7)"));
  CHECK(failure->at == bench.clock.wall());
  bench.residency.models_listed({loaded("a")});
  CHECK_FALSE(bench.residency.models().front().failure.has_value());
}

TEST_CASE("a crashed model is loaded again at once, before the preload") {
  Bench bench({"a"});
  bench.begin({loaded("b"), unloaded("a")});
  bench.clock.advance(seconds{60});
  bench.residency.models_listed({failed("b"), unloaded("a")});
  CHECK(bench.state("b") == ModelState::unloaded);
  CHECK(bench.residency.ready());
  bench.load("b");
  CHECK(bench.residency.ready());
  bench.residency.models_listed({loaded("b"), unloaded("a")});
  CHECK(bench.residency.ready());
}

TEST_CASE("a model that crashes again and again gets less and less attention") {
  Bench bench({"a"});
  bench.begin({loaded("a")});
  bench.residency.models_listed({failed("a")});
  bench.load("a");
  bench.residency.models_listed({loaded("a")});
  bench.residency.models_listed({failed("a")});
  CHECK(bench.residency.decide().empty());
  bench.clock.advance(seconds{1});
  bench.load("a");
}

TEST_CASE("one of two models crashes: only it is loaded, and nothing else") {
  Bench bench({"a", "b"}, 2);
  bench.begin({loaded("a"), loaded("b"), unloaded("c")});
  bench.residency.models_listed({loaded("a"), failed("b"), unloaded("c")});
  bench.load("b");
}

TEST_CASE("a model unloaded by hand is not loaded again while another one is resident") {
  Bench bench({"a"}, 2);
  bench.begin({loaded("a"), loaded("b")});
  bench.residency.models_listed({loaded("a"), unloaded("b")});
  CHECK(bench.residency.decide().empty());
}

TEST_CASE("in the middle of a swap the Pod stays ready") {
  Bench bench;
  bench.begin({loaded("a"), unloaded("b")});
  bench.residency.models_listed({unloaded("a"), loading("b")});
  CHECK(bench.residency.ready());
  CHECK(bench.residency.decide().empty());
  bench.clock.advance(seconds{20});
  CHECK(bench.residency.ready());
  bench.residency.models_listed({unloaded("a"), loaded("b")});
  CHECK(bench.residency.ready());
  CHECK(bench.residency.decide().empty());
}

TEST_CASE("a sleeping model is ready, and waking is no new load") {
  Bench bench;
  bench.begin({sleeping("a")});
  CHECK(bench.residency.ready());
  bench.residency.models_listed({loading("a")});
  CHECK(bench.residency.ready());
  CHECK(bench.residency.decide().empty());
}

TEST_CASE("a load past its deadline is ended and counts as failed") {
  Bench bench({"a", "b"});
  bench.begin({unloaded("a"), unloaded("b")});
  bench.load("a");
  bench.residency.models_listed({loading("a"), unloaded("b")});
  bench.clock.advance(seconds{30});
  CHECK(bench.residency.decide().empty());
  bench.clock.advance(seconds{1});
  CHECK(bench.residency.decide() == Actions{{Kind::unload, "a"}});
  CHECK(bench.residency.decide().empty());
  bench.residency.models_listed({failed("a"), unloaded("b")});
  CHECK(bench.state("a") == ModelState::failed);
  CHECK(bench.residency.models().front().failure->message == "did not finish loading within 30 s");
  bench.load("b");
}

TEST_CASE("a load that goes on after it was ended is ended again, and keeps the Pod ready no longer") {
  Bench bench;
  bench.begin({loaded("a"), unloaded("b")});
  const auto listed = [&] { bench.residency.models_listed({unloaded("a"), loading("b")}); };
  listed();
  bench.clock.advance(seconds{31});
  CHECK(bench.residency.ready());
  CHECK(bench.residency.decide() == Actions{{Kind::unload, "b"}});
  listed();
  CHECK(bench.residency.decide().empty());
  CHECK(bench.residency.ready());
  for (int i = 0; i < 3; ++i) {
    bench.clock.advance(seconds{5});
    CHECK(bench.residency.decide() == Actions{{Kind::unload, "b"}});
    listed();
    CHECK(bench.residency.decide().empty());
    CHECK_FALSE(bench.residency.ready());
  }
  const auto notes = bench.residency.take_notes();
  CHECK(std::ranges::count(notes, "load-overdue", &agent::Note::event) == 1);
  bench.residency.models_listed({unloaded("a"), failed("b")});
  CHECK(bench.residency.models().back().failure->message == "did not finish loading within 30 s");
  bench.load("a");
}

TEST_CASE("a refused load is tried again a second later, and is no failure") {
  Bench bench;
  bench.begin({unloaded("a")});
  REQUIRE(bench.residency.decide() == Actions{{Kind::load, "a"}});
  bench.residency.load_answered("a", base::fail("500 model limit reached, try again later", "POST /models/load"));
  CHECK(bench.state("a") == ModelState::unloaded);
  CHECK(bench.residency.decide().empty());
  bench.clock.advance(seconds{1});
  bench.load("a");
}

TEST_CASE("an added section is reloaded at once, the resident model stays untouched") {
  Bench bench;
  bench.begin({loaded("a")});
  bench.residency.file_changed(preset({{"a", "1024"}, {"b", "1024"}}, "two"));
  CHECK(bench.residency.decide() == Actions{{Kind::reload, {}}});
  CHECK(bench.residency.phase() == agent::PresetPhase::reloading);
  CHECK(bench.residency.preset_hash() == "one");
  bench.residency.reload_finished({});
  bench.residency.models_listed({loaded("a"), unloaded("b")});
  CHECK(bench.residency.preset_hash() == "two");
  CHECK(bench.residency.decide().empty());
}

TEST_CASE("a changed section of a busy model waits for it, and the model is loaded again") {
  Bench bench({"b"});
  bench.begin({loaded("a"), unloaded("b")});
  bench.residency.file_changed(preset({{"a", "2048"}, {"b", "1024"}}, "two"));
  CHECK(bench.residency.decide() == Actions{{Kind::check_idle, "a"}});
  CHECK(bench.residency.concerned().contains("a"));
  bench.residency.busy_checked("a", true);
  CHECK(bench.residency.decide().empty());
  bench.clock.advance(milliseconds{200});
  CHECK(bench.residency.decide() == Actions{{Kind::check_idle, "a"}});

  SECTION("idle") { bench.residency.busy_checked("a", false); }
  SECTION("or the deadline") {
    bench.clock.advance(seconds{10});
    bench.residency.busy_checked("a", true);
  }
  CHECK(bench.residency.decide() == Actions{{Kind::reload, {}}});
  bench.residency.reload_finished({});
  bench.residency.models_listed({unloaded("a"), unloaded("b")});
  bench.load("a");
}

TEST_CASE("an idle answer does not count for ever") {
  Bench bench;
  bench.begin({loaded("a")});
  bench.residency.file_changed(preset({{"a", "2048"}}, "two"));
  CHECK(bench.residency.decide() == Actions{{Kind::check_idle, "a"}});
  bench.residency.busy_checked("a", false);
  bench.clock.advance(milliseconds{500});
  CHECK(bench.residency.decide() == Actions{{Kind::check_idle, "a"}});
}

TEST_CASE("a refused preset keeps the old one in force and is not tried again") {
  Bench bench;
  bench.begin({loaded("a")});
  bench.residency.file_changed(preset({{"a", "1024"}, {"b", "1"}}, "two"));
  REQUIRE(bench.residency.decide() == Actions{{Kind::reload, {}}});
  bench.residency.reload_finished(base::fail("option 'nonsense' not recognized in preset 'b'", "models.ini"));
  CHECK(bench.residency.preset_hash() == "one");
  CHECK_THAT(bench.residency.reload_error(), ContainsSubstring("nonsense"));
  CHECK(bench.residency.decide().empty());

  SECTION("the next file is") {
    bench.residency.file_changed(preset({{"a", "1024"}, {"b", "1024"}}, "three"));
    REQUIRE(bench.residency.decide() == Actions{{Kind::reload, {}}});
    bench.residency.reload_finished({});
    bench.residency.models_listed({loaded("a"), unloaded("b")});
    CHECK(bench.residency.preset_hash() == "three");
    CHECK(bench.residency.reload_error().empty());
  }
  SECTION("the old file again ends the error") {
    bench.residency.file_changed(preset({{"a", "1024"}}, "one"));
    CHECK(bench.residency.decide().empty());
    CHECK(bench.residency.reload_error().empty());
  }
}

TEST_CASE("a reload after which a section is missing is reported") {
  Bench bench;
  bench.begin({loaded("a")});
  bench.residency.file_changed(preset({{"a", "1024"}, {"b", "1024"}}, "two"));
  REQUIRE(bench.residency.decide() == Actions{{Kind::reload, {}}});
  bench.residency.reload_finished({});
  bench.residency.models_listed({loaded("a")});
  CHECK(bench.residency.preset_hash() == "one");
  CHECK_THAT(bench.residency.reload_error(), ContainsSubstring("does not list b"));
  CHECK(bench.residency.decide().empty());
}

TEST_CASE("a changed section clears the failure of its model, an unchanged one does not") {
  Bench bench({"a"});
  bench.begin({loaded("a"), failed("b"), failed("c")});
  REQUIRE(bench.state("b") == ModelState::failed);
  bench.residency.file_changed(preset({{"a", "1024"}, {"b", "2048"}, {"c", "1024"}}, "two"));
  REQUIRE(bench.residency.decide() == Actions{{Kind::reload, {}}});
  bench.residency.reload_finished({});
  bench.residency.models_listed({loaded("a"), unloaded("b"), unloaded("c")});
  CHECK(bench.state("b") == ModelState::unloaded);
  CHECK(bench.state("c") == ModelState::failed);
}

TEST_CASE("a lost llama-server is not ready, and comes back as a cold start") {
  Bench bench;
  bench.begin({loaded("a")});
  bench.residency.server_lost("connection refused");
  CHECK_FALSE(bench.residency.ready());
  CHECK(bench.residency.preset_hash().empty());
  CHECK(bench.residency.decide().empty());
  bench.residency.models_listed({unloaded("a")});
  REQUIRE(bench.residency.decide() == Actions{{Kind::reload, {}}});
  bench.residency.reload_finished({});
  bench.residency.models_listed({unloaded("a")});
  bench.load("a");
  bench.residency.models_listed({loading("a")});
  CHECK_FALSE(bench.residency.ready());
  bench.residency.models_listed({loaded("a")});
  CHECK(bench.residency.ready());
}

TEST_CASE("a file that cannot be read leaves what is in force") {
  Bench bench;
  bench.begin({loaded("a")});
  bench.residency.file_refused({"no key \"model\"", "models.ini [x]", {}});
  CHECK(bench.residency.decide().empty());
  CHECK(bench.residency.preset_hash() == "one");
  CHECK_THAT(bench.residency.reload_error(), ContainsSubstring("models.ini [x]"));
}

TEST_CASE("a preload that arrives later takes a free place, and never another model's") {
  Bench bench(std::vector<std::string>{}, 2);
  bench.begin({loaded("a"), unloaded("b")});
  CHECK(bench.residency.decide().empty());
  bench.residency.preload_changed({"b"});
  bench.load("b");
  bench.residency.models_listed({loaded("a"), loaded("b")});

  Bench full(std::vector<std::string>{});
  full.begin({loaded("a"), unloaded("b")});
  full.residency.preload_changed({"b"});
  CHECK(full.residency.decide().empty());
}
