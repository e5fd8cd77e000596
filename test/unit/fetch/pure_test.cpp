#include <openssl/sha.h>
#include <sched.h>
#include <unistd.h>

#include <random>
#include <thread>

#include "common/base/digest.hpp"
#include "reconciler/pod/fetch/cache.hpp"
#include "reconciler/pod/fetch/http_words.hpp"
#include "reconciler/pod/fetch/outcome.hpp"
#include "reconciler/pod/fetch/partial.hpp"
#include "reconciler/pod/fetch/piece_rate.hpp"
#include "reconciler/pod/fetch/progress.hpp"
#include "reconciler/pod/fetch/reporter.hpp"
#include "reconciler/pod/fetch/saved_hash.hpp"
#include "reconciler/pod/fetch/spans.hpp"
#include "reconciler/pod/fetch/stream_count.hpp"
#include "test/catch.hpp"

using namespace fetch;
using namespace std::chrono_literals;

TEST_CASE("spans join where they touch and overlap") {
  Spans spans;
  spans.add({10, 20});
  spans.add({30, 40});
  spans.add({0, 10});
  CHECK(spans.list() == std::vector<Span>{{0, 20}, {30, 40}});
  CHECK(spans.frontier() == 20);
  spans.add({15, 35});
  CHECK(spans.list() == std::vector<Span>{{0, 40}});
  spans.add({5, 5});
  CHECK(spans.bytes() == 40);
}

TEST_CASE("spans agree with a set of single bytes") {
  std::mt19937 noise(7);
  for (int round = 0; round < 200; ++round) {
    Spans spans;
    std::vector<bool> bytes(64, false);
    for (int i = 0; i < 8; ++i) {
      const std::uint64_t begin = noise() % 60;
      const std::uint64_t end = begin + noise() % (64 - begin);
      spans.add({begin, end});
      for (auto at = begin; at < end; ++at) bytes[at] = true;
    }
    const auto first_missing = static_cast<std::uint64_t>(std::ranges::find(bytes, false) - bytes.begin());
    REQUIRE(spans.frontier() == first_missing);
    REQUIRE(spans.bytes() == static_cast<std::uint64_t>(std::ranges::count(bytes, true)));
    const auto gap = spans.first_gap(64, 1000);
    REQUIRE(gap.has_value() == (first_missing < 64));
    if (gap) {
      REQUIRE(gap->begin == first_missing);
      const auto next = std::find(bytes.begin() + static_cast<long>(first_missing), bytes.end(), true);
      REQUIRE(gap->end == static_cast<std::uint64_t>(next - bytes.begin()));
    }
  }
}

TEST_CASE("a saved hash goes on in another object, at every block") {
  std::string text(1000, 'x');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 7);
  for (std::size_t cut = 0; cut <= text.size(); cut += 64) {
    SavedHash first;
    first.update(text.data(), cut);
    const auto saved = first.save();
    REQUIRE(saved);
    SavedHash second;
    REQUIRE(second.restore(*saved, cut));
    second.update(text.data() + cut, text.size() - cut);
    REQUIRE(second.finish() == base::sha256_hex(text));
  }
  SavedHash odd;
  odd.update("abc", 3);
  CHECK_FALSE(odd.save());
  CHECK_FALSE(odd.restore("zz", 64));
  CHECK_FALSE(odd.restore(std::string(64, 'g'), 64));
  CHECK_FALSE(odd.restore(std::string(64, 'a'), 63));
  odd.update("abc", 3);
  CHECK(odd.finish() == base::sha256_hex("abc"));
}

TEST_CASE("Content-Range: what is right is read, what is wrong is refused") {
  CHECK(parse_content_range("bytes 0-9/100") == ContentRange{0, 10, 100});
  CHECK(parse_content_range(" Bytes 5-5/* ") == ContentRange{5, 6, {}});
  CHECK(parse_content_range("bytes */100") == ContentRange{{}, {}, 100});
  const auto wrong = GENERATE(as<std::string>{}, "", "bytes", "bytes 0-9", "items 0-9/100", "bytes 9-0/100",
                              "bytes 0-100/100", "bytes -5/100", "bytes 0-/100", "bytes */*", "bytes 0-9/-1",
                              "bytes 0-9/1e3", "bytes 0-18446744073709551615/*", "bytes 0-99999999999999999999/*");
  CAPTURE(wrong);
  CHECK_FALSE(parse_content_range(wrong));
}

TEST_CASE("only a strong entity tag goes into If-Range") {
  CHECK(strong_etag(" \"abc\" ") == "\"abc\"");
  const auto wrong = GENERATE(as<std::string>{}, "W/\"abc\"", "abc", "\"\"", "\"a\"b\"", "\"a\r\nX: y\"", "\"a b\"");
  CHECK(strong_etag(wrong).empty());
}

TEST_CASE("the host's own word for the sha256") {
  const auto hex = base::sha256_hex("abc");
  CHECK(sha256_of_linked_etag("\"" + hex + "\"") == hex);
  CHECK(sha256_of_linked_etag("W/\"" + hex + "\"") == hex);
  CHECK(sha256_of_linked_etag("\"d41d8cd98f00b204e9800998ecf8427e\"").empty());
  CHECK(sha256_of_base64("ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=") == hex);
  CHECK(sha256_of_base64("ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=-3").empty());
  CHECK(sha256_of_base64("ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0!").empty());
  CHECK(sha256_of_repr_digest("md5=:x:, SHA-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:") == hex);
  CHECK(sha256_of_repr_digest("sha-256=:short:").empty());
}

TEST_CASE("credentials belong to scheme, host and port") {
  CHECK(origin_of("https://Host/a") == "https://host:443");
  CHECK(origin_of("http://host:8080/a?b") == "http://host:8080");
  CHECK(origin_of("https://u:p@host") == "https://host:443");
  CHECK(origin_of("https://[::1]/a") == "https://[::1]:443");
  CHECK(origin_of("https://host/a") != origin_of("http://host/a"));
  CHECK(origin_of("ftp://host").empty());
}

TEST_CASE("a checkpoint reads back, and a torn one is none") {
  const Checkpoint checkpoint{{"source", "\"tag\"", "date", 1000, "digest"}, {{0, 128}, {200, 300}}, "hash", 128};
  const auto text = encode_checkpoint(checkpoint, "boot", 7);
  const auto decoded = decode_checkpoint(text + "   ");
  REQUIRE(decoded);
  CHECK(decoded->checkpoint.identity == checkpoint.identity);
  CHECK(decoded->checkpoint.spans == checkpoint.spans);
  CHECK(decoded->checkpoint.hash == "hash");
  CHECK(decoded->checkpoint.hashed == 128);
  CHECK(decoded->boot == "boot");
  CHECK(decoded->number == 7);
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto torn = text;
    torn[i] = static_cast<char>(torn[i] ^ 1);
    CAPTURE(i);
    if (i + 1 == text.size()) break;  // the line end, behind all that counts
    CHECK_FALSE(decode_checkpoint(torn));
    CHECK_FALSE(decode_checkpoint(text.substr(0, i)));
  }
  auto impossible = checkpoint;
  impossible.hashed = 500;  // more than is there
  CHECK_FALSE(decode_checkpoint(encode_checkpoint(impossible, "boot", 7)));
  impossible = checkpoint;
  impossible.spans = {{0, 2000}};  // beyond the file's end
  CHECK_FALSE(decode_checkpoint(encode_checkpoint(impossible, "boot", 7)));
}

TEST_CASE("identities: the strongest sign that both have decides") {
  const Identity before{"s", "\"a\"", "monday", 10, ""};
  CHECK(before.same_as({"s", "\"a\"", "tuesday", 10, ""}));
  CHECK_FALSE(before.same_as({"s", "\"b\"", "monday", 10, ""}));
  CHECK_FALSE(before.same_as({"s", "\"a\"", "monday", 11, ""}));
  CHECK(before.same_as({"s", "", "monday", {}, ""}));
  CHECK_FALSE(before.same_as({"s", "", "tuesday", {}, ""}));
  CHECK(before.validator() == "\"a\"");
}

TEST_CASE("a short link gets one stream, and more only while they help") {
  StreamCount count(8);
  base::SteadyTime now{};
  count.round_trip(100us);
  CHECK(count.wanted() == 1);
  std::uint64_t bytes = 0;
  for (int i = 0; i < 16 && count.wanted() == 1; ++i) count.observe(bytes += 1'000'000, now += 100ms);
  REQUIRE(count.wanted() == 2);
  for (int i = 0; i < 40; ++i) count.observe(bytes += 1'000'000, now += 100ms);
  CHECK(count.wanted() == 1);
}

TEST_CASE("a long link starts with many streams, and grows as long as that brings more") {
  StreamCount near(8);
  near.round_trip(5ms);
  CHECK(near.wanted() == 4);
  base::SteadyTime now{};
  std::uint64_t bytes = 0;
  for (int i = 0; i < 60; ++i) near.observe(bytes += near.wanted() * 100'000, now += 100ms);
  CHECK(near.wanted() == 8);
  StreamCount far(8);
  far.round_trip(50ms);
  CHECK(far.wanted() == 8);
  far.refused();
  CHECK(far.wanted() == 4);
  for (int i = 0; i < 60; ++i) far.observe(bytes += far.wanted() * 100'000, now += 100ms);
  CHECK(far.wanted() == 4);
  StreamCount few(2);
  few.round_trip(50ms);
  CHECK(few.wanted() == 2);
}

TEST_CASE("the wait for the first answer does not hide how long the link is") {
  StreamCount count(8);
  base::SteadyTime now{};
  for (int i = 0; i < 3; ++i) count.observe(0, now += 50ms);  // name, handshake, request
  count.round_trip(50ms);
  CHECK(count.wanted() == 8);
}

TEST_CASE("when a piece will be there is told by its rate of late") {
  PieceRate rate;
  base::SteadyTime now{};
  std::uint64_t position = 1000;
  rate.start(position, now);
  CHECK_FALSE(rate.seconds_until(2000, position, now + 99ms, 100ms));
  for (int i = 0; i < 50; ++i) rate.observe(position += 1, now += 10ms, 100ms);    // 100 bytes a second
  for (int i = 0; i < 50; ++i) rate.observe(position += 100, now += 10ms, 100ms);  // 10,000
  const auto seconds = rate.seconds_until(position + 5000, position, now, 100ms).value_or(0);
  CHECK(seconds > 0.49);
  CHECK(seconds < 0.51);
  CHECK(rate.seconds_until(position + 5000, position, now + 1h, 100ms).value_or(0) > 600);  // silent since
}

TEST_CASE("whom the lock does not keep out, writes into another partial") {
  CHECK(partial_suffix(Reach::all, "0123456789").empty());
  CHECK(partial_suffix(Reach::node, "0123456789") == "-01234567");
  CHECK(partial_suffix(Reach::node, "x") != partial_suffix(Reach::node, "y"));
  CHECK(partial_suffix(Reach::none, "0123456789").starts_with("-01234567"));
  CHECK(partial_suffix(Reach::none, "0123456789") != "-01234567");
}

TEST_CASE("the same process number in the Pod beside it is another fetcher") {
  const auto here = partial_suffix(Reach::none, "0123456789");
  std::string there;
  std::thread other_pod([&] {
    constexpr std::string_view kName = "another-pod";
    if (::unshare(CLONE_NEWUTS) != 0 || ::sethostname(kName.data(), kName.size()) != 0) return;  // not allowed here
    there = partial_suffix(Reach::none, "0123456789");
  });
  other_pod.join();
  CHECK(here == partial_suffix(Reach::none, "0123456789"));
  CHECK(here != there);
}

TEST_CASE("each reason has one row and one exit code") {
  for (const auto& row : reasons()) {
    CAPTURE(row.word);
    CHECK(&info_of(row.reason) == &row);
    CHECK(row.exit_code >= 0);
    CHECK(row.exit_code <= 2);
    for (const auto& other : reasons()) CHECK((&other == &row || other.word != row.word));
  }
}

TEST_CASE("the termination message fits, whatever the set") {
  Outcome outcome{Reason::fetched, "done", {{"/models/k/a.gguf", 5, "aa", Role::model}}, 5};
  CHECK(to_json(outcome) ==
        R"({"reason":"Fetched","message":"done","files":[{"path":"/models/k/a.gguf","size":5,"sha256":"aa",)"
        R"("role":"model"}],"bytesFetched":5})");
  for (int i = 0; i < 200; ++i) outcome.files.push_back({"/models/k/" + std::string(40, 'x'), 1, "bb", Role::shard});
  outcome.files.push_back({"/models/k/mmproj.gguf", 1, "cc", Role::mmproj});
  outcome.message = std::string(9000, 'm');
  const auto line = to_json(outcome);
  CHECK(line.size() <= kLongestMessage);
  CHECK_THAT(line, ContainsSubstring("\"moreFiles\":200"));
  CHECK_THAT(line, ContainsSubstring("mmproj.gguf"));
  CHECK(line.find('\n') == std::string::npos);
}

TEST_CASE("progress in words") {
  Progress progress;
  CHECK(progress.to_json() == R"({"bytesDone":0,"bytesTotal":null,"state":"waiting"})");
  progress.set_state(State::downloading);
  progress.set_total(300);
  progress.finish_file(100);
  progress.set_file_bytes(50);
  CHECK(progress.to_json() == R"({"bytesDone":150,"bytesTotal":300,"state":"downloading"})");
  CHECK(human_bytes(1536) == "1.5 KiB");
  CHECK(human_bytes(17) == "17 B");
  CHECK(human_seconds(3723) == "1h02m");
  const auto bar = progress_bar(1U << 30U, std::uint64_t{4} << 30U, 100e6);
  CHECK_THAT(bar, ContainsSubstring(" 25%"));
  CHECK_THAT(bar, ContainsSubstring("32s left"));
  CHECK(bar.size() <= 79);
}
