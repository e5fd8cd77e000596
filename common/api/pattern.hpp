#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace api {

/// A regular expression of a schema, as a deterministic automaton: one step for each byte, so no text, however long,
/// can exhaust the stack or the clock (std::regex dies of 100 kB). Knows what CRDs use: classes, groups, `|`, `* + ?`,
/// `{n}`, `{n,m}`, `^ $ .`, and the escapes of Go's syntax for single bytes. As in a schema, it may match anywhere in
/// the text.
class Pattern {
 public:
  /// Nothing when it is not understood, or takes more than `kMaxStates`.
  [[nodiscard]] static std::optional<Pattern> compile(std::string_view expression);
  [[nodiscard]] bool matches(std::string_view text) const;

  static constexpr std::size_t kMaxStates = 4096;

 private:
  friend class Determinizer;
  struct State {
    bool matched = false;
    bool matches_at_end = false;
  };

  /// Bytes that no part of the expression tells apart have one class.
  std::array<std::uint8_t, 256> class_of_{};
  std::size_t classes_ = 1;
  /// The first one is where a text begins.
  std::vector<State> states_;
  /// By state, then by class.
  std::vector<std::uint16_t> next_;
};

}  // namespace api
