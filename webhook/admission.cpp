#include "webhook/admission.hpp"

#include "common/api/crd.hpp"

namespace webhook {
namespace {

/// Whether the rules have a say in it at all.
bool is_judged(const Review& review) {
  if (review.group != api::kGroup || !api::kind_of(review.kind) || !review.subresource.empty()) return false;
  if (review.operation == Operation::create) return true;
  return review.operation == Operation::update && !rules::spec_unchanged(*review.old_object, *review.object);
}

}  // namespace

Judgement judge(const Review& review, Endpoint endpoint, const rules::Site& site) {
  Judgement judgement;
  if (!is_judged(review)) return judgement;
  judgement.findings = rules::validate(*review.object, site);
  auto& verdict = judgement.verdict;
  // From both endpoints: the API server passes each text on once.
  verdict.warnings = rules::make_warnings(judgement.findings);
  if (rules::has_errors(judgement.findings)) {
    verdict.allowed = false;
    verdict.denial = rules::make_denial(review.kind, review.name, judgement.findings);
    return judgement;
  }
  if (endpoint == Endpoint::mutate) verdict.patch = rules::set_defaults(*review.object);
  return judgement;
}

}  // namespace webhook
