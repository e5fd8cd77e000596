#include "common/kube/names.hpp"

#include <algorithm>

#include "common/base/wire_text.hpp"

namespace kube {
namespace {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
constexpr bool is_lower_or_digit(char c) { return is_lower(c) || is_digit(c); }
constexpr bool is_letter_or_digit(char c) { return is_lower_or_digit(c) || is_upper(c); }

/// A label's form without its limit of 63.
bool has_label_form(std::string_view text) {
  if (text.empty() || !is_lower_or_digit(text.front()) || !is_lower_or_digit(text.back())) return false;
  return std::ranges::all_of(text, [](char c) { return is_lower_or_digit(c) || c == '-'; });
}

bool has_label_value_form(std::string_view text) {
  if (text.empty() || !is_letter_or_digit(text.front()) || !is_letter_or_digit(text.back())) return false;
  return std::ranges::all_of(text, [](char c) { return is_letter_or_digit(c) || c == '-' || c == '_' || c == '.'; });
}

}  // namespace

bool is_dns1123_label(std::string_view text) { return text.size() <= kMaxLabelLength && has_label_form(text); }

bool is_dns1123_subdomain(std::string_view text) {
  if (text.empty() || text.size() > kMaxSubdomainLength) return false;
  while (true) {
    const auto dot = text.find('.');
    if (!has_label_form(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

bool is_dns1035_label(std::string_view text) { return is_dns1123_label(text) && is_lower(text.front()); }

bool is_label_value(std::string_view text) {
  return text.empty() || (text.size() <= kMaxLabelLength && has_label_value_form(text));
}

bool is_qualified_name(std::string_view text) {
  const auto slash = text.find('/');
  if (slash != std::string_view::npos) {
    if (!is_dns1123_subdomain(text.substr(0, slash))) return false;
    text.remove_prefix(slash + 1);
  }
  return text.size() <= kMaxLabelLength && has_label_value_form(text);
}

bool is_annotation_key(std::string_view text) { return is_qualified_name(base::lower(text)); }

bool is_env_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~' && c != '='; });
}

std::string service_name(std::string_view inference_service) {
  std::string out(inference_service);
  std::ranges::replace(out, '.', '-');
  return out;
}

}  // namespace kube
