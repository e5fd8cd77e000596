#include "webhook/admission.hpp"

#include "test/catch.hpp"
#include "test/unit/webhook/review_text.hpp"

namespace {

using test::ReviewText;
using test::service;
using webhook::Endpoint;

webhook::Verdict verdict_of(const ReviewText& text, Endpoint endpoint = Endpoint::mutate) {
  const auto review = webhook::decode_review(text.text());
  REQUIRE(review.has_value());
  return webhook::judge(*review, endpoint).verdict;
}

TEST_CASE("a good object is allowed, and mutate adds its defaults") {
  const auto mutated = verdict_of({.object = service(test::kGoodSpec)});
  CHECK(mutated.allowed);
  CHECK_FALSE(mutated.patch.empty());
  const auto validated = verdict_of({.object = service(test::kGoodSpec)}, Endpoint::validate);
  CHECK(validated.allowed);
  CHECK(validated.patch.empty());
}

TEST_CASE("a bad object is denied by both endpoints, with its mistakes and no patch") {
  for (const auto endpoint : {Endpoint::mutate, Endpoint::validate}) {
    const auto verdict = verdict_of({.object = service(test::kBadSpec)}, endpoint);
    CHECK_FALSE(verdict.allowed);
    CHECK(verdict.patch.empty());
    CHECK(verdict.denial.kind == "InferenceService");
    CHECK(verdict.denial.name == "edge");
    CHECK(verdict.denial.causes.size() >= 2);
    for (const auto& cause : verdict.denial.causes) {
      CHECK_THAT(verdict.denial.message, ContainsSubstring(cause.field));
      CHECK_THAT(verdict.denial.message, ContainsSubstring(cause.message));
    }
  }
}

TEST_CASE("a dry run is judged like any other") {
  CHECK_FALSE(verdict_of({.object = service(test::kBadSpec), .dry_run = true}).allowed);
  CHECK(verdict_of({.object = service(test::kGoodSpec), .dry_run = true}).allowed);
}

TEST_CASE("an update that leaves the spec as it was goes through, also of a bad object") {
  const auto bad = service(test::kBadSpec);
  // Other key order, and a finalizer that goes.
  const auto same =
      service(R"({"modelRef":"phi4-mini","runtime":"llamacpp-router"})", R"({"name":"edge","labels":{"a":"b"}})");
  const auto verdict = verdict_of({.operation = "UPDATE", .object = same, .old_object = bad});
  CHECK(verdict.allowed);
  CHECK(verdict.patch.empty());
}

TEST_CASE("an update that changes the spec is judged") {
  const auto good = service(test::kGoodSpec);
  const auto bad = service(test::kBadSpec);
  CHECK_FALSE(verdict_of({.operation = "UPDATE", .object = bad, .old_object = good}).allowed);
  CHECK(verdict_of({.operation = "UPDATE", .object = good, .old_object = bad}).allowed);
}

TEST_CASE("DELETE, CONNECT, subresources and foreign kinds are allowed") {
  const auto bad = service(test::kBadSpec);
  CHECK(verdict_of({.operation = "DELETE", .old_object = bad}).allowed);
  CHECK(verdict_of({.operation = "CONNECT"}).allowed);
  CHECK(verdict_of({.operation = "CONNECT", .object = bad}).allowed);
  CHECK(verdict_of({.operation = "UPDATE", .object = bad, .old_object = bad, .subresource = "status"}).allowed);
  CHECK(
      verdict_of({.operation = "UPDATE", .object = bad, .old_object = service("{}"), .subresource = "scale"}).allowed);
  CHECK(verdict_of({.object = bad, .kind = "Agent"}).allowed);
  CHECK(verdict_of({.object = bad, .group = "example.org"}).allowed);
}

TEST_CASE("objects of any shape are judged without a crash") {
  for (const auto* object : {"1", "\"a\"", "[]", "{}", "true", R"({"spec":null})", R"({"spec":[1]})",
                             R"({"kind":"InferenceService","spec":{"models":"a","router":[],"runtime":7}})",
                             R"({"kind":"InferenceService","metadata":{"name":{}},"spec":{"models":[1,null,[]]}})"}) {
    INFO(object);
    for (const auto* operation : {"CREATE", "UPDATE"}) {
      const auto verdict = verdict_of({.operation = operation, .object = object, .old_object = R"({"spec":1})"});
      const auto answer = webhook::encode_answer("u", verdict);
      CHECK(base::parse_json(answer, "answer").has_value());
    }
  }
}

}  // namespace
