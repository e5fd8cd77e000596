#pragma once
#include <optional>
#include <string_view>

namespace api {

/// The kinds of this API.
enum class Kind { inference_service, model };

/// "InferenceService", "Model".
[[nodiscard]] std::string_view kind_name(Kind kind);
/// The kind of that name; none for another.
[[nodiscard]] std::optional<Kind> kind_of(std::string_view name);

inline constexpr std::string_view kGroup = "inference.llmkube.dev";
inline constexpr std::string_view kVersion = "v1alpha1";
inline constexpr std::string_view kApiVersion = "inference.llmkube.dev/v1alpha1";

/// The CustomResourceDefinition that this build was made with, as JSON without descriptions.
[[nodiscard]] std::string_view crd_json(Kind kind);

}  // namespace api
