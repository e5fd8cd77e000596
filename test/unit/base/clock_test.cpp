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

TEST_CASE("a time that a clock cannot hold comes as the nearest that it can") {
  const auto first = base::to_wall_time(std::chrono::seconds::min());
  const auto last = base::to_wall_time(std::chrono::seconds::max());
  CHECK(base::format_rfc3339(first) == "1970-01-01T00:00:00Z");
  CHECK(base::format_rfc3339(last) == "2199-12-31T23:59:59Z");
  CHECK(last - first > std::chrono::years{229});
  CHECK(base::parse_rfc3339("9999-12-31T23:59:59Z") == last);
  CHECK(base::parse_rfc3339("0001-01-01T00:00:00Z") == first);
  CHECK(base::parse_rfc3339("9999-12-31T23:59:59.5Z") == last + std::chrono::milliseconds{500});
}

TEST_CASE("what is no time is refused") {
  for (const char* text :
       {"", "2026", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-24T20:12:54", "2026-11-24T25:12:54Z",
        "2026-11-24T20:12:54Zx", "2026-11-24T20:12:54.Z", "-026-11-24T20:12:54Z"})
    CHECK_FALSE(base::parse_rfc3339(text));
}
