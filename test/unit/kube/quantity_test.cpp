#include "common/kube/quantity.hpp"

#include <fstream>

#include "test/catch.hpp"

using kube::Quantity;

namespace {

Quantity quantity(std::string_view text) {
  const auto parsed = Quantity::parse(text);
  REQUIRE(parsed);
  return *parsed;
}

}  // namespace

// quantities.tsv: a text, a tab, and what resource.ParseQuantity and String of k8s.io/apimachinery v0.36.3 make of it
// ("-" where it refuses).
TEST_CASE("the same texts are quantities as for the API server, with the same canonical form") {
  std::ifstream table(TEST_DATA_DIR "/unit/kube/quantities.tsv");
  std::string line;
  int rows = 0;
  while (std::getline(table, line)) {
    const auto tab = line.find('\t');
    const std::string text = line.substr(0, tab);
    const auto parsed = Quantity::parse(text);
    CAPTURE(text);
    CHECK((parsed ? parsed->canonical() : "-") == line.substr(tab + 1));
    if (parsed) CHECK(Quantity::parse(parsed->canonical()) == *parsed);
    ++rows;
  }
  CHECK(rows > 400);
}

TEST_CASE("quantities compare by value") {
  CHECK(quantity("1") == quantity("1000m"));
  CHECK(quantity("1Gi") == quantity("1073741824"));
  CHECK(quantity("1Gi") > quantity("1G"));
  CHECK(quantity("-1") < quantity("0"));
  CHECK(quantity("-2") < quantity("-1"));
  CHECK(quantity("9") < quantity("10"));
  CHECK(quantity("0.5") == quantity("500m"));
  CHECK(quantity("1e3") == quantity("1k"));
  CHECK(quantity("1e999999999") > quantity("8Ei"));
}

TEST_CASE("whole numbers") {
  CHECK(quantity("2").to_int() == 2);
  CHECK(quantity("2000m").to_int() == 2);
  CHECK(quantity("-1k").to_int() == -1000);
  CHECK_FALSE(quantity("1500m").to_int());
  CHECK_FALSE(quantity("1e30").to_int());
  CHECK(quantity("0").is_zero());
  CHECK_FALSE(quantity("0.5").is_whole());
}

TEST_CASE("what people write by mistake is refused") {
  for (const char* text : {"", "1Gb", "1 Gi", "one", "1GiB", "1,5", "1e", "0x10", "1Gi "}) {
    CAPTURE(text);
    CHECK_FALSE(Quantity::parse(text));
  }
}

TEST_CASE("a long number is no trouble") {
  CHECK(quantity(std::string(5000, '9') + "Ei").canonical() == "9223372036854775807");
  CHECK(quantity("0." + std::string(5000, '0') + "1").canonical() == "1n");
}
