#include <fcntl.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <thread>

#include "common/api/source.hpp"
#include "common/base/digest.hpp"
#include "reconciler/pod/fetch/cache.hpp"
#include "reconciler/pod/fetch/partial.hpp"
#include "reconciler/pod/fetch/run.hpp"
#include "test/catch.hpp"
#include "test/support/eventually.hpp"
#include "test/unit/fetch/world.hpp"

using namespace fetch_test;
using namespace std::chrono_literals;
using fakes::Lie;

namespace {

constexpr std::size_t kSize = 1 << 20;

bool has(const std::vector<std::string>& files, const std::string& part) {
  return std::ranges::any_of(files, [&](const auto& file) { return file.find(part) != std::string::npos; });
}

void age(const std::string& path, std::chrono::hours by) {
  std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now() - by);
}

}  // namespace

TEST_CASE("a cache that LLMKube filled is a hit, whatever it called the file") {
  const auto name = GENERATE(as<std::string>{}, "phi4-mini.gguf", "Phi-4-mini-instruct.gguf", "model.gguf");
  World world;
  const auto content = gguf(kSize);
  world.serve(content);
  std::filesystem::create_directories(world.folder());
  world.volume.write(world.folder().substr(world.volume.path().size() + 1) + "/" + name, content);
  const auto outcome = world.run();
  CHECK(word(outcome) == "AlreadyPresent");
  REQUIRE(outcome.files.size() == 1);
  CHECK(outcome.files[0].path == world.folder() + "/" + name);
  CHECK(outcome.files[0].sha256 == base::sha256_hex(content));
  CHECK(world.host.requests().empty());
}

TEST_CASE("a broken file in the cache is passed over, and stays until the good one is there") {
  World world;
  const auto content = gguf(kSize);
  world.serve(content);
  std::filesystem::create_directories(world.folder());
  const std::string broken = content.substr(0, kSize / 2);
  world.volume.write(world.folder().substr(world.volume.path().size() + 1) + "/phi4-mini.gguf", broken);
  SECTION("the host is away: the old one is still there") {
    world.options.download.retry_for = 100ms;
    world.host.lie_by([](const auto&) { return std::optional(Lie{.status = 503}); });
    CHECK(word(world.run()) == "ServerError");
    CHECK(holds(world.published(), broken));
  }
  SECTION("the host is there: replaced") {
    CHECK(word(world.run()) == "Fetched");
    CHECK(holds(world.published(), content));
  }
}

TEST_CASE("another spec.sha256 is another file, and the old one stays when the new one cannot be had") {
  World world;
  const auto before = gguf(kSize, 1);
  world.serve(before, "\"v1\"");
  REQUIRE(word(world.run()) == "Fetched");
  const auto after = gguf(kSize, 2);
  world.options.sha256 = base::sha256_hex(after);
  CHECK(word(world.run()) == "DigestMismatch");
  CHECK(holds(world.published(), before));
  world.serve(after, "\"v2\"");
  CHECK(word(world.run()) == "Fetched");
  CHECK(holds(world.published(), after));
}

TEST_CASE("a file that was changed under its record is hashed again") {
  World world;
  auto content = gguf(kSize);
  world.serve(content);
  world.options.sha256 = base::sha256_hex(content);
  REQUIRE(word(world.run()) == "Fetched");
  auto turned = content;
  turned[kSize / 2] = static_cast<char>(turned[kSize / 2] ^ 1);
  world.volume.write(world.published().substr(world.volume.path().size() + 1), turned);
  CHECK(word(world.run()) == "Fetched");
  CHECK(holds(world.published(), content));
}

TEST_CASE("a file that was touched is hashed once more, not each time, and its tag stays") {
  World world;
  world.serve(gguf(kSize), "\"v1\"");
  REQUIRE(word(world.run()) == "Fetched");
  const fetch::Layout layout(world.options.to, api::cache_key(world.options.source));
  const auto path = layout.record("phi4-mini.gguf");
  const auto before = fetch::read_record(path);
  age(world.published(), 1h);
  CHECK(word(world.run()) == "AlreadyPresent");
  const auto after = fetch::read_record(path);
  REQUIRE((before && after));
  CHECK(after->stamp != before->stamp);
  CHECK(after->sha256 == before->sha256);
  CHECK(after->etag == "\"v1\"");
  fetch::Progress progress;
  progress.set_state(fetch::State::done);
  CHECK(fetch::verify_file(world.published(), {}, after, progress, {}));
  CHECK(progress.state() == fetch::State::done);  // not verifying
}

TEST_CASE("OnChange: who waited for the lock knows the file that another has put there by then, not the one before") {
  World world;
  const auto after = gguf(kSize, 2);
  world.serve(gguf(kSize, 1), "\"v1\"");
  REQUIRE(word(world.run()) == "Fetched");
  world.serve(after, "\"v2\"");
  const World elsewhere;
  auto other = world.options;
  other.to = elsewhere.volume.path();
  fetch::Progress ignored;
  REQUIRE(word(fetch::run(other, ignored, {})) == "Fetched");

  const fetch::Layout layout(world.options.to, api::cache_key(world.options.source));
  auto lock = std::make_optional(fetch::KeyLock::take(layout.lock(), {}, [] {}));
  REQUIRE(*lock);
  world.options.on_change = true;
  fetch::Progress progress;
  progress.set_state(fetch::State::done);
  fetch::Outcome outcome;
  std::thread waiting([&] { outcome = fetch::run(world.options, progress, {}); });
  CHECK(test::eventually([&] { return progress.state() == fetch::State::waiting; }));
  for (const auto& name : elsewhere.volume.files()) {
    if (name.find("/lock/") == std::string::npos) {
      std::filesystem::rename(other.to + "/" + name, world.options.to + "/" + name);
    }
  }
  lock.reset();
  waiting.join();
  CHECK(word(outcome) == "AlreadyPresent");
  REQUIRE(outcome.files.size() == 1);
  CHECK(outcome.files[0].sha256 == base::sha256_hex(after));
  const auto record = fetch::read_record(layout.record("phi4-mini.gguf"));
  REQUIRE(record);
  CHECK(record->sha256 == base::sha256_hex(after));
  CHECK(record->etag == "\"v2\"");
}

TEST_CASE("a file that is replaced or written to while it is hashed: no record vouches for what was not read") {
  const auto before = gguf(32 << 20, 1);
  const auto after = gguf(32 << 20, 2);
  const bool replaced = GENERATE(true, false);
  bool in_time = false;
  for (int tries = 0; tries < 20 && !in_time; ++tries) {
    World world;
    const auto folder = world.folder().substr(world.volume.path().size() + 1) + "/";
    world.serve(after);
    world.volume.write(folder + "phi4-mini.gguf", before);
    world.volume.write(folder + "new", after);
    fetch::Progress progress;
    std::thread other([&] {
      in_time = test::eventually([&] { return progress.done() > 0; });
      if (replaced) {
        std::filesystem::rename(world.folder() + "/new", world.published());
      } else {
        const int file = ::open(world.published().c_str(), O_WRONLY | O_CLOEXEC);
        in_time = ::pwrite(file, "other", 5, 1000) == 5 && in_time;  // of the first MiB, which has been read
        ::close(file);
      }
      in_time = in_time && progress.done() < before.size();
    });
    CHECK(word(fetch::run(world.options, progress, {})) == "AlreadyPresent");
    other.join();
    if (!in_time) continue;
    const auto again = world.run();
    REQUIRE(again.files.size() == 1);
    CHECK(again.files[0].sha256 == base::sha256_hex(read(world.published())));
  }
  if (!in_time) WARN("the machine was too busy");
}

TEST_CASE("OnChange: the old file stays until the new one is verified; IfNotPresent asks nobody") {
  World world;
  const auto before = gguf(kSize, 1);
  const auto after = gguf(kSize, 2);
  world.serve(before, "\"v1\"");
  REQUIRE(word(world.run()) == "Fetched");
  world.options.on_change = true;
  SECTION("nothing changed") { CHECK(word(world.run()) == "AlreadyPresent"); }
  SECTION("changed") {
    world.serve(after, "\"v2\"");
    CHECK(word(world.run()) == "Fetched");
    CHECK(holds(world.published(), after));
    CHECK(word(world.run()) == "AlreadyPresent");
  }
  SECTION("changed to what is no model") {
    world.serve("<html>", "\"v2\"");
    CHECK(word(world.run()) == "NotGguf");
    CHECK(holds(world.published(), before));
  }
  SECTION("the host is away") {
    world.host.lie_by([](const auto&) { return std::optional(Lie{.status = 503}); });
    CHECK(word(world.run()) == "AlreadyPresent");
  }
  SECTION("changed, but the policy is IfNotPresent") {
    world.options.on_change = false;
    world.serve(after, "\"v2\"");
    CHECK(word(world.run()) == "AlreadyPresent");
    CHECK(holds(world.published(), before));
  }
}

TEST_CASE("a set: every part of a split model and the projector, each in its place") {
  World world;
  const auto first = gguf(kSize, 1, 2);
  const auto second = gguf(kSize, 2, 2);
  const auto projector = gguf(1000, 3);
  world.host.put("/set/q4/m-00001-of-00002.gguf", {.content = first});
  world.host.put("/set/q4/m-00002-of-00002.gguf", {.content = second});
  world.host.put("/set/mmproj.gguf", {.content = projector});
  world.options.source = world.host.url("/set/");
  world.options.files = {"q4/m-00001-of-00002.gguf"};
  world.options.mmproj = "mmproj.gguf";
  world.options.sha256 = base::sha256_hex(first);
  SECTION("all there") {
    const auto outcome = world.run();
    CAPTURE(outcome.message);
    REQUIRE(word(outcome) == "Fetched");
    REQUIRE(outcome.files.size() == 3);
    CHECK(outcome.files[0].path == world.folder() + "/q4/m-00001-of-00002.gguf");
    CHECK(outcome.files[0].role == fetch::Role::model);
    CHECK(outcome.files[1].role == fetch::Role::shard);
    CHECK(outcome.files[2].path == world.folder() + "/mmproj.gguf");
    CHECK(outcome.files[2].role == fetch::Role::mmproj);
    CHECK(holds(outcome.files[1].path, second));
    CHECK(outcome.bytes_fetched >= first.size() + second.size() + projector.size());
    CHECK(word(world.run()) == "AlreadyPresent");
  }
  SECTION("one is gone from the volume: only that is fetched") {
    world.options.download.most_streams = 1;  // of several, one is cut with a few bytes too many
    const auto outcome = world.run();
    std::filesystem::remove(outcome.files[1].path);
    const auto again = world.run();
    CHECK(word(again) == "Fetched");
    CHECK(again.bytes_fetched <= second.size() + 10);
  }
  SECTION("a part is missing at the source") {
    world.host.remove("/set/q4/m-00002-of-00002.gguf");
    const auto outcome = world.run();
    CHECK(word(outcome) == "ShardMissing");
    CHECK_THAT(outcome.message, ContainsSubstring("m-00002-of-00002.gguf"));
    CHECK(read(world.folder() + "/q4/m-00001-of-00002.gguf") == "(none)");
  }
  SECTION("the projector is missing at the source") {
    world.host.remove("/set/mmproj.gguf");
    CHECK(word(world.run()) == "NotFound");
  }
  SECTION("the source names one part: it stands for all") {
    world.options.source = world.host.url("/set/q4/m-00002-of-00002.gguf");
    world.options.files.clear();
    world.options.mmproj.clear();
    const auto outcome = world.run();
    CAPTURE(outcome.message);
    REQUIRE(word(outcome) == "Fetched");
    CHECK(outcome.files[0].path == world.folder() + "/m-00001-of-00002.gguf");
    CHECK(outcome.files.size() == 2);
  }
  SECTION("such a source in percent-encoding") {
    world.host.put("/set/my%20m-00001-of-00002.gguf", {.content = first});
    world.host.put("/set/my%20m-00002-of-00002.gguf", {.content = second});
    world.options.source = world.host.url("/set/my%20m-00001-of-00002.gguf");
    world.options.files.clear();
    world.options.mmproj.clear();
    const auto outcome = world.run();
    CAPTURE(outcome.message);
    REQUIRE(word(outcome) == "Fetched");
    CHECK(outcome.files[0].path == world.folder() + "/my m-00001-of-00002.gguf");
    CHECK(outcome.files.size() == 2);
  }
}

TEST_CASE("OnChange: a set is of one version, the old one or the new one, whatever happens on the way") {
  World world;
  const auto part = [](unsigned version, unsigned number) { return gguf(kSize, 10 * version + number, 2); };
  const auto serve = [&](unsigned version) {
    for (const unsigned number : {1U, 2U}) {
      world.host.put("/set/m-0000" + std::to_string(number) + "-of-00002.gguf",
                     {.content = part(version, number),
                      .etag = "\"v" + std::to_string(version) + "-" + std::to_string(number) + "\""});
    }
  };
  const auto holds_version = [&](unsigned version) {
    return holds(world.folder() + "/m-00001-of-00002.gguf", part(version, 1)) &&
           holds(world.folder() + "/m-00002-of-00002.gguf", part(version, 2));
  };
  world.options.source = world.host.url("/set/");
  world.options.files = {"m-00001-of-00002.gguf"};
  world.options.on_change = true;
  serve(1);
  REQUIRE(word(world.run()) == "Fetched");
  serve(2);
  const auto is_question = [](const fakes::HostRequest& request) { return request.header("Range") == "bytes=0-0"; };
  const auto patient = world.options.download.retry_for;
  SECTION("one part cannot be fetched") {
    world.options.download.retry_for = 100ms;
    world.host.lie_by([&](const fakes::HostRequest& request) -> std::optional<Lie> {
      if (is_question(request) || request.path != "/set/m-00001-of-00002.gguf") return std::nullopt;
      return Lie{.status = 503};
    });
    CHECK(word(world.run()) == "ServerError");
    CHECK(holds_version(1));
    world.host.lie_by({});
    world.options.download.retry_for = patient;
    SECTION("what has been fetched is kept for the next run") {
      const auto outcome = world.run();
      CHECK(word(outcome) == "Fetched");
      CHECK(outcome.bytes_fetched < 2 * kSize);
      CHECK(holds_version(2));
    }
    SECTION("unless it has changed once more") {
      serve(3);
      CHECK(word(world.run()) == "Fetched");
      CHECK(holds_version(3));
    }
  }
  SECTION("one part cannot be asked for") {
    world.host.lie_by([&](const fakes::HostRequest& request) -> std::optional<Lie> {
      if (!is_question(request) || request.path != "/set/m-00001-of-00002.gguf") return std::nullopt;
      return Lie{.status = 503};
    });
    CHECK(word(world.run()) == "AlreadyPresent");
    CHECK(holds_version(1));
  }
  SECTION("all goes well") {
    CHECK(word(world.run()) == "Fetched");
    CHECK(holds_version(2));
    CHECK(word(world.run()) == "AlreadyPresent");
  }
}

TEST_CASE("a part of a split model under a name that hides it is no whole model") {
  World world;
  world.serve(gguf(1000, 1, 2));
  CHECK(word(world.run()) == "ShardMissing");
}

TEST_CASE("pvc: verified where it lies, nothing written") {
  World world;
  const auto content = gguf(kSize);
  world.volume.write("sub/a.gguf", content);
  world.options.source = "pvc://claim/sub/a.gguf";
  SECTION("good") {
    world.options.sha256 = base::sha256_hex(content);
    const auto outcome = world.run();
    CHECK(word(outcome) == "Verified");
    REQUIRE(outcome.files.size() == 1);
    CHECK(outcome.files[0].path == world.volume.path() + "/sub/a.gguf");
  }
  SECTION("wrong digest") {
    world.options.sha256 = std::string(64, 'a');
    CHECK(word(world.run()) == "DigestMismatch");
  }
  SECTION("not there") {
    world.options.source = "pvc://claim/sub/b.gguf";
    CHECK(word(world.run()) == "NotFound");
  }
  SECTION("cut off") {
    world.volume.write("sub/a.gguf", content.substr(0, 1000));
    CHECK(word(world.run()) == "NotGguf");
  }
  SECTION("a folder and files") {
    world.options.source = "pvc://claim/sub";
    world.options.files = {"a.gguf"};
    CHECK(word(world.run()) == "Verified");
  }
  CHECK(world.volume.files() == std::vector<std::string>{"sub/a.gguf"});
}

TEST_CASE("pvc: a named pipe is no file, and nobody waits for its writer") {
  World world;
  REQUIRE(::mkfifo((world.volume.path() + "/a.gguf").c_str(), 0600) == 0);
  world.options.source = "pvc://claim/a.gguf";
  CHECK(word(world.run()) == "NotFound");
}

TEST_CASE("two fetchers of one key: one downloads, the other waits and finds a good file") {
  World world;
  const auto content = gguf(kSize);
  world.serve(content);
  world.host.limit_rate(kSize * 2);
  world.options.download.most_streams = 1;
  fetch::Outcome outcomes[2];
  {
    std::thread one([&] { outcomes[0] = world.run(); });
    std::thread two([&] { outcomes[1] = world.run(); });
    one.join();
    two.join();
  }
  std::vector<std::string> words{word(outcomes[0]), word(outcomes[1])};
  std::ranges::sort(words);
  CHECK(words == std::vector<std::string>{"AlreadyPresent", "Fetched"});
  CHECK(world.host.body_bytes() == content.size());
}

TEST_CASE("a partial of a run that was killed is swept after a week, unless its key is held") {
  Folder volume;
  const fetch::Layout layout(volume.path(), "0123456789abcdef");
  const auto part = layout.partial_stem("a.gguf") + ".part";
  const auto name = part.substr(volume.path().size() + 1);
  volume.write(name, "x");
  volume.write(layout.lock().substr(volume.path().size() + 1), "");
  SECTION("young") {
    fetch::sweep_partials(volume.path(), 24h * 7);
    CHECK(has(volume.files(), ".part"));
  }
  SECTION("old") {
    age(part, 24h * 8);
    fetch::sweep_partials(volume.path(), 24h * 7);
    CHECK_FALSE(has(volume.files(), ".part"));
  }
  SECTION("old and held") {
    age(part, 24h * 8);
    const auto held = fetch::KeyLock::take(layout.lock(), {}, [] {});
    REQUIRE(held);
    fetch::sweep_partials(volume.path(), 24h * 7);
    CHECK(has(volume.files(), ".part"));
  }
}

TEST_CASE("a checkpoint counts on its own boot only, a durable one everywhere") {
  Folder volume;
  const auto stem = volume.path() + "/p/x";
  const fetch::Checkpoint live{{"s", "\"t\"", "", 100, ""}, {{0, 80}}, "", 0};
  const fetch::Checkpoint durable{{"s", "\"t\"", "", 100, ""}, {{0, 64}}, "", 0};
  {
    auto partial = fetch::Partial::open(stem, "boot-1");
    REQUIRE(partial);
    REQUIRE(partial->write_at(0, std::string(80, 'x')));
    REQUIRE(partial->write_durable(durable));
    REQUIRE(partial->write_live(live));
  }
  const auto same = fetch::Partial::open(stem, "boot-1");
  CHECK(same->load()->spans == live.spans);
  auto other = fetch::Partial::open(stem, "boot-2");
  CHECK(other->load()->spans == durable.spans);
  REQUIRE(::truncate((stem + ".part").c_str(), 70) == 0);  // a power loss that took written bytes
  CHECK(same->load()->spans == durable.spans);
  REQUIRE(other->restart());
  CHECK_FALSE(other->load());
}

TEST_CASE("a volume that is too small is told before the download, with what is missing") {
  if (::geteuid() != 0) return;
  World world;
  const std::string small = world.volume.path() + "/small";
  std::filesystem::create_directory(small);
  if (::mount("tmpfs", small.c_str(), "tmpfs", 0, "size=2m") != 0) return;  // not allowed in this container
  world.options.to = small;
  SECTION("the size is known") {
    world.serve(gguf(4 << 20));
    const auto outcome = world.run();
    CHECK(word(outcome) == "NoSpace");
    CHECK_THAT(outcome.message, ContainsSubstring("are missing"));
    CHECK(outcome.bytes_fetched < (1U << 20U));
  }
  SECTION("the size is not known: the first byte that has no room ends it") {
    world.serve(gguf(4 << 20));
    world.host.lie_by([](const auto&) { return std::optional(Lie{.no_ranges = true, .chunked = true}); });
    const auto outcome = world.run();
    CHECK(word(outcome) == "NoSpace");
    CHECK(world.host.requests().size() == 1);
    // It cannot be resumed without a size: the volume is not left full for it.
    CHECK_FALSE(has(world.volume.files(), "/partial/"));
  }
  ::umount(small.c_str());
}

TEST_CASE("a volume that does not tell its size is not full") {
  CHECK(fetch::check_room("/proc", UINT64_MAX));
  CHECK_FALSE(fetch::check_room(Folder().path(), UINT64_MAX));
}

TEST_CASE("what a killed run has reserved for one file of a set counts as room for it") {
  if (::geteuid() != 0) return;
  World world;
  const auto first = gguf(3 << 20, 1);
  const auto second = gguf(3 << 20, 2);
  world.host.put("/set/a.gguf", {.content = first, .etag = "\"a\""});
  world.host.put("/set/b.gguf", {.content = second, .etag = "\"b\""});
  world.options.source = world.host.url("/set/");
  world.options.files = {"a.gguf", "b.gguf"};
  const std::string tight = world.volume.path() + "/tight";
  std::filesystem::create_directory(tight);
  if (::mount("tmpfs", tight.c_str(), "tmpfs", 0, "size=7m") != 0) return;  // not allowed in this container
  world.options.to = tight;
  const auto patient = world.options.download;
  world.options.download.stall = kStall;
  world.options.download.retry_for = 100ms;
  world.host.lie_by([](const auto&) { return std::optional(Lie{.stall_after = 1 << 20}); });
  CHECK(word(world.run()) == "Stalled");
  world.host.lie_by({});
  world.options.download = patient;
  const auto outcome = world.run();
  CAPTURE(outcome.message);
  CHECK(word(outcome) == "Fetched");
  CHECK(outcome.bytes_fetched < first.size() + second.size());
  ::umount(tight.c_str());
}

TEST_CASE("a read-only volume: good files on it are a hit, else it is named") {
  if (::geteuid() != 0) return;
  World world;
  const auto content = gguf(kSize);
  world.serve(content);
  const std::string mounted = world.volume.path() + "/mounted";
  std::filesystem::create_directory(mounted);
  if (::mount("tmpfs", mounted.c_str(), "tmpfs", 0, "size=8m") != 0) return;  // not allowed in this container
  world.options.to = mounted;
  SECTION("empty") {
    REQUIRE(::mount("none", mounted.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) == 0);
    const auto outcome = world.run();
    CHECK(word(outcome) == "ReadOnlyVolume");
    CHECK(world.host.requests().empty());
  }
  SECTION("filled") {
    REQUIRE(word(world.run()) == "Fetched");
    REQUIRE(::mount("none", mounted.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) == 0);
    CHECK(word(world.run()) == "AlreadyPresent");
  }
  ::umount(mounted.c_str());
}

TEST_CASE("flags that make no sense are InvalidSource, with the fix") {
  World world;
  SECTION("source") { world.options.source = "hf://org/repo"; }
  SECTION("file") {
    world.options.source = "hf://org/repo";
    world.options.files = {"../x.gguf"};
  }
  SECTION("a part's name in percent-encoding") { world.options.source = "https://host/%2E%2E%2Fm-00001-of-00002.gguf"; }
  SECTION("a name that no folder can hold") { world.options.name = std::string(251, 'n'); }
  SECTION("mmproj alone") { world.options.mmproj = "mmproj.gguf"; }
  SECTION("no other file than mmproj") {
    world.options.source = "hf://org/repo";
    world.options.files = {"mmproj.gguf"};
    world.options.mmproj = "mmproj.gguf";
  }
  const auto outcome = world.run();
  CHECK(word(outcome) == "InvalidSource");
  CHECK(fetch::info_of(outcome.reason).exit_code == 2);
  CHECK(world.volume.files().empty());
}

TEST_CASE("the folders of a volume are looked at anew, the upper ones first") {
  Folder volume;
  std::filesystem::create_directories(volume.path() + "/a/b");
  const int opened = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  std::vector<int> folders;
  for (const char* folder : {"", "/a", "/a/b"}) {
    folders.push_back(::inotify_add_watch(opened, (volume.path() + folder).c_str(), IN_OPEN));
  }
  fetch::look_anew(volume.path(), volume.path() + "/a/b");
  std::vector<int> looked_at;
  alignas(inotify_event) char events[4096];
  const auto got = ::read(opened, events, sizeof events);
  ::close(opened);
  for (ssize_t at = 0; at < got;) {
    const auto* event = reinterpret_cast<const inotify_event*>(events + at);
    if (event->len == 0) looked_at.push_back(event->wd);  // the folder itself, not one in it
    at += static_cast<ssize_t>(sizeof *event + event->len);
  }
  CHECK(looked_at == folders);
  // Where the volume is the root, and where nothing is, it comes to an end.
  fetch::look_anew("", "/proc/self");
  fetch::look_anew(".", "./nowhere/at/all");
}
