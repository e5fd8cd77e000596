#include "common/base/json.hpp"

#include <rapidjson/error/en.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>

#include "common/base/text.hpp"

namespace base {
namespace {

/// Where the string whose first character is at `from` has its closing quote; the end of the text when it has none.
std::size_t closing_quote(std::string_view text, std::size_t from) {
  for (auto quote = text.find('"', from); quote != std::string_view::npos; quote = text.find('"', quote + 1)) {
    auto backslash = quote;
    while (backslash > from && text[backslash - 1] == '\\') --backslash;
    if ((quote - backslash) % 2 == 0) return quote;
  }
  return text.size();
}

/// Brackets open at the deepest place, strings skipped.
int nesting_depth(std::string_view text) {
  int depth = 0;
  int deepest = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      i = closing_quote(text, i + 1);
    } else if (c == '{' || c == '[') {
      deepest = std::max(deepest, ++depth);
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return deepest;
}

/// Whether every byte is below 0x80.
bool is_ascii(std::string_view text) {
  unsigned char seen = 0;
  for (const char c : text) seen = static_cast<unsigned char>(seen | static_cast<unsigned char>(c));
  return seen < 0x80;
}

}  // namespace

Result<JsonDocument> parse_json(std::string_view text, std::string_view where) {
  if (nesting_depth(text) > kMaxJsonDepth)
    return fail("JSON nested deeper than " + std::to_string(kMaxJsonDepth), std::string(where));
  JsonDocument document;
  // ASCII is valid UTF-8, and most objects are nothing else: to validate each character costs a third of the parse.
  constexpr unsigned kFlags = rapidjson::kParseIterativeFlag;
  if (is_ascii(text)) {
    document.Parse<kFlags>(text.data(), text.size());
  } else {
    document.Parse<kFlags | rapidjson::kParseValidateEncodingFlag>(text.data(), text.size());
  }
  if (document.HasParseError()) {
    return fail("not JSON: " + std::string(rapidjson::GetParseError_En(document.GetParseError())) + " at byte " +
                    std::to_string(document.GetErrorOffset()),
                std::string(where));
  }
  return document;
}

const JsonValue* find(const JsonValue& value, std::string_view key) {
  if (!value.IsObject()) return nullptr;
  const auto member = value.FindMember(
      rapidjson::Value(rapidjson::StringRef(key.data(), static_cast<rapidjson::SizeType>(key.size()))));
  return member == value.MemberEnd() ? nullptr : &member->value;
}

const JsonValue* find_path(const JsonValue& value, std::initializer_list<std::string_view> keys) {
  const JsonValue* at = &value;
  for (const auto key : keys) {
    at = find(*at, key);
    if (at == nullptr) return nullptr;
  }
  return at;
}

std::optional<std::string_view> as_string(const JsonValue* value) {
  if (value == nullptr || !value->IsString()) return std::nullopt;
  return std::string_view{value->GetString(), value->GetStringLength()};
}

std::optional<std::int64_t> as_int(const JsonValue* value) {
  if (value == nullptr || !value->IsInt64()) return std::nullopt;
  return value->GetInt64();
}

std::optional<bool> as_bool(const JsonValue* value) {
  if (value == nullptr || !value->IsBool()) return std::nullopt;
  return value->GetBool();
}

std::string string_at(const JsonValue& value, std::initializer_list<std::string_view> keys) {
  return std::string(as_string(find_path(value, keys)).value_or(""));
}

std::int64_t int_at(const JsonValue& value, std::initializer_list<std::string_view> keys, std::int64_t otherwise) {
  return as_int(find_path(value, keys)).value_or(otherwise);
}

std::string to_text(const JsonValue& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

std::string quote_json(std::string_view text) {
  const std::string valid = to_utf8(text);
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.String(valid.data(), static_cast<rapidjson::SizeType>(valid.size()));
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace base
