#include "reconciler/apply/conflict.hpp"

#include "test/catch.hpp"

namespace {

net::ApiStatus status_with(std::vector<net::ApiStatus::Cause> causes) {
  net::ApiStatus status;
  status.code = 409;
  status.reason = "Conflict";
  status.causes = std::move(causes);
  return status;
}

constexpr auto kReason = "FieldManagerConflict";

}  // namespace

TEST_CASE("a conflict names each manager once, and each field") {
  const auto conflict = reconciler::read_conflict(status_with({
      {kReason, R"(conflict with "kubectl-edit" using apps/v1 at 2026-11-24T20:00:00Z)", ".spec.replicas"},
      {kReason, R"(conflict with "kubectl-edit" using apps/v1 at 2026-11-24T20:00:00Z)", ".spec.paused"},
      {kReason, R"(conflict with "kubectl" with subresource "scale" using apps/v1)", ".spec.replicas"},
  }));
  REQUIRE(conflict);
  CHECK(conflict->managers == "kubectl-edit, kubectl");
  CHECK(conflict->message ==
        ".spec.replicas is held by kubectl-edit; .spec.paused is held by kubectl-edit; .spec.replicas is held by "
        "kubectl");
  CHECK(conflict->only_edits);
}

TEST_CASE("a manager that applies is no edit, though another one edited") {
  const auto conflict = reconciler::read_conflict(status_with({
      {kReason, R"(conflict with "kubectl-edit" using v1)", ".data.a"},
      {kReason, R"(conflict with "argocd")", ".data.b"},
  }));
  REQUIRE(conflict);
  CHECK_FALSE(conflict->only_edits);
}

TEST_CASE("a 409 of another kind is no conflict of fields") {
  CHECK_FALSE(reconciler::read_conflict(status_with({})));
  CHECK_FALSE(reconciler::read_conflict(status_with({{"UIDMismatch", "x", "y"}})));
}
