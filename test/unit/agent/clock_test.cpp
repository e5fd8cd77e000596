#include <filesystem>

#include "common/base/file.hpp"
#include "test/catch.hpp"
#include "test/fakes/llama_server/llama_server.hpp"
#include "test/support/eventually.hpp"
#include "test/support/process.hpp"
#include "test/support/raw_client.hpp"

using std::chrono::milliseconds;
using test::eventually;

TEST_CASE("router-agent: a calendar that jumps ends no load, and heals as ever") {
  fakes::LlamaServer server({{"a", {}, milliseconds{1'000}}});
  const auto folder = std::filesystem::temp_directory_path() / ("clock-test-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  REQUIRE(base::write_file(folder / "agent.json", R"({"preload":["a"]})").has_value());
  REQUIRE(base::write_file(folder / "models.ini", "[a]\nmodel = /m/a\n").has_value());
  const auto port = static_cast<std::uint16_t>(30'000 + ::getpid() % 2'000);
  {
    test::Process agent(
        {"/usr/bin/env", "LD_PRELOAD=" JUMPING_CLOCK, "ASAN_OPTIONS=verify_asan_link_order=0", ROUTER_AGENT, "--server",
         server.url(), "--config", folder / "agent.json", "--preset", folder / "models.ini", "--listen",
         "127.0.0.1:" + std::to_string(port), "--load-timeout-seconds", "3600"},
        folder / "log");
    const auto is_ready = [&] {
      test::RawClient client(port);
      return client.connected() && client.exchange(test::get("/readyz")).status == 200;
    };
    REQUIRE(eventually(is_ready));
    CHECK(server.loads("a") == 1);
    server.kill("a");
    CHECK(eventually([&] { return server.loads("a") == 2 && server.state("a") == "loaded"; }));
    CHECK(eventually(is_ready));
    CHECK(server.count("POST /models/unload a") == 0);
  }
  std::filesystem::remove_all(folder);
}
