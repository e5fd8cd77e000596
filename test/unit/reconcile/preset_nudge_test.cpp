#include "reconciler/reconcile/preset_nudge.hpp"

#include "test/catch.hpp"

namespace {

const base::WallTime kNow{std::chrono::seconds{1'700'000'000}};

TEST_CASE("a nudge from a time that is not now begins its interval anew") {
  for (const auto* time : {"1700000001", "9999999999", "9223372036854775807"}) {
    const auto nudge = reconciler::next_nudge(std::string("abc.2.") + time, "abc", kNow);
    CHECK(nudge.value == "abc.2.1700000000");
    CHECK(nudge.again == std::chrono::seconds{6});
  }
}

}  // namespace
