#include "common/base/json.hpp"

#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>

#include "common/base/text.hpp"

namespace base {
namespace {

using Size = rapidjson::SizeType;

/// Zeros after the text: its end, and as much as the parser looks at in one step.
constexpr std::size_t kPadding = 17;

/// Far above any object, and below what the library's 32-bit sizes hold.
constexpr std::size_t kMaxJsonBytes = std::size_t{1} << 30U;

/// Builds the document out of what the parser reads, and ends the parse where the nesting goes too deep: the parser
/// calls itself for each level, so its stack is bounded with it.
class Builder {
 public:
  explicit Builder(JsonDocument& document) : document_(document) {}

  bool Null() { return document_.Null(); }
  bool Bool(bool value) { return document_.Bool(value); }
  bool Int(int value) { return document_.Int(value); }
  bool Uint(unsigned value) { return document_.Uint(value); }
  bool Int64(std::int64_t value) { return document_.Int64(value); }
  bool Uint64(std::uint64_t value) { return document_.Uint64(value); }
  bool Double(double value) { return document_.Double(value); }
  bool RawNumber(const char* text, Size size, bool copy) { return document_.RawNumber(text, size, copy); }
  bool String(const char* text, Size size, bool copy) { return document_.String(text, size, copy); }
  bool Key(const char* text, Size size, bool copy) { return document_.Key(text, size, copy); }
  bool StartObject() { return ++depth_ <= kMaxJsonDepth && document_.StartObject(); }
  bool StartArray() { return ++depth_ <= kMaxJsonDepth && document_.StartArray(); }
  bool EndObject(Size members) { return --depth_, document_.EndObject(members); }
  bool EndArray(Size items) { return --depth_, document_.EndArray(items); }

 private:
  JsonDocument& document_;
  int depth_ = 0;
};

/// Whether every byte is below 0x80.
bool is_ascii(std::string_view text) {
  unsigned char seen = 0;
  for (const char c : text) seen = static_cast<unsigned char>(seen | static_cast<unsigned char>(c));
  return seen < 0x80;
}

/// ASCII is valid UTF-8, and most objects are nothing else: to validate each character costs a third of the parse.
rapidjson::ParseResult parse(rapidjson::InsituStringStream& stream, Builder& builder, bool ascii) {
  constexpr unsigned kFlags = rapidjson::kParseInsituFlag;
  rapidjson::Reader reader;
  if (ascii) return reader.Parse<kFlags>(stream, builder);
  return reader.Parse<kFlags | rapidjson::kParseValidateEncodingFlag>(stream, builder);
}

}  // namespace

Result<JsonDocument> parse_json(std::string_view text, std::string_view where) {
  if (text.size() > kMaxJsonBytes) return fail("JSON of more than 1 GiB", std::string(where));
  JsonDocument document;
  // Parsed in place, in a copy that lives as long as the document: its strings need no memory of their own.
  auto* const copy = static_cast<char*>(document.GetAllocator().Malloc(text.size() + kPadding));
  std::ranges::fill(std::ranges::copy(text, copy).out, copy + text.size() + kPadding, '\0');
  rapidjson::InsituStringStream stream(copy);
  rapidjson::ParseResult result;
  auto generate = [&](JsonDocument& into) {
    Builder builder(into);
    result = parse(stream, builder, is_ascii(text));
    return !result.IsError();
  };
  document.Populate(generate);
  if (result.Code() == rapidjson::kParseErrorTermination)
    return fail("JSON nested deeper than " + std::to_string(kMaxJsonDepth), std::string(where));
  // A zero byte looks like the end to the parser.
  if (!result.IsError() && stream.Tell() != text.size())
    result.Set(rapidjson::kParseErrorDocumentRootNotSingular, stream.Tell());
  if (result.IsError()) {
    return fail("not JSON: " + std::string(rapidjson::GetParseError_En(result.Code())) + " at byte " +
                    std::to_string(result.Offset()),
                std::string(where));
  }
  return document;
}

const JsonValue* find(const JsonValue& value, std::string_view key) {
  if (!value.IsObject()) return nullptr;
  for (const auto& member : value.GetObject()) {
    if (member.name.GetStringLength() != key.size()) continue;
    if (std::string_view(member.name.GetString(), key.size()) == key) return &member.value;
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
