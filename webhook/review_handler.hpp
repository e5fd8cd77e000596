#pragma once
#include "common/base/metrics.hpp"
#include "common/net/http.hpp"
#include "webhook/admission.hpp"

namespace webhook {

/// The two admission endpoints: bytes of a review in, bytes of an answer out, with metrics and the log. Thread-safe.
class ReviewHandler {
 public:
  explicit ReviewHandler(base::MetricTable& metrics, rules::Site site = {}) : metrics_(metrics), site_(site) {}

  /// 200 with an AdmissionReview, or 400 with one sentence when the body is no review.
  [[nodiscard]] net::Response handle(const net::Request& request, Endpoint endpoint);

 private:
  net::Response answer(std::string_view body, Endpoint endpoint);
  void count(const Review& review, const Judgement& judgement, Endpoint endpoint);

  base::MetricTable& metrics_;
  const rules::Site site_;
};

}  // namespace webhook
