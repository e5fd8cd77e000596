#include "webhook/review_handler.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "common/api/crd.hpp"
#include "common/base/log.hpp"
#include "common/base/text.hpp"
#include "webhook/metrics.hpp"

namespace webhook {
namespace {

std::string_view to_label(Endpoint endpoint) { return endpoint == Endpoint::mutate ? "mutate" : "validate"; }

/// Kinds come from outside; a label must not.
std::string_view kind_label(std::string_view kind) {
  const auto known = api::kind_of(kind);
  return known ? api::kind_name(*known) : "other";
}

/// The ids of the rules that rejected, each once.
std::string rule_ids(const std::vector<rules::Finding>& findings) {
  std::vector<std::string> ids;
  for (const auto& finding : findings) {
    if (finding.severity != rules::Severity::error) continue;
    if (std::ranges::find(ids, finding.rule) == ids.end()) ids.emplace_back(finding.rule);
  }
  return base::join(ids, ",");
}

void log_denial(const Review& review, const Judgement& judgement, Endpoint endpoint) {
  base::log::info("admission-denied", {{"kind", review.kind},
                                       {"namespace", review.name_space},
                                       {"name", review.name},
                                       {"operation", to_string(review.operation)},
                                       {"user", review.user},
                                       {"endpoint", to_label(endpoint)},
                                       {"dry_run", review.dry_run ? "true" : "false"},
                                       {"mistakes", judgement.verdict.denial.causes.size()},
                                       {"rules", rule_ids(judgement.findings)}});
}

}  // namespace

net::Response ReviewHandler::handle(const net::Request& request, Endpoint endpoint) {
  const auto begin = std::chrono::steady_clock::now();
  auto response = answer(request.body, endpoint);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  metrics_.observe(metric::kDuration, {to_label(endpoint)}, took.count());
  return response;
}

net::Response ReviewHandler::answer(std::string_view body, Endpoint endpoint) {
  const auto review = decode_review(body);
  if (!review) {
    metrics_.add(metric::kRequests, {to_label(endpoint), "other", "other", "malformed"});
    base::log::warning("review-malformed", {{"endpoint", to_label(endpoint)}, {"error", review.error().to_string()}});
    return net::plain(400, review.error().to_string());
  }
  const auto judgement = judge(*review, endpoint, site_);
  count(*review, judgement, endpoint);
  if (!judgement.verdict.allowed) log_denial(*review, judgement, endpoint);
  net::Response response;
  response.body = encode_answer(review->uid, judgement.verdict);
  return response;
}

void ReviewHandler::count(const Review& review, const Judgement& judgement, Endpoint endpoint) {
  metrics_.add(metric::kRequests, {to_label(endpoint), kind_label(review.kind), to_string(review.operation),
                                   judgement.verdict.allowed ? "allowed" : "denied"});
  if (endpoint == Endpoint::validate && judgement.verdict.allowed) return;  // /mutate has counted these findings
  for (const auto& finding : judgement.findings) {
    metrics_.add(metric::kFindings, {finding.rule, rules::to_string(finding.severity)});
  }
}

}  // namespace webhook
