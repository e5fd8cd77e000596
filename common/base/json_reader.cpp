#include "common/base/json_reader.hpp"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "common/base/text.hpp"

namespace base {
namespace {

using Size = rapidjson::SizeType;

/// How many of the 8 bytes at `text`, from its first on, are ASCII that a JSON string holds as they are.
std::size_t count_plain(const char* text) {
  constexpr std::uint64_t kOnes = ~std::uint64_t{0} / 255;
  constexpr std::uint64_t kHighBits = kOnes * 0x80;
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, text, sizeof bytes);
  if constexpr (std::endian::native == std::endian::big) bytes = std::byteswap(bytes);
  // A high bit marks a byte below the limit; the lowest mark is always right.
  const auto below = [](std::uint64_t word, std::uint64_t limit) { return (word - kOnes * limit) & ~word; };
  const auto special = bytes | below(bytes, 0x20) | below(bytes ^ (kOnes * '"'), 1) | below(bytes ^ (kOnes * '\\'), 1);
  return static_cast<std::size_t>(std::countr_zero(special & kHighBits)) / 8;
}

/// Writes a code point that is no surrogate; gives where the next byte goes.
char* put_utf8(char* to, std::uint32_t code) {
  const auto tail = [&](unsigned shift) { *to++ = static_cast<char>(0x80U | ((code >> shift) & 0x3FU)); };
  if (code < 0x80) {
    *to++ = static_cast<char>(code);
  } else if (code < 0x800) {
    *to++ = static_cast<char>(0xC0U | (code >> 6U));
    tail(0);
  } else if (code < 0x10000) {
    *to++ = static_cast<char>(0xE0U | (code >> 12U));
    tail(6);
    tail(0);
  } else {
    *to++ = static_cast<char>(0xF0U | (code >> 18U));
    tail(12);
    tail(6);
    tail(0);
  }
  return to;
}

/// Four hexadecimal digits.
std::optional<std::uint32_t> read_hex(const char* text) {
  std::uint32_t out = 0;
  return std::from_chars(text, text + 4, out, 16).ptr == text + 4 ? std::optional(out) : std::nullopt;
}

/// Recursive descent; its depth is bounded. What gives false, or nothing, has said why.
class Reader {
 public:
  Reader(char* text, std::size_t size, JsonDocument& out) : text_(text), end_(text + size), at_(text), out_(out) {}

  bool read() {
    if (!value(0)) return false;
    skip_blanks();
    return at_ == end_ || fail("not JSON: something follows the value");
  }

  [[nodiscard]] JsonFault fault() const { return {what_, static_cast<std::size_t>(at_ - text_)}; }

 private:
  bool fail(std::string_view what) {
    what_ = what;
    return false;
  }

  void skip_blanks() {
    while (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t') ++at_;
  }

  bool take(char mark) {
    if (*at_ != mark) return false;
    ++at_;
    return true;
  }

  bool take_digits() {
    const char* const begin = at_;
    while (*at_ >= '0' && *at_ <= '9') ++at_;
    return at_ != begin;
  }

  bool value(int depth) {
    skip_blanks();
    switch (*at_) {
      case '{':
        return object(depth + 1);
      case '[':
        return array(depth + 1);
      case '"':
        return string();
      case 't':
        return word("true") && out_.Bool(true);
      case 'f':
        return word("false") && out_.Bool(false);
      case 'n':
        return word("null") && out_.Null();
      default:
        return number();
    }
  }

  bool object(int depth) {
    if (depth > kMaxJsonDepth) return fail(kTooDeep);
    ++at_;
    out_.StartObject();
    skip_blanks();
    if (take('}')) return out_.EndObject(0);
    for (Size members = 1;; ++members) {
      if (*at_ != '"') return fail("not JSON: a name is missing");
      if (!string()) return false;
      skip_blanks();
      if (!take(':')) return fail("not JSON: a colon is missing");
      if (!value(depth)) return false;
      skip_blanks();
      if (take('}')) return out_.EndObject(members);
      if (!take(',')) return fail("not JSON: a comma or } is missing");
      skip_blanks();
    }
  }

  bool array(int depth) {
    if (depth > kMaxJsonDepth) return fail(kTooDeep);
    ++at_;
    out_.StartArray();
    skip_blanks();
    if (take(']')) return out_.EndArray(0);
    for (Size items = 1;; ++items) {
      if (!value(depth)) return false;
      skip_blanks();
      if (take(']')) return out_.EndArray(items);
      if (!take(',')) return fail("not JSON: a comma or ] is missing");
    }
  }

  bool word(std::string_view expected) {
    if (std::strncmp(at_, expected.data(), expected.size()) != 0) return fail(kNoValue);
    at_ += expected.size();
    return true;
  }

  bool number() {
    const char* const begin = at_;
    take('-');
    if (!take('0') && !take_digits()) return fail(kNoValue);
    bool is_whole = true;
    if (take('.')) {
      is_whole = false;
      if (!take_digits()) return fail(kNoDigit);
    }
    if (take('e') || take('E')) {
      is_whole = false;
      if (!take('+')) take('-');
      if (!take_digits()) return fail(kNoDigit);
    }
    if (is_whole) {
      if (std::int64_t value = 0; std::from_chars(begin, at_, value).ec == std::errc{}) return out_.Int64(value);
      if (std::uint64_t value = 0; *begin != '-' && std::from_chars(begin, at_, value).ec == std::errc{})
        return out_.Uint64(value);
    }
    const double value = std::strtod(begin, nullptr);
    return std::isfinite(value) ? out_.Double(value) : fail("not JSON: a number is too large");
  }

  /// A name or a value, decoded to the front of where it stands: no text gets longer by it.
  bool string() {
    char* const begin = ++at_;
    for (std::size_t count = 8; count == 8;) at_ += count = count_plain(at_);
    char* const end = *at_ == '"' ? at_ : decode();
    if (end == nullptr) return false;
    ++at_;
    *end = '\0';
    return out_.String(begin, static_cast<Size>(end - begin), false);
  }

  /// The rest of a string, from its first byte that is not plain up to its quote; gives the end of the decoded text.
  char* decode() {
    char* to = at_;
    while (*at_ != '"') {
      std::size_t count = count_plain(at_);
      if (count == 0 && *at_ == '\\') {
        if (!escape(to)) return nullptr;
        continue;
      }
      if (count == 0) count = utf8_length({at_, static_cast<std::size_t>(end_ - at_)});
      if (count == 0 || static_cast<unsigned char>(*at_) < 0x20) {
        fail(at_ == end_ ? "not JSON: a string does not end" : "not JSON: a string holds what must be escaped");
        return nullptr;
      }
      std::memmove(to, at_, count);
      to += count;
      at_ += count;
    }
    return to;
  }

  bool escape(char*& to) {
    constexpr std::string_view kLetters = "\"\\/bfnrt";
    constexpr std::string_view kMeant = "\"\\/\b\f\n\r\t";
    if (at_[1] == 'u') return escaped_code(to);
    const auto found = kLetters.find(at_[1]);
    if (found == std::string_view::npos) return fail(kNoEscape);
    *to++ = kMeant[found];
    at_ += 2;
    return true;
  }

  /// `\u00e9`, or two of them for a code point beyond 16 bits.
  bool escaped_code(char*& to) {
    auto code = read_hex(at_ + 2);
    if (!code) return fail(kNoEscape);
    if (*code >= 0xD800 && *code < 0xE000) {
      const bool is_pair = *code < 0xDC00 && at_[6] == '\\' && at_[7] == 'u';
      const auto low = is_pair ? read_hex(at_ + 8) : std::nullopt;
      if (!low || *low < 0xDC00 || *low >= 0xE000) return fail("not JSON: half of a surrogate pair");
      code = 0x10000 + ((*code - 0xD800) << 10U) + (*low - 0xDC00);
      at_ += 6;
    }
    at_ += 6;
    to = put_utf8(to, *code);
    return true;
  }

  static constexpr std::string_view kTooDeep = "JSON nested deeper than 512";
  static_assert(kMaxJsonDepth == 512);
  static constexpr std::string_view kNoValue = "not JSON: a value is missing";
  static constexpr std::string_view kNoDigit = "not JSON: a number ends without a digit";
  static constexpr std::string_view kNoEscape = "not JSON: an escape that is none";

  const char* text_;
  const char* end_;
  char* at_;
  JsonDocument& out_;
  std::string_view what_{};
};

}  // namespace

std::optional<JsonFault> read_json_in_place(char* text, std::size_t size, JsonDocument& out) {
  Reader reader(text, size, out);
  bool is_good = false;
  const auto generate = [&](JsonDocument&) { return is_good = reader.read(); };
  out.Populate(generate);
  return is_good ? std::nullopt : std::optional(reader.fault());
}

}  // namespace base
