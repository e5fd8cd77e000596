#include "reconciler/pod/fetch/gguf.hpp"

#include <algorithm>
#include <cstring>

#include "test/catch.hpp"
#include "test/unit/fetch/world.hpp"

namespace {

std::expected<fetch::GgufHeader, std::string> parse(const std::string& bytes) {
  const auto read = [&](std::uint64_t offset, char* into, std::size_t size) -> std::size_t {
    if (offset >= bytes.size()) return 0;
    const auto part = std::min<std::size_t>(size, bytes.size() - static_cast<std::size_t>(offset));
    std::memcpy(into, bytes.data() + offset, part);
    return part;
  };
  return fetch::read_gguf(read, bytes.size());
}

}  // namespace

TEST_CASE("a GGUF header is read, and the size that its tensors need") {
  const auto bytes = fetch_test::gguf(4096, 1, 3);
  const auto header = parse(bytes);
  REQUIRE(header);
  CHECK(header->version == 3);
  CHECK(header->architecture == "llama");
  CHECK(header->split_count == 3);
  CHECK(header->needed_size == bytes.size());
}

TEST_CASE("a GGUF that is cut anywhere is refused") {
  const auto bytes = fetch_test::gguf(64);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    REQUIRE_FALSE(parse(bytes.substr(0, size)));
  }
}

TEST_CASE("a GGUF whose header lies is refused and costs nothing") {
  auto bytes = fetch_test::gguf(64);
  SECTION("counts") {
    std::memset(bytes.data() + 8, 0x7f, 8);
    CHECK_THAT(parse(bytes).error(), ContainsSubstring("more entries"));
  }
  SECTION("length of a text") {
    std::memset(bytes.data() + 24, 0xff, 8);
    CHECK_THAT(parse(bytes).error(), ContainsSubstring("ends inside"));
  }
  SECTION("version") {
    bytes[4] = 9;
    CHECK_THAT(parse(bytes).error(), ContainsSubstring("version 9"));
  }
  SECTION("byte order") {
    bytes[4] = 0;
    bytes[7] = 3;
    CHECK_THAT(parse(bytes).error(), ContainsSubstring("big-endian"));
  }
}

TEST_CASE("a file that is no GGUF is called what it is") {
  CHECK(fetch::describe_wrong_start("GGUF\3").empty());
  CHECK(fetch::describe_wrong_start(" \n<!DOCTYPE HTML><head><title> Sign in </title>") ==
        "an HTML page (title: Sign in)");
  CHECK(fetch::describe_wrong_start("<html>") == "an HTML page");
  CHECK_THAT(fetch::describe_wrong_start("version https://git-lfs.github.com/spec/v1\n"), ContainsSubstring("LFS"));
  CHECK_THAT(fetch::describe_wrong_start("PK\3\4...."), ContainsSubstring("ZIP"));
  CHECK(fetch::describe_wrong_start("{\"error\":\"x\"}") == "JSON");
  CHECK(fetch::describe_wrong_start("Not found") == "a text that begins with \"Not found\"");
  CHECK(fetch::describe_wrong_start("") == "empty");
  CHECK_FALSE(fetch::describe_wrong_start("\x01\x02\x03\x80").empty());
}

TEST_CASE("a list of texts without end in a file of zeros is refused before it is walked") {
  std::string head("GGUF\3\0\0\0", 8);
  const auto append = [&](auto number) { head.append(reinterpret_cast<const char*>(&number), sizeof number); };
  append(std::uint64_t{0});  // tensors
  append(std::uint64_t{1});  // entries
  append(std::uint64_t{1});
  head += "k";
  append(std::uint32_t{9});  // a list
  append(std::uint32_t{8});  // of texts
  append(std::uint64_t{1} << 32U);
  const std::uint64_t size = std::uint64_t{40} << 30U;
  const auto read = [&](std::uint64_t offset, char* into, std::size_t wanted) -> std::size_t {
    std::memset(into, 0, wanted);
    if (offset < head.size()) head.copy(into, wanted, static_cast<std::size_t>(offset));
    return wanted;
  };
  const auto header = fetch::read_gguf(read, size);
  REQUIRE_FALSE(header);
  CHECK_THAT(header.error(), ContainsSubstring("a list of 4294967296 texts"));
}
