#include "common/base/error.hpp"

#include "test/catch.hpp"

TEST_CASE("an error reads as where, what and fix") {
  CHECK(base::Error{"no such host", "http://a/b", "check the name"}.to_string() ==
        "http://a/b: no such host; check the name");
  CHECK(base::Error{"no such host", "", ""}.to_string() == "no such host");
}
