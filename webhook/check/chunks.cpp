#include "webhook/check/chunks.hpp"

#include <algorithm>

namespace webhook {
namespace {

constexpr std::string_view kSeparator = "---";
constexpr std::string_view kSpaces = " \t\r\n\v\f";

/// Takes the first line off a text, with its end.
std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  const auto line = end == std::string_view::npos ? text : text.substr(0, end + 1);
  text.remove_prefix(line.size());
  return line;
}

std::size_t lines_of(std::string_view text) { return static_cast<std::size_t>(std::ranges::count(text, '\n')); }

Mark mark_at(const Chunk& chunk, std::size_t offset) {
  const auto before = chunk.text.substr(0, offset);
  const auto line_end = before.rfind('\n');
  if (line_end == std::string_view::npos) return {chunk.mark.line, chunk.mark.column + offset};
  return {chunk.mark.line + lines_of(before), offset - line_end};
}

/// Whether the character that begins there is none that go-yaml takes.
bool is_control(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U; };
  const unsigned first = byte(0);
  if (first < 0x20U) return first != '\t' && first != '\n' && first != '\r';
  if (first == 0x7FU) return true;
  if (first == 0xC2U) return byte(1) >= 0x80U && byte(1) < 0xA0U && byte(1) != 0x85U;
  return first == 0xEFU && byte(1) == 0xBFU && byte(2) >= 0xBEU;
}

}  // namespace

std::optional<Chunk> Chunks::next() {
  if (rest_.empty()) return std::nullopt;
  Chunk chunk{rest_, mark_};
  for (auto ahead = rest_; !ahead.empty();) {
    const auto at = rest_.size() - ahead.size();
    const auto line = take_line(ahead);
    if (!line.starts_with(kSeparator)) continue;
    const auto more = line.find_first_not_of(kSpaces, kSeparator.size());
    const bool is_bad = more != std::string_view::npos && line[more] != '#';
    // The first line of a chunk may be a separator: it stays.
    if (at == 0 && !is_bad) continue;
    chunk.text = rest_.substr(0, at);
    const auto line_number = mark_.line + lines_of(chunk.text);
    if (is_bad)
      chunk.bad_end = {{line_number, more + 1}, "", "not YAML for kubectl: behind --- only a comment may stand"};
    mark_ = {line_number + 1, 1};
    rest_ = ahead;
    return chunk;
  }
  rest_ = {};
  return chunk;
}

std::optional<FileProblem> unreadable_in(const Chunk& chunk) {
  if (chunk.bad_end) return chunk.bad_end;
  for (std::size_t at = 0; at < chunk.text.size(); ++at) {
    if (is_control(chunk.text, at))
      return FileProblem{mark_at(chunk, at), "", "not YAML: control characters are not allowed"};
  }
  for (auto ahead = chunk.text; !ahead.empty();) {
    const auto at = chunk.text.size() - ahead.size();
    const auto line = take_line(ahead);
    const auto first = line.find_first_not_of(kSpaces);
    if (first == std::string_view::npos || line[first] == '#') continue;
    if (line.front() != '%') break;
    return FileProblem{mark_at(chunk, at), "", "not YAML for kubectl: a directive (%) stands apart from its document"};
  }
  return std::nullopt;
}

}  // namespace webhook
