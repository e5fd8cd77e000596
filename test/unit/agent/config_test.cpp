#include "reconciler/pod/agent/config.hpp"

#include <unistd.h>

#include <filesystem>

#include "test/catch.hpp"
#include "test/support/eventually.hpp"
#include "test/support/process.hpp"

using agent::parse_config;
using agent::Policy;
using std::chrono::seconds;

TEST_CASE("agent.json as the reconciler renders it") {
  const auto config =
      parse_config(R"({"preload":["b","a"],"scheduling":{"policy":"Direct","minResidencySeconds":1,"maxTurnSeconds":2,)"
                   R"("maxWaitSeconds":3,"loadingSignal":true}})");
  REQUIRE(config.has_value());
  CHECK(config->preload == std::vector<std::string>{"b", "a"});
  CHECK(config->scheduling.policy == Policy::direct);
  CHECK(config->scheduling.min_residency == seconds{1});
  CHECK(config->scheduling.max_turn == seconds{2});
  CHECK(config->scheduling.max_wait == seconds{3});
  CHECK(config->scheduling.loading_signal);
}

TEST_CASE("what is absent or of another type has its default") {
  const std::string text = GENERATE("{}", R"({"preload":"a","scheduling":[]})",
                                    R"({"preload":[1],"scheduling":{"policy":7,"maxTurnSeconds":"x"},"new":1})");
  const auto config = parse_config(text);
  REQUIRE(config.has_value());
  CHECK(*config == agent::Config{});
  CHECK(config->scheduling.policy == Policy::fair);
  CHECK(config->scheduling.max_wait == seconds{600});
}

TEST_CASE("seconds may have decimals, and are kept within a day") {
  const auto config =
      parse_config(R"({"scheduling":{"minResidencySeconds":0.05,"maxTurnSeconds":-1,"maxWaitSeconds":1e300}})");
  REQUIRE(config.has_value());
  CHECK(config->scheduling.min_residency == std::chrono::milliseconds{50});
  CHECK(config->scheduling.max_turn == seconds{0});
  CHECK(config->scheduling.max_wait == std::chrono::hours{24});
}

TEST_CASE("what is no object is an error") {
  CHECK_FALSE(parse_config("").has_value());
  CHECK_FALSE(parse_config("[]").has_value());
}

TEST_CASE("router-agent: a flag that there is not ends it with 2, as it does all our programs") {
  const auto log = std::filesystem::temp_directory_path() / ("flags-test-" + std::to_string(::getpid()));
  test::Process agent({ROUTER_AGENT, "--nonsense"}, log);
  CHECK(agent.wait(test::kPatience) == 2);
  std::filesystem::remove(log);
}
