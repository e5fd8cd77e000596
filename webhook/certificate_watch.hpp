#pragma once
#include "common/base/metrics.hpp"
#include "common/net/tls_context.hpp"

namespace webhook {

/// Takes a changed certificate into use, with its log lines and metrics. Call it once a second: the kubelet swaps
/// mounted files by a symbolic link, so their stamps tell, and a stat costs microseconds. Thread-safe.
class CertificateWatch {
 public:
  CertificateWatch(net::TlsContext& context, base::MetricTable& metrics) : context_(context), metrics_(metrics) {}
  void poll();

 private:
  net::TlsContext& context_;
  base::MetricTable& metrics_;
};

}  // namespace webhook
