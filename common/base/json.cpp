#include "common/base/json.hpp"

#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <ranges>
#include <vector>

#include "common/base/text.hpp"

namespace base {
namespace {

class PlaceStream;

}  // namespace
}  // namespace base

/// The reader works on a copy of its own, in registers.
template <>
struct rapidjson::StreamTraits<base::PlaceStream> {
  enum { copyOptimization = 1 };
};

namespace base {
namespace {

using Size = rapidjson::SizeType;

/// Zeros after the text: its end, and as much as is looked at in one step.
constexpr std::size_t kPadding = 9;

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

/// How many of the 8 bytes at `text`, from its first on, are ASCII that a JSON string holds as they are.
std::size_t count_plain(const char* text) {
  constexpr std::uint64_t kOnes = ~std::uint64_t{0} / 255;
  constexpr std::uint64_t kHighBits = kOnes * 0x80;
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, text, sizeof bytes);
  if constexpr (std::endian::native == std::endian::big) bytes = std::byteswap(bytes);
  // The high bit marks a byte that is not ASCII, below 0x20, a quote or a backslash. Only a byte that is marked itself
  // borrows from the next one, so the lowest mark is always right.
  const auto marks =
      bytes | (bytes - kOnes * 0x20) | ((bytes ^ (kOnes * '"')) - kOnes) | ((bytes ^ (kOnes * '\\')) - kOnes);
  return static_cast<std::size_t>(std::countr_zero(marks & kHighBits)) / 8;
}

/// The text that is parsed in place. The reader validates strings byte by byte; plain runs never reach it. Of what
/// escapes stand for it does not see when a low surrogate stands alone: as UTF-8 that is 0xED and a byte from 0xA0 on,
/// and no text.
class PlaceStream : public rapidjson::InsituStringStream {
 public:
  using GenericInsituStringStream::GenericInsituStringStream;

  char* PutBegin() {
    char* const begin = dst_ = src_;
    take_plain();
    return begin;
  }
  /// Multi-byte characters come in several calls, so only behind ASCII (and not behind the end) is a run looked for.
  void Put(char c) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0xA0 && static_cast<unsigned char>(dst_[-1]) == 0xED) lone_surrogate_ = Tell();
    *dst_++ = c;
    if (byte != 0 && byte < 0x80) take_plain();
  }

  /// Where a surrogate without its other half ended; 0 for nowhere.
  [[nodiscard]] std::size_t lone_surrogate() const { return lone_surrogate_; }

 private:
  void take_plain() {
    for (std::size_t count = 8; count == 8;) {
      count = count_plain(src_);
      if (src_ != dst_) std::memmove(dst_, src_, count);
      src_ += count;
      dst_ += count;
    }
  }

  std::size_t lone_surrogate_ = 0;
};

}  // namespace

Result<JsonDocument> parse_json(std::string_view text, std::string_view where) {
  if (text.size() > kMaxJsonBytes) return fail("JSON of more than 1 GiB", std::string(where));
  JsonDocument document;
  // Parsed in place, in a copy that lives as long as the document: its strings need no memory of their own.
  auto* const copy = static_cast<char*>(document.GetAllocator().Malloc(text.size() + kPadding));
  std::memset(copy + text.copy(copy, text.size()), 0, kPadding);
  PlaceStream stream(copy);
  rapidjson::ParseResult result;
  auto generate = [&](JsonDocument& into) {
    Builder builder(into);
    rapidjson::Reader reader;
    result = reader.Parse<rapidjson::kParseInsituFlag | rapidjson::kParseValidateEncodingFlag>(stream, builder);
    return !result.IsError();
  };
  document.Populate(generate);
  if (result.Code() == rapidjson::kParseErrorTermination)
    return fail("JSON nested deeper than " + std::to_string(kMaxJsonDepth), std::string(where));
  // A zero byte looks like the end to the parser.
  if (!result.IsError() && stream.Tell() != text.size())
    result.Set(rapidjson::kParseErrorDocumentRootNotSingular, stream.Tell());
  if (!result.IsError() && stream.lone_surrogate() != 0)
    result.Set(rapidjson::kParseErrorStringUnicodeSurrogateInvalid, stream.lone_surrogate());
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
    const std::string_view name(member.name.GetString(), key.size());
    // The last letter tells most names of a length apart.
    if (key.empty() || (name.back() == key.back() && name == key)) return &member.value;
  }
  return nullptr;
}

const JsonValue* present(const JsonValue& value, std::string_view key) {
  const JsonValue* member = find(value, key);
  return member == nullptr || member->IsNull() ? nullptr : member;
}

const JsonValue* find_path(const JsonValue& value, std::initializer_list<std::string_view> keys) {
  const JsonValue* at = &value;
  for (const auto key : keys) {
    at = find(*at, key);
    if (at == nullptr) return nullptr;
  }
  return at;
}

std::string string_at(const JsonValue& value, std::initializer_list<std::string_view> keys) {
  return std::string(as_string(find_path(value, keys)).value_or(""));
}

std::int64_t int_at(const JsonValue& value, std::initializer_list<std::string_view> keys, std::int64_t otherwise) {
  return as_int(find_path(value, keys)).value_or(otherwise);
}

bool same_value(const JsonValue& a, const JsonValue& b) {
  if (a.IsArray() && b.IsArray()) return std::ranges::equal(a.GetArray(), b.GetArray(), same_value);
  if (!a.IsObject() || !b.IsObject()) return a == b;
  if (a.MemberCount() != b.MemberCount()) return false;
  const auto same_key = [](const auto& x, const auto& y) { return as_string(&x.name) == as_string(&y.name); };
  const auto same = [&](const auto& x, const auto& y) { return same_key(x, y) && same_value(x.value, y.value); };
  const auto left = a.GetObject();
  const auto right = b.GetObject();
  const auto [x, y] = std::ranges::mismatch(left, right, same_key);
  const auto in_step = std::ranges::subrange(left.begin(), x);
  if (!std::ranges::equal(in_step, std::ranges::subrange(right.begin(), y), same)) return false;
  const auto sorted = [](auto from, auto to) {
    std::vector<const JsonValue::Member*> rest;
    for (; from != to; ++from) rest.push_back(&*from);
    std::ranges::stable_sort(rest, {}, [](const auto* member) { return *as_string(&member->name); });
    return rest;
  };
  return std::ranges::equal(sorted(x, left.end()), sorted(y, right.end()),
                            [&](const auto* one, const auto* other) { return same(*one, *other); });
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
