#include "reconciler/reconcile/json_text.hpp"

#include <nlohmann/json.hpp>
#include <utility>

namespace reconciler {
namespace {

using nlohmann::json;

/// ASCII that a JSON string holds as it is.
bool is_plain(char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

void append_string(const std::string& string, std::string& to) {
  bool plain = true;
  for (const char c : string) plain &= is_plain(c);  // to the end: without a way out the compiler takes many at once
  if (plain) {
    to.append(1, '"').append(string).append(1, '"');
  } else {
    to += json(string).dump(-1, ' ', false, json::error_handler_t::replace);
  }
}

// Its depth is that of what we build; what users pass on was bounded when it was read.
void append(const json& value, std::string& to) {  // NOLINT(misc-no-recursion)
  if (const auto* string = value.get_ptr<const json::string_t*>()) {
    append_string(*string, to);
  } else if (const auto* object = value.get_ptr<const json::object_t*>()) {
    char before = '{';
    for (const auto& [key, member] : *object) {
      to += std::exchange(before, ',');
      append_string(key, to);
      to += ':';
      append(member, to);
    }
    to += object->empty() ? "{}" : "}";
  } else if (const auto* array = value.get_ptr<const json::array_t*>()) {
    char before = '[';
    for (const auto& item : *array) {
      to += std::exchange(before, ',');
      append(item, to);
    }
    to += array->empty() ? "[]" : "]";
  } else {
    to += value.dump();
  }
}

}  // namespace

std::string to_text(const json& value) {
  std::string text;
  text.reserve(2048);
  append(value, text);
  return text;
}

}  // namespace reconciler
