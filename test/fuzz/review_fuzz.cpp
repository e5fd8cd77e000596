// Any bytes as a review, and any bytes as the object of a well-formed one: an answer or one sentence, never a crash.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/json.hpp"
#include "test/fuzz/require.hpp"
#include "webhook/admission.hpp"

namespace {

void answer(std::string_view text) {
  const auto review = webhook::decode_review(text);
  if (!review) return require(!review.error().what.empty());
  for (const auto endpoint : {webhook::Endpoint::mutate, webhook::Endpoint::validate}) {
    const auto judgement = webhook::judge(*review, endpoint);
    const auto& verdict = judgement.verdict;
    require(verdict.allowed == verdict.denial.causes.empty());
    require(verdict.allowed || verdict.patch.empty());
    const auto encoded = webhook::encode_answer(review->uid, verdict);
    const auto parsed = base::parse_json(encoded, "answer");
    require(parsed.has_value());
    require(base::string_at(*parsed, {"response", "uid"}) == review->uid);
  }
}

/// A review around an object, as the API server would send it.
std::string around(std::string_view kind, std::string_view operation, std::string_view object) {
  std::string text = R"({"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"1","kind":{)"
                     R"("group":"inference.llmkube.dev","version":"v1alpha1","kind":")";
  text.append(kind)
      .append(R"("},"name":"a","operation":")")
      .append(operation)
      .append(R"(","oldObject":{"spec":{}},"object":)");
  return text.append(object).append("}}");
}

}  // namespace

// The first byte says what the rest is.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      answer(rest);
      break;
    case 1:
      answer(around("InferenceService", "CREATE", rest));
      break;
    case 2:
      answer(around("Model", "CREATE", rest));
      break;
    default:
      answer(around("InferenceService", "UPDATE", rest));
      break;
  }
  return 0;
}
