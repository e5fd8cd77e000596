#include "common/net/body_budget.hpp"

#include <vector>

#include "test/catch.hpp"

namespace {

TEST_CASE("who tries again while it waits is woken once, the smallest first") {
  net::BodyBudget budget(200'000);
  REQUIRE(budget.take(200'000, 1));
  for (int tries = 0; tries < 3; ++tries) CHECK_FALSE(budget.take(150'000, 2));
  CHECK_FALSE(budget.take(100'000, 3));
  std::vector<std::uint64_t> woken;
  budget.give_back(200'000, [&](std::uint64_t id) { woken.push_back(id); });
  CHECK(woken == std::vector<std::uint64_t>{3, 2});
}

}  // namespace
