#pragma once
#include <string>
#include <string_view>

#include "reconciler/reconcile/reconcile.hpp"

/// A namespace in memory: what a test says of it, decoded as the reconciler decodes what the API server says.
struct Scene {
  reconciler::Settings settings;
  reconciler::Observed observed;
  base::WallTime now{std::chrono::seconds{1'764'000'000}};

  /// The service "edge-multi-model" in namespace "edge", from the JSON text of its spec.
  explicit Scene(std::string_view spec, std::string_view name = "edge-multi-model");

  /// A Model, from the JSON text of its spec; empty: a file at models.example.
  void add_model(const std::string& name, std::string_view spec = {});
  void add_claim(const std::string& name, std::string_view phase = "Bound",
                 std::string_view storage_class = "standard");
  /// The fetch Job of a Model, still at work; gives its name.
  std::string add_job(const std::string& model);
  /// The Job is complete and has left its result; also makes what is missing of Model and claim.
  void add_fetched(const std::string& model);
  /// The Job failed for good, with this reason and sentence.
  void fail_job(const std::string& model, std::string_view reason, std::string_view message);
  /// A Pod of the Model's Job: JSON text of its status, and what its name ends with.
  void add_fetch_pod(const std::string& model, std::string_view status, const std::string& suffix = "x1");
  /// A Pod of the service: JSON text of its status.
  void add_pod(const std::string& name, std::string_view status);
  /// A Pod of the service that is ready, with an agent that has the present preset and knows all its models.
  void add_ready_pod(const std::string& name);
  /// The Deployment as it is after what reconcile wants was applied and rolled out, and the ConfigMap likewise.
  void roll_out(std::int64_t ready);
  /// The status that reconcile wants, written.
  void write_status();

  [[nodiscard]] reconciler::Decision decide() const;

  /// The claim of the Models' files, and that of a Model.
  std::string cache_claim = "llmkube-model-cache";
  [[nodiscard]] std::string claim_of(const std::string& model) const;
  [[nodiscard]] std::string job_of(const std::string& model) const;
};

/// The JSON text of a complete model-fetch.
[[nodiscard]] std::string fetch_result(const std::string& model, std::int64_t size = 2'400'000'000);

/// Spec of the example that everything is measured on.
extern const std::string_view kExample;
/// A scene with the example in which all is well: fetched, rolled out, ready.
[[nodiscard]] Scene serving();

/// Decodes JSON text; ends the test when it is none.
[[nodiscard]] base::JsonDocument parsed(std::string_view text);
