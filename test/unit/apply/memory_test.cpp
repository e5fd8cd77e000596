#include "reconciler/apply/memory.hpp"

#include "test/catch.hpp"

using namespace std::chrono_literals;
using reconciler::ApplyMemory;
using reconciler::LiveObject;
using Verdict = ApplyMemory::Verdict;

namespace {

const reconciler::ChildKey kChild{reconciler::Resource::deployment, "edge", "multi"};

LiveObject live(const std::string& version, std::uint64_t ours = 1, std::uint64_t others = 0,
                const std::string& uid = "u", std::int64_t generation = 1) {
  return {uid, version, generation, {ours, others}};
}

struct Fixture {
  base::ManualClock clock;
  ApplyMemory memory{clock};
};

}  // namespace

TEST_CASE("a child that was never applied is applied once, and then left alone") {
  Fixture f;
  CHECK(f.memory.judge(kChild, "body", live("5")) == Verdict::apply);
  f.memory.applied(kChild, "body", live("6"));
  CHECK(f.memory.judge(kChild, "body", live("6")) == Verdict::settled);
  CHECK(f.memory.judge(kChild, "body", live("5")) == Verdict::apply);    // a server restored from a backup
  CHECK(f.memory.judge(kChild, "body", live("9")) == Verdict::settled);  // a status, or fields of others
  CHECK(f.memory.judge(kChild, "other body", live("6")) == Verdict::apply);
}

TEST_CASE("a field of ours that somebody changed brings the child back, so does another object of its name") {
  Fixture f;
  f.memory.applied(kChild, "body", live("6"));
  CHECK(f.memory.judge(kChild, "body", live("7", 2)) == Verdict::apply);
  CHECK(f.memory.judge(kChild, "body", live("7", 1, 0, "v")) == Verdict::apply);
}

TEST_CASE("a child that is not seen counts as applied for a few seconds, unless it is known to be gone") {
  Fixture f;
  f.memory.applied(kChild, "body", live("6"));
  CHECK(f.memory.judge(kChild, "body", {}) == Verdict::settled);
  f.clock.advance(6s);
  CHECK(f.memory.judge(kChild, "body", {}) == Verdict::apply);
  f.memory.applied(kChild, "body", live("7"));
  f.memory.forget(kChild);
  CHECK(f.memory.judge(kChild, "body", {}) == Verdict::apply);
}

TEST_CASE("what was refused is not tried again until the body or the object changes") {
  Fixture f;
  f.memory.refused(kChild, "body", live("6", 1, 7), {"Deployment", "multi", "Conflict", "", "argocd"});
  CHECK(f.memory.judge(kChild, "body", live("6", 1, 7)) == Verdict::refused);
  CHECK(f.memory.judge(kChild, "body", live("9", 1, 7)) == Verdict::refused);  // only its status
  REQUIRE(f.memory.problem(kChild));
  CHECK(f.memory.problem(kChild)->reason == "Conflict");
  CHECK(f.memory.judge(kChild, "new body", live("9", 1, 7)) == Verdict::apply);
  CHECK(f.memory.judge(kChild, "body", live("9", 1, 8)) == Verdict::apply);          // the other manager moved
  CHECK(f.memory.judge(kChild, "body", live("9", 1, 7, "u", 2)) == Verdict::apply);  // its spec changed
  CHECK(f.memory.judge(kChild, "body", {}) == Verdict::apply);                       // it is gone
}

TEST_CASE("an edit is taken back three times in ten minutes, and no more") {
  Fixture f;
  for (int i = 0; i < 3; ++i) CHECK(f.memory.may_reclaim(kChild));
  CHECK_FALSE(f.memory.may_reclaim(kChild));
  f.clock.advance(11min);
  CHECK(f.memory.may_reclaim(kChild));
}

TEST_CASE("a refusal by an object that the watch does not show is tried again after a minute") {
  Fixture f;
  f.memory.refused(kChild, "body", {}, {"Deployment", "multi", "Conflict", "", "argocd"});
  CHECK(f.memory.judge(kChild, "body", {}) == Verdict::refused);
  f.clock.advance(61s);
  CHECK(f.memory.judge(kChild, "body", {}) == Verdict::apply);
}

TEST_CASE("once all is forgotten a child is looked at anew") {
  Fixture f;
  f.memory.applied(kChild, "body", live("6"));
  REQUIRE(f.memory.judge(kChild, "body", live("6")) == Verdict::settled);
  f.memory.forget();
  CHECK(f.memory.judge(kChild, "body", live("6")) == Verdict::apply);
}
