#pragma once
#include <span>

#include "common/base/metrics.hpp"

namespace webhook {

/// The table of the webhook's metrics.
[[nodiscard]] std::span<const base::MetricInfo> metric_rows();

namespace metric {
inline constexpr std::string_view kRequests = "llmkube_router_webhook_requests_total";
inline constexpr std::string_view kDuration = "llmkube_router_webhook_request_duration_seconds";
inline constexpr std::string_view kFindings = "llmkube_router_webhook_findings_total";
inline constexpr std::string_view kConnections = "llmkube_router_webhook_connections";
inline constexpr std::string_view kAccepted = "llmkube_router_webhook_connections_accepted_total";
inline constexpr std::string_view kHandshakeFailures = "llmkube_router_webhook_handshake_failures_total";
inline constexpr std::string_view kRefused = "llmkube_router_webhook_requests_refused_total";
inline constexpr std::string_view kCertificateExpiry = "llmkube_router_webhook_certificate_expiry_timestamp_seconds";
inline constexpr std::string_view kCertificateLoads = "llmkube_router_webhook_certificate_loads_total";
}  // namespace metric

}  // namespace webhook
