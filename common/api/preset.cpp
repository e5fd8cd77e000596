#include "common/api/preset.hpp"

#include <algorithm>
#include <array>

#include "common/base/digest.hpp"

namespace api {
namespace {

struct Forbidden {
  char character;
  std::string_view why;
};

constexpr Forbidden kLineEnds[] = {
    {'\n', "a line break ends it"},
    {'\r', "a carriage return ends it"},
    {'\0', "a NUL ends it"},
};
constexpr Forbidden kComments[] = {
    {'#', "# begins a comment in the preset, and nothing quotes it"},
    {';', "; begins a comment in the preset, and nothing quotes it"},
};
constexpr Forbidden kBrackets[] = {
    {'[', "[ is read as the start of a section"},
    {']', "] is read as the end of a section's name"},
    {',', "a comma separates names"},
};
constexpr Forbidden kColon[] = {{':', "llama-server changes what follows a colon, and the name would answer 400"}};

using Problem = std::optional<std::string_view>;

template <std::size_t N>
Problem first_of(std::string_view text, const Forbidden (&rows)[N]) {
  for (const auto& row : rows) {
    if (text.find(row.character) != std::string_view::npos) return row.why;
  }
  return std::nullopt;
}

/// Whether no character of any of the lists is in the text, as is nearly always so: one look at each.
bool is_harmless(std::string_view text) {
  static constexpr auto kHarmful = [] {
    std::array<bool, 256> out{};
    const auto mark = [&](const auto& rows) {
      for (const auto& row : rows) out[static_cast<unsigned char>(row.character)] = true;
    };
    mark(kLineEnds);
    mark(kComments);
    mark(kBrackets);
    mark(kColon);
    return out;
  }();
  return std::ranges::none_of(text, [](char c) { return kHarmful[static_cast<unsigned char>(c)]; });
}

Problem outer_blank(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\v' || c == '\f'; };
  if (!text.empty() && (is_blank(text.front()) || is_blank(text.back())))
    return "a blank at its start or end is cut off";
  return std::nullopt;
}

Problem empty(std::string_view text) { return text.empty() ? Problem("it is empty") : std::nullopt; }

}  // namespace

std::optional<std::string_view> argument_problem(std::string_view text) { return first_of(text, kLineEnds); }

std::optional<std::string_view> preset_value_problem(std::string_view text) {
  if (is_harmless(text)) return outer_blank(text);
  if (const auto problem = argument_problem(text)) return problem;
  if (const auto problem = first_of(text, kComments)) return problem;
  return outer_blank(text);
}

std::optional<std::string_view> preset_alias_problem(std::string_view text) {
  if (const auto problem = empty(text)) return problem;
  if (is_harmless(text)) return outer_blank(text);
  if (const auto problem = preset_value_problem(text)) return problem;
  return first_of(text, kBrackets);
}

std::optional<std::string_view> preset_name_problem(std::string_view text) {
  if (const auto problem = preset_alias_problem(text)) return problem;
  return first_of(text, kColon);
}

std::string preset_hash(std::string_view models_ini) { return base::sha256_hex(models_ini).substr(0, 16); }

}  // namespace api
