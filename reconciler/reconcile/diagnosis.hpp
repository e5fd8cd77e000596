#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "reconciler/reconcile/plan.hpp"
#include "reconciler/reconcile/service_reasons.hpp"

namespace reconciler {

/// A row of the table of reasons that holds, with what it is about.
struct Problem {
  const ServiceReason* row;
  std::string message;
};

/// The state of a service in figures, and what keeps it from being Ready.
struct Diagnosis {
  std::int64_t desired = 0;
  std::int64_t ready = 0;
  std::int64_t models_available = 0;
  /// Names that a client can pick now, in spec order.
  std::vector<std::string> advertised;
  /// Names would be advertised if the Service answered.
  bool awaits_front = false;
  /// The Service has an address, and is about to get its first names.
  bool wants_knock = false;
  /// Ready Pods whose agent does not answer.
  std::vector<std::string> unreachable;
  /// In the order of the table.
  std::vector<Problem> problems;

  /// The problem of this reason, or null.
  [[nodiscard]] const Problem* find(std::string_view reason) const;
  /// The first that keeps it from being Ready, or null.
  [[nodiscard]] const Problem* obstacle() const;
  [[nodiscard]] bool is_ready() const { return obstacle() == nullptr; }
};

/// `template_hash` is that of the Deployment as it should be; empty when none is wanted.
[[nodiscard]] Diagnosis diagnose(const Plan& plan, const std::string& template_hash);

}  // namespace reconciler
