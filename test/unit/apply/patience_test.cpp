#include "reconciler/apply/patience.hpp"

#include "test/catch.hpp"

using namespace std::chrono_literals;
using reconciler::Patience;

namespace {

const reconciler::Key kKey{reconciler::Key::Kind::service, "edge", "multi"};
const reconciler::Key kOther{reconciler::Key::Kind::model, "edge", "multi"};

struct Fixture {
  base::ManualClock clock;
  Patience patience{clock, {.quiet = 1s, .longest = 5s}};
};

}  // namespace

TEST_CASE("a status is written once it has said the same for a moment") {
  Fixture f;
  CHECK(f.patience.wait(kKey, 1) == 1s);
  f.clock.advance(400ms);
  CHECK(f.patience.wait(kKey, 1) == 600ms);
  CHECK(f.patience.wait(kKey, 2) == 1s);  // it says something else: from the start
  f.clock.advance(1s);
  CHECK_FALSE(f.patience.wait(kKey, 2));
}

TEST_CASE("a status that never says the same is written in the end") {
  Fixture f;
  for (std::uint64_t i = 0; i < 9; ++i) {
    CHECK(f.patience.wait(kKey, i));
    f.clock.advance(500ms);
  }
  CHECK(f.patience.wait(kKey, 100) == 500ms);
  f.clock.advance(500ms);
  CHECK_FALSE(f.patience.wait(kKey, 101));
}

TEST_CASE("a failed write does not wait again, a written one starts anew, and objects do not wait for each other") {
  Fixture f;
  CHECK(f.patience.wait(kKey, 1));
  f.clock.advance(1s);
  CHECK_FALSE(f.patience.wait(kKey, 1));
  CHECK_FALSE(f.patience.wait(kKey, 1));
  CHECK(f.patience.wait(kOther, 1) == 1s);
  f.patience.settled(kKey);
  CHECK(f.patience.wait(kKey, 1) == 1s);
}
