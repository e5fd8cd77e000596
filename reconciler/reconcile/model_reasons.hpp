#pragma once
#include <span>
#include <string_view>

namespace reconciler {

/// Where the files of one model stand.
///
///     Pending -> Downloading -> Available
///        ^           |              |
///        +--------- Failed <--------+   (retried; or llama-server could not load it)
enum class ModelState { pending, downloading, available, failed };
[[nodiscard]] std::string_view to_string(ModelState state);

/// One row of docs/status.md: a reason in status.models[] and in events, what it means and what to do.
struct ModelReason {
  std::string_view reason;
  ModelState state;
  std::string_view meaning;
};
[[nodiscard]] std::span<const ModelReason> model_reasons();

/// The state of a model whose fetch ended for this reason; Failed for a word that is no row.
[[nodiscard]] ModelState state_of(std::string_view reason);

}  // namespace reconciler
