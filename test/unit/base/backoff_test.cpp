#include "common/base/backoff.hpp"

#include "test/catch.hpp"

using std::chrono::milliseconds;

TEST_CASE("delays double within their bounds and start over after a success") {
  base::Backoff backoff(milliseconds{100}, milliseconds{1000}, 42);
  for (const int most : {100, 200, 400, 800, 1000, 1000}) {
    const auto delay = backoff.next();
    CHECK(delay.count() >= most / 2);
    CHECK(delay.count() <= most);
  }
  for (int i = 0; i < 100; ++i) CHECK(backoff.next() <= milliseconds{1000});
  backoff.reset();
  CHECK(backoff.next() <= milliseconds{100});
}
