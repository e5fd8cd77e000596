#include "common/base/json.hpp"

#include "test/catch.hpp"

TEST_CASE("checked accessors give nothing for another type") {
  const auto document = base::parse_json(R"({"a":{"b":"text"},"n":7,"list":[1],"big":1e300})", "test");
  REQUIRE(document);
  CHECK(base::string_at(*document, {"a", "b"}) == "text");
  CHECK(base::string_at(*document, {"n", "b"}).empty());
  CHECK(base::string_at(*document, {"list"}).empty());
  CHECK(base::int_at(*document, {"n"}) == 7);
  CHECK(base::int_at(*document, {"big"}, -1) == -1);
  CHECK(base::find(*base::find(*document, "list"), "a") == nullptr);
}

TEST_CASE("200,000 brackets are refused before they are parsed") {
  const std::string text(200'000, '[');
  const auto document = base::parse_json(text, "body");
  REQUIRE_FALSE(document);
  CHECK(document.error().to_string() == "body: JSON nested deeper than 512");
}

TEST_CASE("brackets inside a string do not count as nesting") {
  CHECK(base::parse_json('"' + std::string(2000, '[') + '"', "body"));
  CHECK(base::parse_json(R"(["\"[", 1])", "body"));
}

TEST_CASE("strings end at the quote that no backslash escapes") {
  const std::string deep(600, '[');
  CHECK(base::parse_json(R"(["\\\"[)" + deep + R"(\\"])", "test").has_value());
  const auto outside = base::parse_json(R"(["\\",)" + deep + "]", "test");
  REQUIRE_FALSE(outside.has_value());
  CHECK_THAT(outside.error().what, ContainsSubstring("nested deeper"));
  CHECK_FALSE(base::parse_json(R"(["never closed \")" + deep, "test").has_value());
}

TEST_CASE("as deep as 512, and no deeper") {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(base::parse_json(nested(512), "test").has_value());
  CHECK_FALSE(base::parse_json(nested(513), "test").has_value());
  CHECK(base::parse_json("[" + nested(511) + "," + nested(511) + "]", "test").has_value());
}

TEST_CASE("the document outlives its text") {
  std::string text = R"({"key of some length":"a value with \u00e9 and \n, and more of it","short":"s"})";
  const auto document = base::parse_json(text, "test");
  text.assign(text.size(), 'x');
  REQUIRE(document.has_value());
  CHECK(base::string_at(*document, {"key of some length"}) == "a value with \xc3\xa9 and \n, and more of it");
  CHECK(base::string_at(*document, {"short"}) == "s");
}

TEST_CASE("what is not UTF-8 is refused, what is comes through") {
  CHECK_FALSE(base::parse_json("[\"\xff\"]", "test").has_value());
  CHECK_FALSE(base::parse_json("[\"\xc3\"]", "test").has_value());
  const auto good = base::parse_json("{\"a\":\"\xc3\xa9\"}", "test");
  REQUIRE(good.has_value());
  CHECK(base::string_at(*good, {"a"}) == "\xc3\xa9");
}

TEST_CASE("strings of every length, at every place, are what the library alone reads") {
  const std::string pieces[] = {"x",       "\\n",           "\\u00e9", "\xc3\xa9", "\\\"", "\\\\", "\xf0\x9f\x98\x80",
                                "\\u0000", "\\ud83d\\ude00"};
  for (std::size_t before = 0; before < 18; ++before) {
    for (const auto& piece : pieces) {
      for (std::size_t after = 0; after < 18; ++after) {
        const std::string text = "[\"" + std::string(before, 'a') + piece + std::string(after, 'b') + piece + "\",\"" +
                                 std::string(after, 'c') + "\"]";
        rapidjson::Document expected;
        expected.Parse<rapidjson::kParseValidateEncodingFlag>(text.c_str());
        const auto document = base::parse_json(text, "test");
        REQUIRE(document);
        REQUIRE(*document == expected);
        // Cut anywhere, it is refused and not read beyond.
        REQUIRE_FALSE(base::parse_json(std::string_view(text).substr(0, before + 2 + piece.size()), "test"));
      }
    }
  }
  for (const std::string bad : {"\x01", "\x1f", "\n", "\xff", "\xc3", "\\x", "\xed\xa0\x80"}) {
    for (std::size_t before = 0; before < 18; ++before)
      REQUIRE_FALSE(base::parse_json("[\"" + std::string(before, 'a') + bad + "aaaaaaaaaa\"]", "test"));
  }
}

TEST_CASE("half of a surrogate pair is no text") {
  CHECK(base::parse_json(R"(["\ud83d\ude00"])", "test"));
  CHECK(base::parse_json(R"(["\ud7ff\ue000"])", "test"));
  CHECK(base::parse_json("[\"\xed\x9f\xbf\xee\x80\x80\"]", "test"));
  for (const char* text : {R"(["\udddd"])", R"({"a\udc00":1})", R"(["\ud83d"])", R"(["\ud83dx"])",
                           R"(["\ud83d\ud83d"])", R"(["x\ude00\ud83d"])"}) {
    const auto document = base::parse_json(text, "test");
    REQUIRE_FALSE(document);
    CHECK_THAT(document.error().to_string(), ContainsSubstring("surrogate"));
  }
}

TEST_CASE("a parse error names its place") {
  const auto document = base::parse_json(R"({"a": tru})", "review");
  REQUIRE_FALSE(document);
  CHECK_THAT(document.error().to_string(), ContainsSubstring("review: not JSON") && ContainsSubstring("at byte"));
  CHECK_FALSE(base::parse_json("{} {}", "review"));
  CHECK_FALSE(base::parse_json(std::string_view("{}\0{}", 5), "review"));
  CHECK_FALSE(base::parse_json(std::string_view("{}\0", 3), "review"));
  CHECK_FALSE(base::parse_json("", "review"));
  CHECK_FALSE(base::parse_json("\"\xff\"", "review"));
}

TEST_CASE("quoting gives valid JSON for any bytes") {
  CHECK(base::quote_json("a\"b\n") == R"("a\"b\n")");
  CHECK(base::quote_json("\xff") == "\"\xEF\xBF\xBD\"");
}

TEST_CASE("two values are the same whatever the order of members, at any depth") {
  const auto same = [](std::string_view a, std::string_view b) {
    const auto left = base::parse_json(a, "a");
    const auto right = base::parse_json(b, "b");
    REQUIRE((left && right));
    CHECK(base::same_value(*left, *right) == base::same_value(*right, *left));
    CHECK(base::same_value(*left, *right) == (*left == *right));
    return base::same_value(*left, *right);
  };
  CHECK(same(R"({"a":1,"b":{"c":[1,{"d":null,"e":"x"}]}})", R"({"b":{"c":[1,{"e":"x","d":null}]},"a":1})"));
  CHECK(same(R"({"a":1,"b":2,"c":3,"d":4})", R"({"a":1,"c":3,"b":2,"d":4})"));
  CHECK(same("{}", "{}"));
  CHECK(same("[]", "[]"));
  CHECK_FALSE(same("{}", "[]"));
  CHECK_FALSE(same(R"({"a":1,"b":2})", R"({"a":1,"b":3})"));
  CHECK_FALSE(same(R"({"a":1,"b":2})", R"({"a":1,"c":2})"));
  CHECK_FALSE(same(R"({"a":1,"b":2})", R"({"b":1,"a":2})"));
  CHECK_FALSE(same(R"({"a":1})", R"({"a":1,"b":2})"));
  CHECK_FALSE(same("[1,2]", "[2,1]"));
  CHECK_FALSE(same("[1]", "[1,1]"));
  CHECK_FALSE(same(R"({"a":null})", R"({"a":false})"));
  CHECK_FALSE(same(R"({"a":"1"})", R"({"a":1})"));
}

TEST_CASE("a hundred thousand members are compared at once, in one order and in another") {
  const auto labels = [](int from, int to, int step) {
    std::string text;
    for (int i = from; i != to; i += step) text += (text.empty() ? "" : ",") + ("\"k" + std::to_string(i) + "\":\"v\"");
    return base::parse_json("{" + text + "}", "labels");
  };
  const auto up = labels(0, 100'000, 1);
  REQUIRE(up);
  // Pair by pair these are 10^10 steps: the test would not end.
  CHECK(base::same_value(*up, *labels(0, 100'000, 1)));
  CHECK(base::same_value(*up, *labels(99'999, -1, -1)));
  CHECK_FALSE(base::same_value(*up, *labels(1, 100'001, 1)));
}
