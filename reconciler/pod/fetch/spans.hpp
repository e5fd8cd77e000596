#pragma once
#include <cstdint>
#include <optional>
#include <vector>

namespace fetch {

/// Bytes [begin, end) of a file.
struct Span {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  [[nodiscard]] std::uint64_t size() const { return end - begin; }
  bool operator==(const Span&) const = default;
};

/// Which bytes of a file are there: sorted spans that do not touch.
class Spans {
 public:
  Spans() = default;
  explicit Spans(const std::vector<Span>& spans) {
    for (const auto& span : spans) add(span);
  }

  void add(Span span);
  void clear() { spans_.clear(); }
  /// The end of what is there without a gap from byte 0 on.
  [[nodiscard]] std::uint64_t frontier() const;
  [[nodiscard]] std::uint64_t bytes() const;
  /// The first gap below `total`, at most `longest` bytes of it.
  [[nodiscard]] std::optional<Span> first_gap(std::uint64_t total, std::uint64_t longest) const;
  [[nodiscard]] const std::vector<Span>& list() const { return spans_; }

 private:
  std::vector<Span> spans_;
};

}  // namespace fetch
