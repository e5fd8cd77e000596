#pragma once
#include <rapidjson/document.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/error.hpp"

/// Reading JSON that came from outside (reviews, lists, watch events): RapidJSON with the checks it leaves to its
/// caller. What we build and compare is nlohmann's, in .cpp files only.
namespace base {

using JsonValue = rapidjson::Value;
using JsonDocument = rapidjson::Document;

/// Deeper text is refused while it is parsed: recursion on what was read stays bounded.
inline constexpr int kMaxJsonDepth = 512;

/// Parses a whole text: encoding validated, nesting at most `kMaxJsonDepth`, nothing after the value.
/// `where` names the source in the error.
[[nodiscard]] Result<JsonDocument> parse_json(std::string_view text, std::string_view where);

/// The member of an object, or null: also when `value` is no object. Never an unchecked accessor.
[[nodiscard]] const JsonValue* find(const JsonValue& value, std::string_view key);
/// The same, also null where the member is JSON null: how Go and the API server write "none".
[[nodiscard]] const JsonValue* present(const JsonValue& value, std::string_view key);
/// Follows keys one below the other: `find_path(object, {"metadata", "name"})`.
[[nodiscard]] const JsonValue* find_path(const JsonValue& value, std::initializer_list<std::string_view> keys);

/// The text of a string value; nothing for every other type.
[[nodiscard]] inline std::optional<std::string_view> as_string(const JsonValue* value) {
  if (value == nullptr || !value->IsString()) return std::nullopt;
  return std::string_view{value->GetString(), value->GetStringLength()};
}
/// A number without a fraction that fits; nothing for every other type.
[[nodiscard]] inline std::optional<std::int64_t> as_int(const JsonValue* value) {
  if (value == nullptr || !value->IsInt64()) return std::nullopt;
  return value->GetInt64();
}
[[nodiscard]] inline std::optional<bool> as_bool(const JsonValue* value) {
  if (value == nullptr || !value->IsBool()) return std::nullopt;
  return value->GetBool();
}

/// The text at a path of keys, or an empty one.
[[nodiscard]] std::string string_at(const JsonValue& value, std::initializer_list<std::string_view> keys);
/// The number at a path of keys, or `otherwise`.
[[nodiscard]] std::int64_t int_at(const JsonValue& value, std::initializer_list<std::string_view> keys,
                                  std::int64_t otherwise = 0);

/// Whether two values are the same, whatever the order of members. For n members n log n, and n where both have one
/// order: RapidJSON's own `==` is quadratic.
[[nodiscard]] bool same_value(const JsonValue& a, const JsonValue& b);

/// Compact JSON text of a value.
[[nodiscard]] std::string to_text(const JsonValue& value);

/// `text` as a JSON string with its quotes; what is not UTF-8 becomes U+FFFD.
[[nodiscard]] std::string quote_json(std::string_view text);

}  // namespace base
