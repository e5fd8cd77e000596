#pragma once
#include <span>
#include <string>
#include <string_view>

#include "reconciler/reconcile/plan.hpp"

namespace reconciler {

/// What a row reads.
struct FieldSource {
  const Plan& plan;
  const ServedModel& model;
};

/// One field of the spec and the flag of llama-server that it becomes: a new preset key is a new row.
struct ModelField {
  /// The flag without dashes, as build 11669 calls it.
  std::string_view key;
  /// The field of the CRD, for docs/fields.md.
  std::string_view field;
  /// Its value as the flag takes it, "true" and "false" for switches; empty: not said.
  std::string (*value)(const FieldSource&);
};

/// What is said of a model by its Model and by the service, in LLMKube's order of arguments.
[[nodiscard]] std::span<const ModelField> model_fields();
/// What an entry of spec.models says for itself.
[[nodiscard]] std::span<const ModelField> override_fields();

}  // namespace reconciler
