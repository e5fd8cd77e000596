#include "webhook/check/documents.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <tuple>

#include "webhook/check/json_reader.hpp"
#include "webhook/check/yaml_reader.hpp"

namespace webhook {
namespace {

/// Of a text that is neither, the error that stands further on: it is more likely of the language that was meant.
bool is_further(const FileProblem& a, const FileProblem& b) {
  return std::tie(a.mark.line, a.mark.column) > std::tie(b.mark.line, b.mark.column);
}

Documents read_rest(std::string_view text, std::size_t begin) {
  // As kubectl: blanks are dropped, up to the end of the line.
  const auto first = text.find_first_not_of(" \t\r", begin);
  if (first != std::string_view::npos) begin = text[first] == '\n' ? first + 1 : first;
  const auto before = text.substr(0, begin);
  const auto line = static_cast<std::size_t>(std::ranges::count(before, '\n')) + 1;
  const auto line_start = before.rfind('\n') + 1;  // 0 where there is none
  return read_yaml(text.substr(begin), {line, begin - line_start + 1});
}

}  // namespace

Documents read_documents(const std::string& text) {
  if (!looks_like_json(text)) return read_yaml(text);
  Documents out = read_json(text);
  if (!out.unreadable || out.roots.size() > 1) return out;
  Documents rest = read_rest(text, out.json_end);
  const bool is_neither = rest.unreadable && rest.roots.empty();
  if (is_neither && !is_further(rest.problems.back(), out.problems.back())) return out;
  out.problems.pop_back();
  out.unreadable = rest.unreadable;
  std::ranges::move(rest.roots, std::back_inserter(out.roots));
  std::ranges::move(rest.problems, std::back_inserter(out.problems));
  return out;
}

}  // namespace webhook
