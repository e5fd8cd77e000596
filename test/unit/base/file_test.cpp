#include "common/base/file.hpp"

#include <unistd.h>

#include <cstdio>

#include "common/base/digest.hpp"
#include "common/base/text.hpp"
#include "test/catch.hpp"

TEST_CASE("a written file reads back, and its stamp tells a change") {
  const std::string path = "/tmp/base-file-test-" + std::to_string(::getpid());
  REQUIRE(base::write_file(path, "one"));
  const auto first = base::stamp_file(path);
  REQUIRE(first);
  REQUIRE(base::write_file(path, "two!"));
  CHECK(base::stamp_file(path) != first);
  CHECK(base::read_file(path) == std::string("two!"));
  const auto too_large = base::read_file(path, 3);
  REQUIRE_FALSE(too_large);
  CHECK(too_large.error().where == path);
  std::remove(path.c_str());
  CHECK_FALSE(base::read_file(path));
  CHECK_FALSE(base::stamp_file(path));
}

TEST_CASE("SHA-256 agrees with FIPS 180-2's example, in one part and in several") {
  CHECK(base::sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  base::Sha256 digest;
  digest.update("a");
  digest.update("bc");
  CHECK(digest.finish() == base::sha256_hex("abc"));
  CHECK(digest.finish() == base::sha256_hex(""));
}

TEST_CASE("text helpers") {
  CHECK(base::trim(" \tx y\n") == "x y");
  CHECK(base::shorten("abcdef", 5) == "ab...");
  CHECK(base::shorten("ab\xC3\xA9"
                      "def",
                      6) == "ab...");
  CHECK(base::to_utf8("a\xC3\xA9\xff") == "a\xC3\xA9\xEF\xBF\xBD");
  CHECK(base::nearest("llamacpp-ruoter", {"llamacpp", "llamacpp-router"}) == "llamacpp-router");
  CHECK(base::nearest("zzz", {"llamacpp"}).empty());
  CHECK(base::nearest("preloda", {"preload", "preloads"}) == "preload");
  CHECK(base::edit_distance("kitten", "sitting") == 3);
  CHECK(base::edit_distance("kitten", "sitting", 3) == 3);
  CHECK(base::edit_distance("kitten", "sitting", 2) > 2);
  CHECK(base::edit_distance("a", "abcdef", 2) > 2);
}
