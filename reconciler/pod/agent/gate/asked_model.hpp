#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace agent {

/// What a request's body says to the gate.
struct Asked {
  /// The model's name or alias; nothing when the body names none.
  std::optional<std::string> model;
  bool stream = false;
};

/// Reads `model` and `stream` from a request's body: JSON (the last of equal keys counts, as for llama-server) or
/// multipart form data. One pass, no tree, nothing is copied but the name. A body that is neither names no model.
[[nodiscard]] Asked read_asked(std::string_view body, std::string_view content_type);

}  // namespace agent
