#include "common/base/number.hpp"

#include <cstdint>

#include "test/catch.hpp"

TEST_CASE("a text is a number when all of it is one") {
  CHECK(base::parse_number<int>("0") == 0);
  CHECK(base::parse_number<int>("-7") == -7);
  CHECK(base::parse_number<unsigned>("007") == 7U);
  CHECK(base::parse_number<std::uint64_t>("18446744073709551615") == UINT64_MAX);
  CHECK(base::parse_number<unsigned char>("fF", 16) == 255);
  CHECK(base::parse_number<double>("1.5e3") == 1500.0);
  for (const char* none : {"", " 1", "1 ", "+1", "1,", "0x1", "1.0", "-"}) {
    CAPTURE(none);
    CHECK_FALSE(base::parse_number<int>(none));
  }
}

TEST_CASE("a number that its type does not hold is none") {
  CHECK_FALSE(base::parse_number<unsigned>("-1"));
  CHECK_FALSE(base::parse_number<std::uint16_t>("65536"));
  CHECK_FALSE(base::parse_number<std::uint64_t>("18446744073709551616"));
  CHECK_FALSE(base::parse_number<double>("1e999"));
}
