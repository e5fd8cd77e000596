#include "reconciler/pod/agent/llama_server.hpp"
#include "reconciler/pod/agent/model_metrics.hpp"
#include "reconciler/pod/agent/statistics.hpp"
#include "test/catch.hpp"

using agent::ModelMetrics;
using agent::ServerState;

TEST_CASE("models' metrics get a label, families stay together") {
  ModelMetrics metrics;
  const std::string text =
      "# HELP llamacpp:n Number.\n# TYPE llamacpp:n counter\nllamacpp:n 1\n# TYPE llamacpp:g "
      "gauge\nllamacpp:g{x=\"1\"} 2\n";
  metrics.add("a", text);
  metrics.add("b\"\\", text);
  CHECK(metrics.text() ==
        "# HELP llamacpp:n Number.\n# TYPE llamacpp:n counter\nllamacpp:n{model=\"a\"} 1\n"
        "llamacpp:n{model=\"b\\\"\\\\\"} 1\n"
        "# TYPE llamacpp:g gauge\nllamacpp:g{model=\"a\",x=\"1\"} 2\nllamacpp:g{model=\"b\\\"\\\\\",x=\"1\"} 2\n");
}

TEST_CASE("requests in flight are those processed and deferred") {
  CHECK(agent::requests_in_flight("x 1\nllamacpp:requests_processing 2\nllamacpp:requests_deferred 3\n") == 5);
  CHECK(agent::requests_in_flight("# HELP llamacpp:requests_processing 9\n") == 0);
  CHECK(agent::requests_in_flight("") == 0);
}

TEST_CASE("statistics count what happened once, however often it is heard") {
  base::ManualClock clock;
  base::MetricTable table(agent::metric_rows());
  agent::Statistics statistics(table, clock);
  const auto hear = [&](const std::string& model, ServerState state, int exit_code = 0) {
    statistics.heard(agent::ModelEvent{model, state, exit_code});
  };
  const auto load = [&](const std::string& model) {
    hear(model, ServerState::loading);
    hear(model, ServerState::loading);
    clock.advance(std::chrono::seconds{3});
    hear(model, ServerState::loaded);
    hear(model, ServerState::loaded);
  };
  load("a");
  CHECK(table.value("router_agent_swaps_total") == 0);
  CHECK_THAT(table.text(), ContainsSubstring("router_agent_load_seconds_sum{model=\"a\"} 3"));

  SECTION("another model in its place is a swap") {
    hear("a", ServerState::unloaded);
    load("b");
    CHECK(table.value("router_agent_swaps_total") == 1);
    CHECK(table.value("router_agent_model_crashes_total", {"a"}) == 0);
  }
  SECTION("another model beside it, or itself again, is none") {
    load("b");
    hear("b", ServerState::unloaded);
    load("b");
    CHECK(table.value("router_agent_swaps_total") == 0);
  }
  SECTION("waking is no load") {
    hear("a", ServerState::sleeping);
    load("a");
    CHECK_THAT(table.text(), ContainsSubstring("router_agent_load_seconds_count{model=\"a\"} 1"));
  }
  SECTION("a crash and a failed load are told apart") {
    hear("a", ServerState::unloaded, 1);
    hear("b", ServerState::loading);
    hear("b", ServerState::unloaded, 1);
    CHECK(table.value("router_agent_model_crashes_total", {"a"}) == 1);
    CHECK(table.value("router_agent_load_failures_total", {"a"}) == 0);
    CHECK(table.value("router_agent_load_failures_total", {"b"}) == 1);
  }
  SECTION("listings serve where events are missed") {
    statistics.heard(
        agent::Listing{{"a", {}, ServerState::unloaded, false, 0}, {"b", {}, ServerState::loaded, false, 0}});
    CHECK(table.value("router_agent_swaps_total") == 1);
  }
}
