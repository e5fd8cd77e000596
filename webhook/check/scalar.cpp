#include "webhook/check/scalar.hpp"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>

#include "common/base/number.hpp"

namespace webhook {
namespace {

constexpr std::array<std::string_view, 11> kTrue{"y",    "Y",    "yes", "Yes", "YES", "true",
                                                 "True", "TRUE", "on",  "On",  "ON"};
constexpr std::array<std::string_view, 11> kFalse{"n",     "N",     "no",  "No",  "NO", "false",
                                                  "False", "FALSE", "off", "Off", "OFF"};
constexpr std::array<std::string_view, 5> kNull{"", "~", "null", "Null", "NULL"};

template <std::size_t N>
bool is_one_of(std::string_view text, const std::array<std::string_view, N>& words) {
  return std::ranges::find(words, text) != words.end();
}

Node scalar(Node::Kind kind, std::string text) {
  Node out;
  out.kind = kind;
  out.text = std::move(text);
  return out;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

struct Base {
  std::string_view prefix;
  int base;
};
constexpr Base kBases[] = {{"0x", 16}, {"0X", 16}, {"0o", 8}, {"0O", 8}, {"0b", 2}, {"0B", 2}, {"0", 8}};

/// Go's strconv.ParseInt(text, 0, 64), then ParseUint.
std::optional<std::string> integer(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  int radix = 10;
  for (const auto& row : kBases) {
    if (text.size() > row.prefix.size() && text.starts_with(row.prefix)) {
      radix = row.base;
      text.remove_prefix(row.prefix.size());
      break;
    }
  }
  const auto value = base::parse_number<std::uint64_t>(text, radix);
  constexpr std::uint64_t kMost = std::uint64_t{1} << 63U;
  if (!value || (negative && *value > kMost)) return std::nullopt;
  return (negative && *value != 0 ? "-" : "") + std::to_string(*value);
}

/// go-yaml's `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`.
bool is_yaml_float(std::string_view text) {
  const auto skip_digits = [&] {
    const auto end = std::min(text.find_first_not_of("0123456789"), text.size());
    text.remove_prefix(end);
    return end > 0;
  };
  const auto skip_one_of = [&](char a, char b) {
    const bool there = text.starts_with(a) || text.starts_with(b);
    if (there) text.remove_prefix(1);
    return there;
  };
  skip_one_of('-', '+');
  const bool whole = skip_digits();
  const bool fraction = skip_one_of('.', '.') && skip_digits();
  if (!whole && !fraction) return false;
  if (text.empty()) return true;
  if (!skip_one_of('e', 'E')) return false;
  skip_one_of('-', '+');
  return skip_digits() && text.empty();
}

}  // namespace

std::optional<Node> resolve_float(const std::string& text) {
  constexpr double kBeyondIntegers = 9223372036854775808.0;
  const double value = std::strtod(text.c_str(), nullptr);
  if (!std::isfinite(value)) return std::nullopt;
  if (std::floor(value) == value && std::fabs(value) < kBeyondIntegers)
    return scalar(Node::Kind::integer, std::to_string(static_cast<std::int64_t>(value)));
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.Double(value);
  return scalar(Node::Kind::number, std::string(buffer.GetString(), buffer.GetSize()));
}

Node resolve_plain_scalar(std::string_view text) {
  if (is_one_of(text, kNull)) return scalar(Node::Kind::null, "");
  if (is_one_of(text, kTrue)) return scalar(Node::Kind::boolean, "true");
  if (is_one_of(text, kFalse)) return scalar(Node::Kind::boolean, "false");
  const char first = text.front();
  if (is_digit(first) || first == '+' || first == '-' || first == '.') {
    std::string plain(text);
    std::erase(plain, '_');
    if (const auto value = integer(plain)) return scalar(Node::Kind::integer, *value);
    if (is_yaml_float(plain)) {
      if (auto value = resolve_float(plain)) return std::move(*value);
    }
  }
  return scalar(Node::Kind::string, std::string(text));
}

std::optional<std::string> key_of(const Node& scalar) {
  if (scalar.kind == Node::Kind::null || scalar.kind == Node::Kind::list || scalar.kind == Node::Kind::map)
    return std::nullopt;
  return scalar.text;
}

}  // namespace webhook
