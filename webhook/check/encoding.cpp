#include "webhook/check/encoding.hpp"

#include <rapidjson/encodings.h>
#include <rapidjson/stringbuffer.h>

#include "common/base/text.hpp"

namespace webhook {
namespace {

constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF";
constexpr std::string_view kUtf16Mark = "\xFE\xFF";
constexpr std::string_view kUtf16SwappedMark = "\xFF\xFE";
constexpr unsigned kReplacement = 0xFFFD;

/// `high` is the place of the more significant byte of two.
std::string from_utf16(std::string_view bytes, std::size_t high) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned>(static_cast<unsigned char>(bytes[at])); };
  const auto unit = [&](std::size_t at) { return byte(at + high) << 8U | byte(at + 1 - high); };
  rapidjson::StringBuffer out;
  for (std::size_t at = 0; at + 1 < bytes.size(); at += 2) {
    unsigned code = unit(at);
    const unsigned next = at + 3 < bytes.size() ? unit(at + 2) : 0;
    if (code >= 0xD800U && code < 0xDC00U && next >= 0xDC00U && next < 0xE000U) {
      code = 0x10000U + ((code - 0xD800U) << 10U) + (next - 0xDC00U);
      at += 2;
    } else if (code >= 0xD800U && code < 0xE000U) {
      code = kReplacement;
    }
    rapidjson::UTF8<>::Encode(out, code);
  }
  return {out.GetString(), out.GetSize()};
}

}  // namespace

std::string decode_text(std::string_view bytes) {
  if (bytes.starts_with(kUtf16Mark)) return from_utf16(bytes.substr(kUtf16Mark.size()), 0);
  if (bytes.starts_with(kUtf16SwappedMark)) return from_utf16(bytes.substr(kUtf16SwappedMark.size()), 1);
  if (bytes.starts_with(kUtf8Mark)) bytes.remove_prefix(kUtf8Mark.size());
  return base::to_utf8(bytes);
}

}  // namespace webhook
