#include "common/api/pattern.hpp"

#include <regex>
#include <string>

#include "test/catch.hpp"

using api::Pattern;

namespace {

bool matches(std::string_view expression, std::string_view text) {
  const auto pattern = Pattern::compile(expression);
  REQUIRE(pattern);
  return pattern->matches(text);
}

}  // namespace

TEST_CASE("a pattern matches anywhere unless it is anchored") {
  CHECK(matches("b", "abc"));
  CHECK_FALSE(matches("^b", "abc"));
  CHECK(matches("c$", "abc"));
  CHECK(matches("^$", ""));
  CHECK_FALSE(matches("^$", "a"));
  CHECK(matches("$", "a"));
  CHECK(matches("a|$", "b"));
  CHECK_FALSE(matches("a^b", "ab"));
  CHECK_FALSE(matches("a$b", "ab"));
  CHECK(matches("(^a|b)c", "ac"));
  CHECK_FALSE(matches("(^a|b)c", "aac"));
  CHECK(matches("(^a|b)c", "abc"));
}

TEST_CASE("bytes beyond ASCII are bytes like others") {
  CHECK(matches("^[^a]$", "\xff"));
  CHECK(matches("^.+$", "caf\xc3\xa9"));
  CHECK_FALSE(matches("^\\w+$", "caf\xc3\xa9"));
}

TEST_CASE("it agrees with another implementation") {
  const char* expressions[] = {"^[0-9]+(\\.[0-9]+)?$",
                               "^[a-fA-F0-9]{4}$",
                               "^(https?|hf)://.*|^/[^\\s]+$|^[a-z][\\w\\-\\.\\/]+$",
                               "^a{2,3}b?$",
                               "^(a|b)*c$",
                               "x[^y]z",
                               "^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(Ki|m)?$"};
  const char* texts[] = {"",     "1",   "1.5",   "1.",    "ab12", "AB1",   "http://x", "https://", "hf:/x", "/a b",
                         "/ab",  "abc", "a/b.c", "aa",    "aaab", "aaaab", "abbac",    "ababab",   "xyz",   "xaz",
                         "+1Ki", "-.5", ".",     "+1.5m", "1e3",  "a",     "a\nb",     "x\nz",     "c",     "-"};
  for (const char* expression : expressions) {
    const std::regex reference(expression, std::regex::ECMAScript);
    for (const char* text : texts) {
      CAPTURE(expression, text);
      CHECK(matches(expression, text) == std::regex_search(text, reference));
    }
  }
}

TEST_CASE("what is not understood is refused") {
  for (const char* expression : {"(", ")", "[a", "a{", "a{x}", "*", "(?=a)", "\\", "a{99999}"})
    CHECK_FALSE(Pattern::compile(expression));
  CHECK_FALSE(Pattern::compile(std::string(5000, '(')));
  CHECK_FALSE(Pattern::compile("a.{20}b"));  // a state for each of 2^20 sets
}

TEST_CASE("a long text takes linear time") {
  CHECK_FALSE(matches("^(a+)+$", std::string(200000, 'a') + "b"));
  CHECK(matches("^(a|aa)*$", std::string(200000, 'a')));
}
