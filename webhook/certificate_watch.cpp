#include "webhook/certificate_watch.hpp"

#include <chrono>

#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "webhook/metrics.hpp"

namespace webhook {

void CertificateWatch::poll() {
  const auto refreshed = context_.refresh();
  if (!refreshed) {
    metrics_.add(metric::kCertificateLoads, {"failed"});
    base::log::error("certificate-not-taken", {{"error", refreshed.error().to_string()},
                                               {"serving", context_.served() ? "the last good one" : "none"}});
    return;
  }
  if (!*refreshed) return;
  const auto served = context_.served();
  const auto not_after = served->validity.not_after;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(not_after.time_since_epoch()).count();
  metrics_.add(metric::kCertificateLoads, {"taken"});
  metrics_.set(metric::kCertificateExpiry, {}, static_cast<double>(seconds));
  base::log::info("certificate-taken", {{"subject", served->common_name},
                                        {"issuer", served->issuer_common_name},
                                        {"serial", served->serial},
                                        {"not_after", base::format_rfc3339(not_after)}});
}

}  // namespace webhook
