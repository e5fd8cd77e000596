#include "reconciler/metrics.hpp"

#include <vector>

namespace reconciler {

using base::MetricType;

std::span<const base::MetricInfo> metric_rows() {
  static const std::vector<base::MetricInfo> kRows{
      {"llmkube_router_leader", MetricType::gauge, "1 while this replica is the one that writes.", {}, {}},
      {"llmkube_router_reconcile_total",
       MetricType::counter,
       "Passes over an object, by how they ended (ok, error).",
       {"result"},
       {}},
      {"llmkube_router_reconcile_duration_seconds",
       MetricType::histogram,
       "Time of one pass, its API calls included.",
       {},
       {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}},
      {"llmkube_router_queue_depth", MetricType::gauge, "Objects that are due and wait for a worker.", {}, {}},
      {"llmkube_router_queue_oldest_seconds", MetricType::gauge, "How long the first of them has waited.", {}, {}},
      {"llmkube_router_api_requests_total",
       MetricType::counter,
       "Requests to the API server, by verb and status code (0: no answer came).",
       {"verb", "code"},
       {}},
      {"llmkube_router_watch_restarts_total",
       MetricType::counter,
       "Watches that ended other than by their time, by resource.",
       {"resource"},
       {}},
      {"llmkube_router_services",
       MetricType::gauge,
       "InferenceServices that are ours, by status.phase.",
       {"phase"},
       {}},
      {"llmkube_router_models", MetricType::gauge, "Models, by status.phase.", {"state"}, {}},
      {"llmkube_router_downloads", MetricType::gauge, "Fetch Pods at work.", {}, {}},
      {"llmkube_router_download_bytes_done", MetricType::gauge, "Bytes that they have, together.", {}, {}},
      {"llmkube_router_download_bytes",
       MetricType::gauge,
       "Bytes that they will have in the end, as far as their hosts said.",
       {},
       {}},
      {"llmkube_router_certificate_expiry_timestamp_seconds",
       MetricType::gauge,
       "When the webhook's serving certificate expires, in Unix time; 0 where it is not ours.",
       {},
       {}},
  };
  return kRows;
}

}  // namespace reconciler
