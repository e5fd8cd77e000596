#include <atomic>
#include <csignal>
#include <stop_token>
#include <thread>

#include "common/base/digest.hpp"
#include "reconciler/pod/fetch/run.hpp"
#include "test/catch.hpp"
#include "test/support/eventually.hpp"
#include "test/unit/fetch/world.hpp"

using namespace fetch_test;
using namespace std::chrono_literals;
using fakes::Lie;

namespace {

constexpr std::size_t kSize = 3 << 20;

/// Nothing but the published file, its record and the lock is on the volume.
void check_clean(const World& world, std::size_t published = 1) {
  const auto files = world.volume.files();
  CHECK(std::ranges::none_of(files, [](const auto& file) { return file.find("/partial/") != std::string::npos; }));
  CHECK(static_cast<std::size_t>(
            std::ranges::count_if(files, [](const auto& file) { return file.ends_with(".gguf"); })) == published);
}

}  // namespace

TEST_CASE("a file is downloaded, verified and published under the Model's name") {
  World world;
  const auto content = gguf(kSize);
  world.serve(content);
  world.options.sha256 = base::sha256_hex(content);
  world.options.download.most_streams = 1;  // a busy machine makes a long link, whose streams overlap by a few bytes
  const auto outcome = world.run();
  CHECK(word(outcome) == "Fetched");
  REQUIRE(outcome.files.size() == 1);
  CHECK(outcome.files[0].path == world.published());
  CHECK(outcome.files[0].size == content.size());
  CHECK(outcome.files[0].sha256 == world.options.sha256);
  CHECK(outcome.bytes_fetched == content.size());
  CHECK(holds(world.published(), content));
  check_clean(world);

  world.host.forget_requests();
  const auto again = world.run();
  CHECK(word(again) == "AlreadyPresent");
  CHECK(again.files[0].sha256 == world.options.sha256);
  CHECK(world.host.requests().empty());
}

TEST_CASE("what a host does wrong on the way is cured by asking again, and only the missing bytes come twice") {
  const auto [name, lie, most_bytes] = GENERATE(table<std::string, Lie, std::size_t>({
      {"cut at once", Lie{.cut_after = 0}, 0},
      {"cut at byte 1", Lie{.cut_after = 1}, 0},
      {"cut in the middle", Lie{.cut_after = kSize / 2}, 0},
      {"cut before the last byte", Lie{.cut_after = kSize}, 0},
      {"stall before the body", Lie{.stall_after = 0}, 0},
      {"stall in the middle", Lie{.stall_after = kSize / 2}, 0},
      {"Content-Length too long", Lie{.length_off = 10}, 0},
      {"Content-Length too short", Lie{.length_off = -1000}, 0},
      {"429 with Retry-After", Lie{.status = 429, .headers = {"Retry-After: 1"}}, 0},
      {"500", Lie{.status = 500, .body = "oops"}, 0},
      {"503 without a body", Lie{.status = 503}, 0},
      {"cut without a length", Lie{.cut_after = 100, .no_ranges = true}, 100},
      {"a range that was not asked for", Lie{.range_off = 7}, 0},
  }));
  CAPTURE(name);
  World world;
  world.options.download.most_streams = 1;  // of several, one is cut with a few bytes too many
  if (lie.stall_after) world.options.download.stall = kStall;
  const auto content = gguf(kSize);
  world.serve(content);
  world.host.lie("/model.gguf", {lie});
  const auto outcome = world.run();
  CAPTURE(outcome.message);
  REQUIRE(word(outcome) == "Fetched");
  CHECK(holds(world.published(), content));
  CHECK(outcome.bytes_fetched <= content.size() + most_bytes);
  check_clean(world);
}

TEST_CASE("Retry-After is waited for") {
  World world;
  world.serve(gguf(1000));
  world.host.lie("/model.gguf", {Lie{.status = 429, .headers = {"Retry-After: 1"}}});
  const auto begin = std::chrono::steady_clock::now();
  CHECK(word(world.run()) == "Fetched");
  CHECK(std::chrono::steady_clock::now() - begin >= 1s);
}

TEST_CASE("a host that asks for one wait after another is given up, with what to do") {
  World world;
  world.options.download.retry_for = 2s;
  world.serve(gguf(1000));
  world.host.lie_by([](const auto&) { return std::optional(Lie{.status = 429, .headers = {"Retry-After: 1"}}); });
  const auto outcome = world.run();
  CHECK(word(outcome) == "RateLimited");
  CHECK_THAT(outcome.message, ContainsSubstring("HTTP 429, again and again for "));
  CHECK_THAT(outcome.message, ContainsSubstring("use a mirror"));
  // Both are heeded: the host's waits, and their bound, which counts for as long again.
  CHECK(world.host.requests().size() >= 2);
  CHECK(world.host.requests().size() <= 6);
}

TEST_CASE("many cuts at odd places leave one right file") {
  World world;
  world.options.download.most_streams = 1;
  const auto content = gguf(kSize);
  world.serve(content);
  std::vector<Lie> lies;
  for (std::uint64_t i = 0; i < 40; ++i) lies.push_back(Lie{.cut_after = i * i * 37 + i});
  world.host.lie("/model.gguf", lies);
  const auto outcome = world.run();
  REQUIRE(word(outcome) == "Fetched");
  CHECK(holds(world.published(), content));
  CHECK(outcome.bytes_fetched == content.size());
}

TEST_CASE("a file that changes on the host halfway is downloaded anew, never mixed") {
  World world;
  const auto before = gguf(kSize, 1);
  const auto after = gguf(kSize, 2);
  world.serve(before, "\"v1\"");
  SECTION("the host knows If-Range") {
    world.host.lie("/model.gguf", {Lie{.cut_after = kSize / 2}});
    world.host.lie_by([&, changed = false](const auto&) mutable -> std::optional<Lie> {
      if (!changed) {
        changed = true;
        // Under the host's lock: the change shows from the next request on.
        return Lie{.cut_after = 1000, .etag = "\"v2\""};
      }
      return std::nullopt;
    });
  }
  SECTION("the tag is another one with each answer, twice") {
    world.host.lie("/model.gguf",
                   {Lie{.cut_after = kSize / 2, .etag = "\"a\""}, Lie{.cut_after = 5000, .etag = "\"b\""}});
  }
  const auto outcome = world.run();
  REQUIRE(word(outcome) == "Fetched");
  CHECK(holds(world.published(), before));
  check_clean(world);
}

TEST_CASE("mirrors behind one name whose tags differ: one answer is one file") {
  World world;
  world.options.download.most_streams = 1;
  const auto content = gguf(40 << 20);  // two ranges
  world.serve(content);
  // Each answer is another mirror's, and none heeds If-Range.
  world.host.lie_by([answers = 0](const auto&) mutable {
    return std::optional(Lie{.etag = "\"" + std::to_string(++answers) + "\"", .no_condition = true});
  });
  const auto outcome = world.run();
  CAPTURE(outcome.message);
  CHECK(word(outcome) == "Fetched");
  CHECK(holds(world.published(), content));
}

TEST_CASE("a file that never stays the same ends the run, and soon") {
  World world;
  world.serve(gguf(kSize));
  world.options.download.most_streams = 1;
  world.options.download.first_backoff = 1ms;
  world.options.download.longest_backoff = 1ms;
  world.options.download.retry_for = 600s;
  world.host.lie_by([answers = 0](const auto&) mutable {
    return std::optional(
        Lie{.cut_after = 100'000, .etag = "\"" + std::to_string(++answers) + "\"", .no_condition = true});
  });
  const auto outcome = world.run();
  CHECK(word(outcome) == "SourceChanged");
  CHECK_THAT(outcome.message, ContainsSubstring("started over 5 times"));
}

TEST_CASE("a file of another size under the same tag is downloaded anew") {
  const auto after = gguf(kSize / 2, 2);
  World world;
  world.serve(gguf(kSize, 1), "\"same\"");
  world.host.lie_by([](const auto&) { return std::optional(Lie{.stall_after = kSize / 2}); });
  const auto patient = world.options.download;
  world.options.download.stall = kStall;
  world.options.download.retry_for = 100ms;
  CHECK(word(world.run()) == "Stalled");
  world.host.lie_by({});
  world.serve(after, "\"same\"");
  world.options.download = patient;
  CHECK(word(world.run()) == "Fetched");
  CHECK(holds(world.published(), after));
}

TEST_CASE("a host without ranges, lengths or tags serves all the same") {
  const auto lie = GENERATE(Lie{.no_ranges = true}, Lie{.no_ranges = true, .no_length = true},
                            Lie{.no_ranges = true, .chunked = true});
  World world;
  const auto content = gguf(kSize);
  world.host.put("/model.gguf", {.content = content, .ranges = false});
  world.host.lie_by([&](const auto&) { return std::optional(lie); });
  world.host.lie("/model.gguf", {Lie{.cut_after = 1000, .no_ranges = true}});
  const auto outcome = world.run();
  CAPTURE(outcome.message);
  REQUIRE(word(outcome) == "Fetched");
  CHECK(holds(world.published(), content));
}

TEST_CASE("final answers end at once, with a word and a fix") {
  const auto [status, reason, fix] = GENERATE(table<int, std::string, std::string>({
      {401, "Unauthorized", "needs no login"},
      {403, "Unauthorized", "needs no login"},
      {404, "NotFound", "check the path"},
      {410, "NotFound", "check the path"},
      {400, "Refused", "check the URL"},
  }));
  World world;
  world.serve(gguf(100));
  world.host.lie_by([status = status](const auto&) { return std::optional(Lie{.status = status}); });
  const auto outcome = world.run();
  CHECK(word(outcome) == reason);
  CHECK_THAT(outcome.message, ContainsSubstring(fix));
  CHECK(world.host.requests().size() == 1);
  CHECK(fetch::info_of(outcome.reason).exit_code == 2);
}

TEST_CASE("bytes that are not the file's own are refused by the answer's head") {
  World world;
  const auto [coding, reason] = GENERATE(table<std::string, std::string>({
      {"gzip", "Refused"},
      {"BR", "Refused"},
      {"identity", "Fetched"},
      {"aws-chunked", "Fetched"},
      {"", "Fetched"},
  }));
  world.host.put("/set/a.gguf", {.content = gguf(100)});
  world.host.put("/set/tokens.json", {.content = "not its own", .headers = {"Content-Encoding: " + coding}});
  world.options.source = world.host.url("/set/");
  world.options.files = {"a.gguf", "tokens.json"};
  const auto outcome = world.run();
  CHECK(word(outcome) == reason);
  if (reason == "Refused") CHECK_THAT(outcome.message, ContainsSubstring("Content-Encoding: " + coding));
}

TEST_CASE("a host that never gets well ends the run with the last reason, to be resumed") {
  const auto [lie, reason] = GENERATE(table<Lie, std::string>({
      {Lie{.status = 503}, "ServerError"},
      {Lie{.stall_after = 0}, "Stalled"},
      {Lie{.cut_after = 0}, "Unreachable"},
  }));
  World world;
  world.options.download.retry_for = 3s;
  if (lie.stall_after) world.options.download.stall = kStall;
  world.serve(gguf(100));
  world.host.lie_by([lie = lie](const auto&) { return std::optional(lie); });
  const auto outcome = world.run();
  CHECK(word(outcome) == reason);
  CHECK(fetch::info_of(outcome.reason).exit_code == 1);
  CHECK(world.host.requests().size() >= 2);
}

TEST_CASE("nobody at the address, and no such name") {
  World world;
  world.options.download.retry_for = 100ms;
  world.options.source = GENERATE(as<std::string>{}, "http://127.0.0.1:1/a.gguf", "http://no-such-host.invalid/a.gguf");
  const auto outcome = world.run();
  CHECK(word(outcome) == "Unreachable");
  CHECK_THAT(outcome.message, ContainsSubstring(world.options.source));
}

TEST_CASE("a slow drip is no stall") {
  World world;
  world.serve(gguf(200));
  world.options.download.stall = 5s;
  world.host.lie_by([](const auto&) { return std::optional(Lie{.drip = 20ms}); });
  const auto begin = std::chrono::steady_clock::now();
  CHECK(word(world.run()) == "Fetched");
  CHECK(std::chrono::steady_clock::now() - begin > world.options.download.stall);
  CHECK(world.host.requests().size() == 1);
}

TEST_CASE("a wrong digest is tried twice, then final, and nothing is published") {
  World world;
  world.options.download.most_streams = 1;
  const auto content = gguf(kSize);
  world.serve(content);
  world.options.sha256 = std::string(64, 'a');
  const auto outcome = world.run();
  CHECK(word(outcome) == "DigestMismatch");
  CHECK_THAT(outcome.message, ContainsSubstring(base::sha256_hex(content)));
  CHECK(outcome.bytes_fetched == 2 * content.size());
  CHECK(read(world.published()) == "(none)");
}

TEST_CASE("a byte that was turned on the way is found by the digest and fetched again") {
  World world;
  const auto content = gguf(kSize);
  world.serve(content);
  world.options.sha256 = base::sha256_hex(content);
  world.host.lie("/model.gguf", {Lie{.flip = kSize / 3}});
  CHECK(word(world.run()) == "Fetched");
  CHECK(holds(world.published(), content));
}

TEST_CASE("the host's own digest is checked, and one that contradicts spec.sha256 costs no download") {
  World world;
  const auto content = gguf(kSize);
  world.host.put(
      "/model.gguf",
      {.content = content, .etag = "\"v1\"", .headers = {"X-Linked-ETag: \"" + base::sha256_hex(content) + "\""}});
  SECTION("it finds a turned byte") {
    world.host.lie("/model.gguf", {Lie{.flip = 100'000}});
    CHECK(word(world.run()) == "Fetched");
    CHECK(holds(world.published(), content));
  }
  SECTION("it contradicts") {
    world.options.sha256 = std::string(64, 'a');
    const auto outcome = world.run();
    CHECK(word(outcome) == "DigestMismatch");
    CHECK_THAT(outcome.message, ContainsSubstring("the host says"));
    CHECK(outcome.bytes_fetched < kSize / 2);
  }
}

TEST_CASE("what is no GGUF is refused as soon as it shows, and called by its name") {
  World world;
  const std::string page = "<!doctype html><html><head><title>Sign in</title></head>" + std::string(kSize, ' ');
  SECTION("a page") {
    world.host.put("/model.gguf", {.content = page, .content_type = "text/html"});
    const auto outcome = world.run();
    CHECK(word(outcome) == "NotGguf");
    CHECK_THAT(outcome.message, ContainsSubstring("an HTML page (title: Sign in)"));
    CHECK(outcome.bytes_fetched < kSize);
  }
  SECTION("a short text") {
    world.serve("no such model");
    CHECK_THAT(world.run().message, ContainsSubstring("no such model"));
  }
  SECTION("nothing") {
    world.serve("");
    CHECK(word(world.run()) == "NotGguf");
  }
  SECTION("a GGUF that was cut before it was uploaded") {
    world.serve(gguf(kSize).substr(0, kSize / 2));
    const auto outcome = world.run();
    CHECK(word(outcome) == "NotGguf");
    CHECK_THAT(outcome.message, ContainsSubstring("cut off"));
  }
  CHECK(read(world.published()) == "(none)");
  check_clean(world, 0);
}

TEST_CASE("a run that is stopped keeps its bytes for the next") {
  World world;
  world.options.download.most_streams = 1;
  const auto content = gguf(kSize);
  world.serve(content);
  world.host.lie_by([](const auto&) { return std::optional(Lie{.stall_after = kSize / 2}); });
  std::stop_source stop;
  fetch::Progress progress;
  std::thread later([&] {
    while (progress.fetched() < kSize / 4) std::this_thread::sleep_for(5ms);
    stop.request_stop();
  });
  const auto first = fetch::run(world.options, progress, stop.get_token());
  later.join();
  CHECK(word(first) == "Interrupted");
  CHECK(first.bytes_fetched > 0);
  world.host.lie_by({});
  const auto second = world.run();
  CHECK(word(second) == "Fetched");
  CHECK(first.bytes_fetched + second.bytes_fetched <= content.size() + content.size() / 100);
  CHECK(holds(world.published(), content));
}

TEST_CASE("without a tag, a date or a digest nothing is resumed in another run") {
  World world;
  world.options.download.most_streams = 1;
  const auto patient = world.options.download;
  world.options.download.stall = kStall;
  world.options.download.retry_for = 100ms;
  const auto content = gguf(kSize);
  world.host.put("/model.gguf", {.content = content});
  world.host.lie_by([](const auto&) { return std::optional(Lie{.stall_after = kSize / 2}); });
  CHECK(word(world.run()) == "Stalled");
  world.host.lie_by({});
  world.options.download = patient;
  SECTION("with no digest: from byte 0") {
    const auto outcome = world.run();
    CHECK(word(outcome) == "Fetched");
    CHECK(outcome.bytes_fetched == content.size());
  }
  SECTION("with a digest that proves the mixture right: resumed") {
    world.options.sha256 = base::sha256_hex(content);
    const auto outcome = world.run();
    CHECK(word(outcome) == "Fetched");
    CHECK(outcome.bytes_fetched < content.size());
  }
  CHECK(holds(world.published(), content));
}

TEST_CASE("a date is as good as a tag for resuming in another run") {
  World world;
  world.options.download.most_streams = 1;  // several bring all of it before they stall
  const auto patient = world.options.download;
  world.options.download.stall = kStall;
  world.options.download.retry_for = 100ms;
  const auto content = gguf(kSize);
  const std::string date = "Tue, 24 Nov 2026 20:00:00 GMT";
  world.host.put("/model.gguf", {.content = content, .last_modified = date});
  world.host.lie_by([](const auto&) { return std::optional(Lie{.stall_after = kSize / 2}); });
  CHECK(word(world.run()) == "Stalled");
  world.host.lie_by({});
  world.options.download = patient;
  SECTION("the same date: resumed") {
    const auto outcome = world.run();
    CHECK(word(outcome) == "Fetched");
    CHECK(outcome.bytes_fetched < content.size());
    CHECK(holds(world.published(), content));
  }
  SECTION("another date: from byte 0") {
    const auto after = gguf(kSize, 2);
    world.host.put("/model.gguf", {.content = after, .last_modified = "Wed, 25 Nov 2026 20:00:00 GMT"});
    CHECK(word(world.run()) == "Fetched");
    CHECK(holds(world.published(), after));
  }
}

TEST_CASE("a rate limit holds") {
  World world;
  world.serve(gguf(kSize));
  world.options.rate_limit = kSize / 4;
  world.options.download.most_streams = 1;
  const auto begin = std::chrono::steady_clock::now();
  CHECK(word(world.run()) == "Fetched");
  CHECK(std::chrono::steady_clock::now() - begin >= 1s);
}

TEST_CASE("a host that limits each connection is asked for several ranges at once, and the file is right") {
  const auto content = gguf(48 << 20);
  // It measures what a further stream brings: on a busy machine it may think that it brings nothing.
  std::size_t requests = 0;
  for (int tries = 0; tries < 5 && requests <= 2; ++tries) {
    World world;
    world.serve(content);
    world.options.sha256 = base::sha256_hex(content);
    world.host.limit_rate(4 << 20);
    const auto outcome = world.run();
    CAPTURE(outcome.message);
    REQUIRE(word(outcome) == "Fetched");
    CHECK(holds(world.published(), content));
    requests = world.host.requests().size();
  }
  CHECK(requests > 2);  // one stream needs two, of 32 MiB
}

TEST_CASE("what a silent stream still has to bring is taken over by one that is done, long before the stall ends it") {
  World world;
  const auto content = gguf(36 << 20);
  world.serve(content);
  world.options.download.stall = 100s;
  world.host.limit_rate(2 << 20);  // the first piece, of 32 MiB, takes long enough for a second stream
  std::atomic<bool> silent{false};
  std::thread hurry([&] {
    if (test::eventually([&] { return silent.load(); })) world.host.limit_rate(0);
  });
  world.host.lie_by([&](const fakes::HostRequest& request) -> std::optional<Lie> {
    if (request.header("Range").starts_with("bytes=0-") || silent.exchange(true)) return std::nullopt;
    return Lie{.stall_after = 1 << 20};
  });
  const auto begin = std::chrono::steady_clock::now();
  CHECK(word(world.run()) == "Fetched");
  CHECK(std::chrono::steady_clock::now() - begin < 80s);
  hurry.join();
  CHECK(silent);
  CHECK(holds(world.published(), content));
}

TEST_CASE("a host that answers 429 to the second connection is asked for one range at a time") {
  World world;
  const auto content = gguf(40 << 20);
  world.serve(content);
  world.host.limit_rate(8 << 20);
  std::atomic<unsigned> refused{0};
  world.host.lie_by([&](const fakes::HostRequest& request) -> std::optional<Lie> {
    if (request.header("Range").starts_with("bytes=0-") || refused >= 2) return std::nullopt;
    ++refused;
    return Lie{.status = 429};
  });
  CHECK(word(world.run()) == "Fetched");
  CHECK(refused == 2);
  CHECK(holds(world.published(), content));
}
