#include "webhook/metrics.hpp"

#include <array>

namespace webhook {

std::span<const base::MetricInfo> metric_rows() {
  using base::MetricType;
  static const std::array kRows{
      base::MetricInfo{"llmkube_router_webhook_requests_total",
                       MetricType::counter,
                       "Admission reviews answered; result is allowed, denied or malformed.",
                       {"endpoint", "kind", "operation", "result"},
                       {}},
      base::MetricInfo{"llmkube_router_webhook_request_duration_seconds",
                       MetricType::histogram,
                       "Time to decode, decide and encode one review, without the network.",
                       {"endpoint"},
                       {0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1}},
      base::MetricInfo{"llmkube_router_webhook_findings_total",
                       MetricType::counter,
                       "Mistakes and warnings found in objects, by the rule that found them.",
                       {"rule", "severity"},
                       {}},
      base::MetricInfo{"llmkube_router_webhook_connections",
                       MetricType::gauge,
                       "Connections open on the admission port now.",
                       {},
                       {}},
      base::MetricInfo{"llmkube_router_webhook_connections_accepted_total",
                       MetricType::counter,
                       "Connections accepted on the admission port.",
                       {},
                       {}},
      base::MetricInfo{"llmkube_router_webhook_handshake_failures_total",
                       MetricType::counter,
                       "TLS handshakes on the admission port that failed or took too long.",
                       {},
                       {}},
      base::MetricInfo{"llmkube_router_webhook_requests_refused_total",
                       MetricType::counter,
                       "Requests refused before they were read as a review: too large, too slow, not HTTP.",
                       {},
                       {}},
      base::MetricInfo{"llmkube_router_webhook_certificate_expiry_timestamp_seconds",
                       MetricType::gauge,
                       "When the certificate in use expires, in seconds since 1970; 0 while there is none.",
                       {},
                       {}},
      base::MetricInfo{"llmkube_router_webhook_certificate_loads_total",
                       MetricType::counter,
                       "Certificates taken from the files, and files that were not good enough to be taken.",
                       {"result"},
                       {}},
  };
  return kRows;
}

}  // namespace webhook
