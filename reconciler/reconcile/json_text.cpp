#include "reconciler/reconcile/json_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

namespace reconciler {
namespace {

using nlohmann::json;

std::string by_library(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

/// ASCII that stands in JSON as it is: nearly every string of ours.
bool is_plain(const std::string& text) {
  return std::ranges::all_of(text, [](unsigned char at) { return at >= 0x20 && at < 0x80 && at != '"' && at != '\\'; });
}

void append(const std::string& text, std::string& to) {
  if (!is_plain(text)) {
    to += by_library(text);
    return;
  }
  to += '"';
  to += text;
  to += '"';
}

template <class Number>
void append_number(Number number, std::string& to) {
  std::array<char, 24> digits;  // NOLINT(*-member-init): written before it is read
  to.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
}

void append(const json& value, std::string& to);

template <class Items, class Item>
void append_all(const Items& items, char open, char close, std::string& to, Item item) {
  to += open;
  bool is_first = true;
  for (const auto& at : items) {
    if (!std::exchange(is_first, false)) to += ',';
    item(at);
  }
  to += close;
}

void append(const json& value, std::string& to) {
  switch (value.type()) {
    case json::value_t::object:
      return append_all(value.get_ref<const json::object_t&>(), '{', '}', to, [&](const auto& member) {
        append(member.first, to);
        to += ':';
        append(member.second, to);
      });
    case json::value_t::array:
      return append_all(value.get_ref<const json::array_t&>(), '[', ']', to,
                        [&](const json& item) { append(item, to); });
    case json::value_t::string:
      return append(value.get_ref<const std::string&>(), to);
    case json::value_t::number_integer:
      return append_number(value.get<std::int64_t>(), to);
    case json::value_t::number_unsigned:
      return append_number(value.get<std::uint64_t>(), to);
    case json::value_t::boolean:
      to += value.get<bool>() ? "true" : "false";
      return;
    default:
      to += by_library(value);
  }
}

}  // namespace

std::string to_text(const json& value) {
  std::string text;
  append(value, text);
  return text;
}

}  // namespace reconciler
