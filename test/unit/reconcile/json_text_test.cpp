#include "reconciler/reconcile/json_text.hpp"

#include <nlohmann/json.hpp>

#include "test/catch.hpp"

using nlohmann::json;
using reconciler::to_text;

TEST_CASE("JSON is written byte for byte as nlohmann's dump writes it") {
  const json values = {nullptr,
                       true,
                       -7,
                       18446744073709551615U,
                       0.1,
                       1e300,
                       "",
                       "plain: {}[], /~",
                       "\"quoted\" \\ back\n\t\x01\x1f",
                       "\x7f",
                       "grüße, 模型 \xf0\x9f\xa6\x99",
                       std::string("a\0b", 3),
                       json::array(),
                       json::object(),
                       json::array({json::array(), json::object(), json::array({1, "x"})}),
                       {{"b", {{"deep", {1, 2, nullptr}}}}, {"a", "z"}, {"k\"ey\xc3\xa9", false}}};
  for (const auto& value : values) CHECK(to_text(value) == value.dump());
  CHECK(to_text(values) == values.dump());
}

TEST_CASE("bytes that are no UTF-8 are written as the replacement character") {
  CHECK(to_text(json{{"k", "a\xff\xc3z"}}) == "{\"k\":\"a\xef\xbf\xbd\xef\xbf\xbdz\"}");
}
