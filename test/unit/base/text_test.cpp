#include "common/base/text.hpp"

#include "test/catch.hpp"

TEST_CASE("join puts the separator between all parts, empty ones too") {
  CHECK(base::join({}, ",").empty());
  CHECK(base::join({"a"}, ",") == "a");
  CHECK(base::join({"a", "b"}, ", ") == "a, b");
  CHECK(base::join({"", "a", ""}, ",") == ",a,");
  CHECK(base::join({"", ""}, ",") == ",");
}
