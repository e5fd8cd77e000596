#pragma once
#include <string>
#include <vector>

#include "common/base/json.hpp"
#include "reconciler/reconcile/observed.hpp"

namespace reconciler {

/// An InferenceService between two decisions. Its views hold every field that a service may have, ours and those passed
/// on; most are empty, so the text of what is set takes a third of them, and reading it again costs some 10 us.
struct KeptService {
  ObjectMeta meta;
  std::string mistakes;
  /// spec.runtime, and the Models that it names, each once.
  std::string runtime;
  std::vector<std::string> models;
  /// `spec` and `status` as compact JSON.
  std::string spec;
  std::string status;
  /// status.phase
  std::string phase;
  bool operator==(const KeptService&) const = default;
};

/// A Model, likewise.
struct KeptModel {
  ObjectMeta meta;
  std::string mistakes;
  std::string spec;
  std::string status;
  std::string phase;
  bool operator==(const KeptModel&) const = default;
};

/// `same`: what is kept of this object with this very spec, or null; then the spec is not read and judged once more.
[[nodiscard]] KeptService keep_service(const base::JsonValue& object, const rules::Site& site, const KeptService* same);
[[nodiscard]] KeptModel keep_model(const base::JsonValue& object, const KeptModel* same);
/// The views as they were.
[[nodiscard]] ServiceObject view_of(const KeptService& kept);
[[nodiscard]] ModelObject view_of(const KeptModel& kept);

}  // namespace reconciler
