#pragma once
#include <optional>
#include <string_view>

#include "webhook/check/node.hpp"

namespace webhook {

/// What kubectl gives to go-yaml for one document: the lines between two that begin with `---`, whatever YAML would
/// make of them (a quote, a block). Source: k8s.io/apimachinery/pkg/util/yaml/decoder.go, YAMLReader.
struct Chunk {
  std::string_view text;
  /// Where it begins in its file.
  Mark mark;
  /// Where there is something else than a comment behind the `---` that ends it, at which kubectl stops.
  std::optional<FileProblem> bad_end{};
};

/// Cuts a text into chunks.
class Chunks {
 public:
  /// The text begins at `start` of its file.
  Chunks(std::string_view text, Mark start) : rest_(text), mark_(start) {}

  /// Nothing at the end.
  [[nodiscard]] std::optional<Chunk> next();

 private:
  std::string_view rest_;
  Mark mark_;
};

/// What go-yaml refuses in a chunk and yaml-cpp does not: control characters anywhere, and directives, which kubectl
/// has cut off from their document.
[[nodiscard]] std::optional<FileProblem> unreadable_in(const Chunk& chunk);

}  // namespace webhook
