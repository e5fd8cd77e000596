#include "common/api/preset.hpp"

#include "test/catch.hpp"

using namespace std::string_view_literals;

TEST_CASE("what ends or comments out a line is no value") {
  for (const auto text : {"a#b"sv, "a;b"sv, "a\nb"sv, "a\rb"sv, "a\0b"sv, " a"sv, "a "sv, "\ta"sv})
    CHECK(api::preset_value_problem(text));
  for (const auto text : {""sv, "a b"sv, "x=y"sv, "{\"a\":1}"sv, "[x]"sv, "\\"sv, "ä"sv})
    CHECK_FALSE(api::preset_value_problem(text));
}

TEST_CASE("names and aliases") {
  for (const auto text : {""sv, "a]"sv, "[a"sv, "a,b"sv, "a#"sv, "a\n"sv}) {
    CHECK(api::preset_name_problem(text));
    CHECK(api::preset_alias_problem(text));
  }
  CHECK(api::preset_name_problem("a:b"));
  CHECK_FALSE(api::preset_alias_problem("a:b"));
  CHECK_FALSE(api::preset_name_problem("org/qwen2.5 7b"));
}
