#pragma once
#include <span>
#include <string>
#include <string_view>

/// The runtimes that `spec.runtime` may name. The schema has no such list, so that a new runtime needs no new CRD.
namespace api {

struct Runtime {
  std::string_view name;
  /// Serves `spec.models`; all others serve `spec.modelRef`.
  bool router = false;
  /// Whether this project's reconciler can run it; the others are LLMKube's.
  bool ours = false;
  std::string_view what;
};

[[nodiscard]] std::span<const Runtime> runtimes();
/// Null when it is unknown.
[[nodiscard]] const Runtime* find_runtime(std::string_view name);
/// The known runtime that is nearest to an unknown name: by spelling, else by the same ending; never empty.
[[nodiscard]] std::string_view nearest_runtime(std::string_view name);

}  // namespace api
