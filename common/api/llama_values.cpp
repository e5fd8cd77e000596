#include "common/api/llama_values.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <vector>

#include "common/base/json.hpp"

namespace api {
namespace {

using Text = std::string_view;

constexpr std::int64_t kLeast = std::numeric_limits<std::int32_t>::min();
constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();

/// The column `takes`, read.
struct Takes {
  enum class Kind { none, integer, unsigned_integer, number, json, override, pattern, scaled };
  Kind kind = Kind::none;
  /// A comma list of them.
  bool list = false;
  std::int64_t least = kLeast;
  std::int64_t most = kMost;
  bool zero = true;
  std::vector<Text> words;
};

struct KindName {
  Text name;
  Takes::Kind kind;
  bool list;
};
constexpr KindName kKinds[] = {
    {"integers", Takes::Kind::unsigned_integer, true},
    {"integer", Takes::Kind::integer, false},
    {"unsigned", Takes::Kind::unsigned_integer, false},
    {"numbers", Takes::Kind::number, true},
    {"number", Takes::Kind::number, false},
    {"json", Takes::Kind::json, false},
    {"key=type:value", Takes::Kind::override, false},
    {"pattern=device", Takes::Kind::pattern, false},
    {"path:scale", Takes::Kind::scaled, false},
};

/// The number behind `sign` in a part such as "integer>=0<=3".
std::optional<std::int64_t> bound(Text part, Text sign) {
  const auto at = part.find(sign);
  if (at == Text::npos) return std::nullopt;
  return std::strtoll(std::string(part.substr(at + sign.size())).c_str(), nullptr, 10);
}

Takes read(Text column) {
  Takes out;
  while (true) {
    const auto end = column.find('|');
    const auto part = column.substr(0, end);
    const auto* kind = std::ranges::find_if(kKinds, [&](const auto& row) { return part.starts_with(row.name); });
    if (kind == std::end(kKinds)) {
      if (part == ",") out.list = true;
      if (part != ",") out.words.push_back(part);
    } else {
      out.kind = kind->kind;
      out.list = kind->list;
      out.least = bound(part, ">=").value_or(kLeast);
      out.most = bound(part, "<=").value_or(kMost);
      out.zero = !part.contains("!=0");
    }
    if (end == Text::npos) return out;
    column.remove_prefix(end + 1);
  }
}

/// How many characters of a text stoi, stoul or stof reads; 0 when it throws.
std::size_t read_number(const Takes& takes, const std::string& text) {
  const char* const begin = text.c_str();
  char* end = nullptr;
  errno = 0;
  if (takes.kind == Takes::Kind::integer) {
    const auto number = std::strtoll(begin, &end, 10);
    if (number < takes.least || number > takes.most || (number == 0 && !takes.zero)) return 0;
  } else if (takes.kind == Takes::Kind::unsigned_integer) {
    static_cast<void>(std::strtoull(begin, &end, 10));
  } else {
    static_cast<void>(std::strtod(begin, &end));
  }
  return errno == 0 ? static_cast<std::size_t>(end - begin) : 0;
}

bool is_json(Text value) { return base::parse_json(value, "").has_value(); }

/// llama.cpp's parse_kv_override, as far as the first of a comma list goes.
bool is_override(Text value) {
  constexpr Text kTypes[] = {"int:", "float:", "bool:", "str:"};
  const auto equals = value.find('=');
  if (equals == Text::npos) return false;
  return std::ranges::any_of(kTypes, [&](Text type) { return value.substr(equals + 1).starts_with(type); });
}

bool is_taken(const Takes& takes, Text value) {
  if (takes.kind == Takes::Kind::none && takes.list) {
    const auto end = value.find(',');
    const bool taken = std::ranges::find(takes.words, value.substr(0, end)) != takes.words.end();
    return taken && (end == Text::npos || is_taken(takes, value.substr(end + 1)));
  }
  if (std::ranges::find(takes.words, value) != takes.words.end()) return true;
  switch (takes.kind) {
    case Takes::Kind::none:
      return false;
    case Takes::Kind::json:
      return is_json(value);
    case Takes::Kind::override:
      return is_override(value);
    case Takes::Kind::pattern:
      return value.contains('=');
    case Takes::Kind::scaled:
      return value.contains(':');
    case Takes::Kind::integer:
    case Takes::Kind::unsigned_integer:
    case Takes::Kind::number:
      break;
  }
  return read_number(takes, std::string(value)) > 0;
}

Text words_for(Takes::Kind kind) {
  switch (kind) {
    case Takes::Kind::json:
      return "JSON";
    case Takes::Kind::override:
      return "key=type:value, with type int, float, bool or str";
    case Takes::Kind::pattern:
      return "pattern=device";
    case Takes::Kind::scaled:
      return "path:scale";
    case Takes::Kind::number:
      return "a number";
    case Takes::Kind::none:
    case Takes::Kind::integer:
    case Takes::Kind::unsigned_integer:
      break;
  }
  return "a whole number";
}

std::string describe(const Takes& takes) {
  std::string out;
  for (const auto word : takes.words) {
    if (!word.empty()) out += (out.empty() ? "" : ", ") + std::string(word);
  }
  if (takes.kind == Takes::Kind::none) return "one of " + out;
  if (!out.empty()) out += " or ";
  out += words_for(takes.kind);
  if (takes.least != kLeast) out += " from " + std::to_string(takes.least) + (takes.most == kMost ? " on" : "");
  if (takes.most != kMost) out += " to " + std::to_string(takes.most);
  if (!takes.zero) out += " other than 0";
  return out;
}

bool is_all_digits(Text text) {
  return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// The kubelet puts variables into a command line: nobody knows what stands there then.
bool is_known(const LlamaFlag& flag, Text value) {
  return !flag.takes.empty() && (flag.use != FlagUse::server || !value.contains("$("));
}

/// Digits, and perhaps a sign before them.
bool is_small_integer(Text value) {
  if (value.starts_with('-')) value.remove_prefix(1);
  return !value.empty() && value.size() <= 9 && is_all_digits(value);
}

/// The columns of the table, each read once.
const Takes& takes_of(const LlamaFlag& flag) {
  static const auto all = [] {
    std::vector<Takes> out;
    for (const auto& row : llama_flags()) out.push_back(read(row.takes));
    return out;
  }();
  return all[static_cast<std::size_t>(&flag - llama_flags().data())];
}

}  // namespace

bool is_plain_number(const LlamaFlag& flag, std::string_view value) {
  if (flag.takes == "integer") return is_small_integer(value);
  if (flag.takes != "number") return false;
  const auto dot = value.find('.');
  return is_small_integer(value.substr(0, dot)) && (dot == Text::npos || is_all_digits(value.substr(dot + 1)));
}

std::optional<std::string> value_refused(const LlamaFlag& flag, std::string_view value) {
  if (!is_known(flag, value)) return std::nullopt;
  const Takes& takes = takes_of(flag);
  if (is_taken(takes, value)) return std::nullopt;
  return describe(takes);
}

std::string_view value_cut(const LlamaFlag& flag, std::string_view value) {
  if (!is_known(flag, value)) return {};
  const Takes& takes = takes_of(flag);
  const bool is_number = takes.kind == Takes::Kind::integer || takes.kind == Takes::Kind::unsigned_integer ||
                         takes.kind == Takes::Kind::number;
  if (!is_number || takes.list || std::ranges::find(takes.words, value) != takes.words.end()) return {};
  const auto length = read_number(takes, std::string(value));
  return length < value.size() ? value.substr(0, length) : Text{};
}

}  // namespace api
