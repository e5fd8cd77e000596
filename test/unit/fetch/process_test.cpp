#include "test/unit/fetch/process.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <random>
#include <thread>

#include "common/base/digest.hpp"
#include "reconciler/pod/fetch/cache.hpp"
#include "test/catch.hpp"
#include "test/support/eventually.hpp"
#include "test/unit/fetch/world.hpp"

using namespace fetch_test;
using namespace std::chrono_literals;
using fakes::Lie;

namespace {

std::vector<std::string> command(const World& world, std::vector<std::string> more = {}) {
  std::vector<std::string> out{MODEL_FETCH, "--source", world.options.source, "--to", world.options.to, "--name", "m"};
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

/// What a server on this machine answers to a GET.
std::string get(const std::string& path, int port) {
  const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (::connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    const std::string request = "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    if (::send(client, request.data(), request.size(), MSG_NOSIGNAL) > 0) {
      char block[4096];
      for (ssize_t got = 0; (got = ::recv(client, block, sizeof block, 0)) > 0;) {
        answer.append(block, static_cast<std::size_t>(got));
      }
    }
  }
  ::close(client);
  return answer;
}

/// The first byte that a request asks for.
std::uint64_t range_begin(const fakes::HostRequest& request) {
  const auto range = request.header("Range");
  return range.starts_with("bytes=") ? std::strtoull(range.c_str() + 6, nullptr, 10) : 0;
}

/// Has `library` loaded into the program before its own.
void load_before(std::vector<std::string>& command, const std::string& library, const std::string& setting = "_=") {
  command.insert(command.begin(),
                 {"/usr/bin/env", "LD_PRELOAD=" + library, "ASAN_OPTIONS=verify_asan_link_order=0", setting});
}

std::uint64_t size_of(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

}  // namespace

TEST_CASE("model-fetch: one JSON line, the same in the termination log, exit status by reason") {
  World world;
  Folder logs;
  const auto log = logs.path() + "/termination-log";
  SECTION("fetched, then present: 0") {
    const auto content = gguf(1000);
    world.serve(content);
    Process first(command(world, {"--termination-log", log}), logs.path());
    REQUIRE(first.wait() == 0);
    CHECK(first.output() == read(log) + "\n");
    CHECK(read(log) == R"({"reason":"Fetched","message":"downloaded, verified and published","files":[{"path":")" +
                           world.folder() + R"(/m.gguf","size":)" + std::to_string(content.size()) + R"(,"sha256":")" +
                           base::sha256_hex(content) + R"(","role":"model"}],"bytesFetched":)" +
                           std::to_string(content.size()) + "}");
    Process second(command(world), logs.path());
    CHECK(second.wait() == 0);
    CHECK_THAT(second.output(), ContainsSubstring("AlreadyPresent"));
  }
  SECTION("not found: 2") {
    Process process(command(world), logs.path());
    CHECK(process.wait() == 2);
    CHECK_THAT(process.output(), ContainsSubstring("\"NotFound\""));
  }
  SECTION("away: 1") {
    world.serve(gguf(1000));
    world.host.lie_by([](const auto&) { return std::optional(Lie{.status = 503}); });
    Process process(command(world, {"--retry-seconds", "0.1"}), logs.path());
    CHECK(process.wait() == 1);
    CHECK_THAT(process.output(), ContainsSubstring("\"ServerError\""));
  }
  SECTION("a wrong flag: 2, as no retry makes it right") {
    Process process({MODEL_FETCH, "--to", "/tmp"}, logs.path());
    CHECK(process.wait() == 2);
  }
}

TEST_CASE("model-fetch: SIGTERM ends it with its bytes kept, /progress tells how far it is") {
  World world;
  Folder logs;
  const auto content = gguf(8 << 20);
  world.serve(content);
  // It comes to half of it and no further.
  world.host.lie_by([](const auto&) { return std::optional(Lie{.stall_after = 4 << 20}); });
  const int port = 20'000 + ::getpid() % 10'000;
  Process process(command(world, {"--max-streams", "1", "--listen", "127.0.0.1:" + std::to_string(port)}), logs.path());
  REQUIRE(test::eventually([&] { return world.host.body_bytes() > (1U << 20U); }));
  const auto total = "\"bytesTotal\":" + std::to_string(content.size());
  std::string page;
  CHECK(test::eventually([&] { return (page = get("/progress", port)).find(total) != std::string::npos; }));
  CHECK_THAT(page, ContainsSubstring("\"state\":\"downloading\""));
  process.signal(SIGTERM);
  CHECK(process.wait() == 1);
  CHECK_THAT(process.output(), ContainsSubstring("\"Interrupted\""));
  world.host.lie_by({});
  const auto requests = world.host.requests().size();
  Process again(command(world), logs.path());
  CHECK(again.wait() == 0);
  // Not a byte that the first run had is asked for again.
  CHECK_THAT(
      process.output(),
      ContainsSubstring("\"bytesFetched\":" + std::to_string(range_begin(world.host.requests()[requests])) + "}"));
}

TEST_CASE("model-fetch: who has been asking is told the result before it ends") {
  const int port = 20'000 + ::getpid() % 10'000;
  const std::string result = "\"state\":\"done\",\"result\":{\"reason\":\"Fetched\"";
  std::string page;
  // It waits for a second to be asked once more, and a busy machine may need longer to ask.
  for (int tries = 0; tries < 10 && page.find(result) == std::string::npos; ++tries) {
    World world;
    Folder logs;
    world.serve(gguf(2 << 20));
    world.host.limit_rate(2 << 20);
    const auto listen = "127.0.0.1:" + std::to_string(port);
    Process process(command(world, {"--max-streams", "1", "--listen", listen}), logs.path());
    REQUIRE(test::eventually([&] {
      page = get("/progress", port);
      return page.find("\"state\":\"downloading\"") != std::string::npos || process.ended();
    }));
    REQUIRE(test::eventually([&] { return !process.output().empty() || process.ended(); }));
    page = get("/progress", port);
    CHECK(process.wait() == 0);
  }
  CHECK_THAT(page, ContainsSubstring(result));
}

TEST_CASE("model-fetch: killed at random bytes, the file is right and little comes twice") {
  World world;
  Folder logs;
  const auto content = gguf(48 << 20, 5);
  world.serve(content);
  world.options.sha256 = base::sha256_hex(content);
  world.host.limit_rate(100 << 20);
  world.options.name = "m";
  const fetch::Layout layout(world.volume.path(), world.folder().substr(world.volume.path().size() + 1));
  const auto part = layout.partial_stem("m.gguf") + ".part";
  const auto run = command(world, {"--sha256", world.options.sha256, "--max-streams", "1"});
  std::mt19937 noise(std::random_device{}());
  for (unsigned kills = 0; kills < 10; ++kills) {
    const auto requests = world.host.requests().size();
    const auto written = size_of(part);
    Process process(run, logs.path());
    REQUIRE(test::eventually([&] { return world.host.requests().size() > requests || process.ended(); }));
    if (process.ended()) break;
    const auto begin = range_begin(world.host.requests()[requests]);
    CAPTURE(kills, written, begin);
    // The killed run had written more than its last checkpoint says, by 1 % of the file at most.
    CHECK(begin <= written);
    CHECK(written - begin <= content.size() / 100);
    const auto limit = written + noise() % (6 << 20);
    REQUIRE(test::eventually([&] { return size_of(part) > limit || process.ended(); }));
    process.signal(SIGKILL);
    process.wait();
  }
  Process last(run, logs.path());
  REQUIRE(last.wait() == 0);
  CHECK(holds(world.published(), content));
}

TEST_CASE("model-fetch: a calendar that jumps ends no connection, and costs no byte") {
  World world;
  Folder logs;
  const auto content = gguf(4 << 20, 3);
  world.serve(content);
  world.options.name = "m";
  world.host.limit_rate(4 << 20);  // ten jumps long
  auto run = command(world, {"--max-streams", "1"});
  load_before(run, JUMPING_CLOCK);
  // Also where the host asks for a wait.
  world.host.lie("/model.gguf", {Lie{.status = 429, .headers = {"Retry-After: 1"}}});
  Process process(run, logs.path());
  CHECK(process.wait() == 0);
  CHECK(holds(world.published(), content));
  CHECK(world.host.requests().size() == 2);
  CHECK(world.host.body_bytes() == content.size());
  CHECK(process.errors().find("stalled") == std::string::npos);
}

TEST_CASE("model-fetch: bytes that the disk could not keep are neither published nor resumed") {
  // The kernel says so once: of the write-back on the way, or of the sync at the end.
  const std::string call = GENERATE("sync_file_range", "fsync");
  CAPTURE(call);
  World world;
  Folder logs;
  const auto content = gguf(24 << 20, 7);
  world.serve(content);
  world.options.name = "m";
  auto run = command(world, {"--max-streams", "1"});
  load_before(run, FAILING_DISK, "FAILING_CALL=" + call);
  Process first(run, logs.path());
  CHECK(first.wait() == 1);
  CHECK_THAT(first.output(), ContainsSubstring("\"WriteFailed\""));
  CHECK(read(world.published()) == "(none)");
  const auto before = world.host.body_bytes();
  Process second(command(world, {"--max-streams", "1"}), logs.path());
  CHECK(second.wait() == 0);
  CHECK(holds(world.published(), content));
  CHECK(world.host.body_bytes() - before == content.size());
}

TEST_CASE("model-fetch: on a volume without locks old partials are swept all the same") {
  World world;
  Folder logs;
  world.serve(gguf(1000));
  const fetch::Layout layout(world.volume.path(), "0123456789abcdef");
  const auto part = layout.partial_stem("a.gguf") + "-boot1.part";
  world.volume.write(part.substr(world.volume.path().size() + 1), "x");
  world.volume.write(layout.lock().substr(world.volume.path().size() + 1), "");
  std::filesystem::last_write_time(part, std::filesystem::file_time_type::clock::now() - 24h * 8);
  auto run = command(world);
  load_before(run, FAILING_DISK, "FAILING_CALL=flock");
  Process process(run, logs.path());
  CHECK(process.wait() == 0);
  CHECK_FALSE(std::filesystem::exists(part));
}

TEST_CASE("model-fetch: two processes for one key download once") {
  World world;
  Folder logs;
  const auto content = gguf(4 << 20);
  world.serve(content);
  world.host.limit_rate(8 << 20);
  Process one(command(world, {"--max-streams", "1"}), logs.path());
  Process two(command(world, {"--max-streams", "1"}), logs.path());
  CHECK(one.wait() == 0);
  CHECK(two.wait() == 0);
  CHECK(world.host.body_bytes() == content.size());
  CHECK_THAT(one.output() + two.output(), ContainsSubstring("AlreadyPresent"));
}

TEST_CASE("model-fetch: a proxy of the environment is used, and no_proxy is heeded") {
  World world;
  Folder logs;
  const auto content = gguf(1000);
  world.options.source = "http://models.example/model.gguf";
  world.host.put("http://models.example/model.gguf", {.content = content});  // the form in which a proxy is asked
  const std::string proxy = "http_proxy=" + world.host.url("");
  auto arguments = command(world, {"--retry-seconds", "0.2"});
  arguments.insert(arguments.begin(), {"/usr/bin/env", proxy});
  SECTION("through it") {
    Process process(arguments, logs.path());
    CHECK(process.wait() == 0);
    CHECK(holds(world.folder() + "/m.gguf", content));
  }
  SECTION("past it") {
    arguments.insert(arguments.begin() + 1, "no_proxy=.example");
    Process process(arguments, logs.path());
    CHECK(process.wait() == 1);
    CHECK(world.host.requests().empty());
  }
}

TEST_CASE("model-fetch: nobody special, in a group that the volume belongs to, writes what the group may write") {
  if (::geteuid() != 0) return;
  World world;
  Folder logs;
  world.serve(gguf(1000));
  // As LLMKube and fsGroup prepare a volume: group 102, its files inherit it.
  REQUIRE(::chown(world.volume.path().c_str(), 0, 102) == 0);
  REQUIRE(::chmod(world.volume.path().c_str(), 02775) == 0);
  // Nobody special may not look into root's checkout.
  const auto program = logs.path() + "/model-fetch";
  std::filesystem::copy_file(MODEL_FETCH, program);
  auto arguments = command(world);
  arguments.front() = program;
  arguments.insert(arguments.begin(), {"/usr/bin/setpriv", "--reuid=65532", "--regid=65532", "--groups=102",
                                       "--bounding-set=-all", "--no-new-privs"});
  Process process(arguments, logs.path());
  CHECK(process.wait() == 0);
  CAPTURE(process.output(), process.errors());
  struct stat status {};
  REQUIRE(::stat((world.folder() + "/m.gguf").c_str(), &status) == 0);
  CHECK(status.st_gid == 102);
  CHECK((status.st_mode & 0777U) == 0664);
}
