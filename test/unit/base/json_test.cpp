#include "common/base/json.hpp"

#include <nlohmann/json.hpp>
#include <random>
#include <string>

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
  CHECK(document.error().to_string() == "body: JSON nested deeper than 512 at byte 512");
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

TEST_CASE("numbers keep their type and their value") {
  const auto number = [](const std::string& text) { return base::to_text(*base::parse_json(text, "test")); };
  for (const std::string same : {"0", "-1", "9223372036854775807", "-9223372036854775808", "18446744073709551615",
                                 "1.5", "-0.0", "0.1", "1e300", "5e-324", "123456.789"})
    CHECK(number(same) == same);
  CHECK(number("-0") == "0");
  CHECK(number("1E+2") == "100.0");
  CHECK(number("18446744073709551616") == "18446744073709553000.0");
  CHECK(number("1e-400") == "0.0");
  const auto document = base::parse_json("[7, 18446744073709551615]", "test");
  REQUIRE(document);
  CHECK((*document)[0].IsInt());
  CHECK((*document)[1].IsUint64());
  CHECK_FALSE((*document)[1].IsInt64());
  for (const std::string bad : {"01", "1.", ".5", "+1", "-", "1e", "1e+", "0x10", "1e400", "-1e400", "nan", "Infinity"})
    CHECK_FALSE(base::parse_json(bad, "test"));
}

TEST_CASE("whatever the bytes, it takes and reads what another library does") {
  const std::string seeds[] = {
      R"({"kind":"Review","n":[0,-1,2.5,1e3,18446744073709551615],"deep":{"a":[[],{},null,true,false]}})",
      R"({"a":"\"\\\/\b\f\n\r\t","a":["\\\"",""]})",
      R"( [ "\u0041\u00e9\u20ac\ud83d\ude00" , "plain text that is longer than a step" , { "" : "" } ] )",
      "{\"caf\xc3\xa9\":\"\xe2\x82\xac \xf0\x9f\x98\x80\",\"x\":-0.0,\"y\":1E-2}"};
  constexpr std::string_view bytes("{}[]\",:\\ntrufalse0123456789.eE+-/bd8 \n\x01\x7f\xc3\xa9\xed\xa0\xff");
  std::mt19937 random(1);  // the same ones every time
  const auto below = [&](std::size_t limit) { return random() % limit; };
  int taken = 0;
  for (int run = 0; run < 60'000; ++run) {
    std::string text = seeds[below(std::size(seeds))];
    for (auto changes = 1 + below(3); changes > 0; --changes) {
      const auto at = below(text.size());
      switch (below(4)) {
        case 0:
          text[at] = bytes[below(bytes.size())];
          break;
        case 1:
          text.erase(at, 1 + below(4));
          break;
        case 2:
          text.insert(at, 1, bytes[below(bytes.size())]);
          break;
        default:
          text.insert(at, text.substr(below(text.size()), 1 + below(12)));
          break;
      }
      if (text.empty()) text = " ";
    }
    INFO(text);
    const auto expected = nlohmann::json::parse(text, nullptr, false);
    const auto document = base::parse_json(text, "test");
    REQUIRE(document.has_value() == !expected.is_discarded());
    if (!document) continue;
    ++taken;
    REQUIRE(nlohmann::json::parse(base::to_text(*document)) == expected);
  }
  CHECK(taken > 5'000);
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
