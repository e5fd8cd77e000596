#include "common/base/json.hpp"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>

#include "common/base/json_reader.hpp"
#include "common/base/text.hpp"

namespace base {
namespace {

/// Far above any object, and below what the library's 32-bit sizes hold.
constexpr std::size_t kMaxJsonBytes = std::size_t{1} << 30U;

}  // namespace

Result<JsonDocument> parse_json(std::string_view text, std::string_view where) {
  if (text.size() > kMaxJsonBytes) return fail("JSON of more than 1 GiB", std::string(where));
  JsonDocument document;
  // In a copy that lives as long as the document: its strings need no memory of their own.
  auto* const copy = static_cast<char*>(document.GetAllocator().Malloc(text.size() + kJsonPadding));
  std::ranges::fill(std::ranges::copy(text, copy).out, copy + text.size() + kJsonPadding, '\0');
  if (const auto fault = read_json_in_place(copy, text.size(), document))
    return fail(std::string(fault->what) + " at byte " + std::to_string(fault->at), std::string(where));
  return document;
}

const JsonValue* find(const JsonValue& value, std::string_view key) {
  if (!value.IsObject()) return nullptr;
  for (const auto& member : value.GetObject()) {
    if (member.name.GetStringLength() != key.size()) continue;
    const std::string_view name(member.name.GetString(), key.size());
    // The last letter tells most names of a length apart.
    if (key.empty() || (name.back() == key.back() && name == key)) return &member.value;
  }
  return nullptr;
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
