#pragma once
#include <bitset>
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace api {

/// A regular expression of a schema, matched in time linear in the text: no text, however long, can exhaust the stack
/// or the clock (std::regex dies of 100 kB). Knows what CRDs use: classes, groups, `|`, `* + ?`, `{n}`, `{n,m}`,
/// `^ $ .`, and the escapes of Go's syntax for single bytes. As in a schema, it may match anywhere in the text.
class Pattern {
 public:
  /// Nothing when it is not understood.
  [[nodiscard]] static std::optional<Pattern> compile(std::string_view expression);
  [[nodiscard]] bool matches(std::string_view text) const;

 private:
  friend class PatternCompiler;
  enum class Op { bytes, split, jump, begin, end, match };
  struct Step {
    Op op = Op::match;
    std::size_t first = 0;
    std::size_t second = 0;
    std::bitset<256> bytes{};
  };
  void follow(std::size_t step, bool at_begin, bool at_end, std::vector<std::size_t>& list,
              std::vector<bool>& seen) const;

  std::vector<Step> steps_;
};

}  // namespace api
