#include "common/base/clock.hpp"

#include "test/catch.hpp"

TEST_CASE("times are written as Kubernetes writes them") {
  const base::WallTime time{std::chrono::milliseconds{1'795'551'174'250}};
  CHECK(base::format_rfc3339(time) == "2026-11-24T20:12:54Z");
  CHECK(base::format_rfc3339_micro(time) == "2026-11-24T20:12:54.250000Z");
}

TEST_CASE("times are read back in each form") {
  const base::WallTime time{std::chrono::milliseconds{1'795'551'174'250}};
  CHECK(base::parse_rfc3339("2026-11-24T20:12:54.25Z") == time);
  CHECK(base::parse_rfc3339("2026-11-24T22:12:54.250000123+02:00") == time);
  CHECK(base::parse_rfc3339(base::format_rfc3339_micro(time)) == time);
}

TEST_CASE("what is no time is refused") {
  for (const char* text :
       {"", "2026", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-24T20:12:54", "2026-11-24T25:12:54Z",
        "2026-11-24T20:12:54Zx", "2026-11-24T20:12:54.Z", "-026-11-24T20:12:54Z"})
    CHECK_FALSE(base::parse_rfc3339(text));
}
