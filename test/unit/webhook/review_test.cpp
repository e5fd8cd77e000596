#include "webhook/review.hpp"

#include <vector>

#include "test/catch.hpp"
#include "test/unit/webhook/review_text.hpp"

namespace {

using test::ReviewText;
using webhook::decode_review;
using webhook::Operation;

TEST_CASE("a review is read as the API server writes it") {
  const auto review = decode_review(ReviewText{.operation = "UPDATE",
                                               .object = test::service(test::kGoodSpec),
                                               .old_object = test::service(test::kBadSpec),
                                               .subresource = "status",
                                               .dry_run = true}
                                        .text());
  REQUIRE(review.has_value());
  CHECK(review->uid == "705ab4f5");
  CHECK(review->group == "inference.llmkube.dev");
  CHECK(review->kind == "InferenceService");
  CHECK(review->name == "edge");
  CHECK(review->name_space == "prod");
  CHECK(review->subresource == "status");
  CHECK(review->operation == Operation::update);
  CHECK(review->user == "alice");
  CHECK(review->dry_run);
  CHECK(base::string_at(*review->object, {"spec", "models"}).empty());
  CHECK(base::string_at(*review->old_object, {"spec", "modelRef"}) == "phi4-mini");
}

TEST_CASE("an object made with generateName has that for a name") {
  const auto review = decode_review(
      ReviewText{.object = test::service(test::kGoodSpec, R"({"generateName":"edge-"})"), .name = ""}.text());
  REQUIRE(review.has_value());
  CHECK(review->name == "edge-");
}

TEST_CASE("what is no review is named") {
  struct Case {
    std::string text;
    std::string says;
  };
  const auto good = ReviewText{.object = test::service(test::kGoodSpec)}.text();
  const auto changed = [&](const std::string& from, const std::string& to) {
    auto text = good;
    text.replace(text.find(from), from.size(), to);
    return text;
  };
  const std::vector<Case> cases{
      {"", "not JSON"},
      {"[]", "kind is not AdmissionReview"},
      {"17", "kind is not AdmissionReview"},
      {good + "x", "not JSON"},
      {"\xff\xfe", "not JSON"},
      {changed("admission.k8s.io/v1", "admission.k8s.io/v1beta1"), "apiVersion is not admission.k8s.io/v1"},
      {changed(R"("request":{)", R"("question":{)"), "request is missing"},
      {R"({"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":[1]})", "request is missing"},
      {changed(R"("uid":"705ab4f5")", R"("uid":5)"), "request.uid"},
      {changed(R"("kind":{"group")", R"("kinds":{"group")"), "request.kind"},
      {changed("CREATE", "PATCH"), "request.operation"},
      {ReviewText{}.text(), "request.object is missing"},
      {ReviewText{.operation = "UPDATE", .object = "{}"}.text(), "request.oldObject is missing"},
      {std::string(200'000, '['), "nested deeper"},
      {R"({"a":)" + std::string(200'000, '['), "nested deeper"},
      {R"({"a":)" + std::string(200'000, '{'), "not JSON"},
      {"[" + std::string(600'000, ',') + "]", "more values"},
  };
  for (const auto& one : cases) {
    INFO(one.text.substr(0, 80));
    const auto review = decode_review(one.text);
    REQUIRE_FALSE(review.has_value());
    CHECK_THAT(review.error().to_string(), ContainsSubstring(one.says));
    CHECK_THAT(review.error().to_string(), ContainsSubstring("AdmissionReview"));
  }
}

TEST_CASE("an allowed answer holds the uid and nothing more") {
  CHECK(webhook::encode_answer("u\"1", {}) ==
        R"({"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"u\"1","allowed":true}})");
}

TEST_CASE("a patch is a JSON Patch in base64") {
  const auto text = webhook::encode_answer("u", {.patch = {{"/spec/router", R"({"maxLoadedModels":1})"}}});
  // printf '[{"op":"add","path":"/spec/router","value":{"maxLoadedModels":1}}]' | base64 -w0
  CHECK_THAT(text, ContainsSubstring(R"("patchType":"JSONPatch","patch":"W3sib3AiOiJhZGQiLCJwYXRoIjoiL3NwZWMvcm91dGVyI)"
                                     R"(iwidmFsdWUiOnsibWF4TG9hZGVkTW9kZWxzIjoxfX1d")"));
}

TEST_CASE("a denial is a Status that kubectl and other clients can print whole") {
  webhook::Verdict verdict{.allowed = false, .warnings = {"look out"}};
  verdict.denial.kind = "InferenceService";
  verdict.denial.name = "edge";
  verdict.denial.message = "all of it";
  verdict.denial.causes = {{"FieldValueInvalid", "spec.a", "one"}, {"FieldValueRequired", "spec.b", "two"}};
  CHECK(webhook::encode_answer("u", verdict) ==
        R"({"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"u","allowed":false,)"
        R"("status":{"status":"Failure","reason":"Invalid","code":422,"message":"all of it","details":{"name":"edge",)"
        R"("group":"inference.llmkube.dev","kind":"InferenceService","causes":[)"
        R"({"reason":"FieldValueInvalid","message":"one","field":"spec.a"},)"
        R"({"reason":"FieldValueRequired","message":"two","field":"spec.b"}]}},"warnings":["look out"]}})");
}

}  // namespace
