#include "reconciler/pod/fetch/http_words.hpp"

#include <algorithm>
#include <limits>

#include "common/api/source.hpp"
#include "common/base/base64.hpp"
#include "common/base/number.hpp"
#include "common/base/text.hpp"
#include "common/base/wire_text.hpp"

namespace fetch {
namespace {

constexpr std::size_t kLongestTag = 512;
constexpr std::size_t kSha256Bytes = 32;

/// Cuts `text` at the first `separator`; nothing when there is none.
std::optional<std::string_view> take_until(std::string_view& text, char separator) {
  const auto at = text.find(separator);
  if (at == std::string_view::npos) return std::nullopt;
  const auto taken = text.substr(0, at);
  text.remove_prefix(at + 1);
  return taken;
}

}  // namespace

std::optional<ContentRange> parse_content_range(std::string_view text) {
  text = base::trim(text);
  const auto unit = take_until(text, ' ');
  if (!unit || !base::same_word(*unit, "bytes")) return std::nullopt;
  const auto range = take_until(text, '/');
  if (!range) return std::nullopt;
  ContentRange out;
  if (text != "*") {
    out.total = base::parse_number<std::uint64_t>(text);
    if (!out.total) return std::nullopt;
  }
  if (*range == "*") return out.total ? std::optional(out) : std::nullopt;
  std::string_view last = *range;
  const auto first = take_until(last, '-');
  if (!first) return std::nullopt;
  out.begin = base::parse_number<std::uint64_t>(*first);
  const auto last_byte = base::parse_number<std::uint64_t>(last);
  if (!out.begin || !last_byte || *last_byte < *out.begin) return std::nullopt;
  if (*last_byte == std::numeric_limits<std::uint64_t>::max()) return std::nullopt;
  out.end = *last_byte + 1;
  if (out.total && *out.end > *out.total) return std::nullopt;
  return out;
}

std::string strong_etag(std::string_view text) {
  text = base::trim(text);
  if (text.size() < 3 || text.size() > kLongestTag || text.front() != '"' || text.back() != '"') return {};
  const auto inside = text.substr(1, text.size() - 2);
  const bool printable = std::ranges::all_of(inside, [](char c) { return c > 0x20 && c < 0x7f && c != '"'; });
  return printable ? std::string(text) : std::string();
}

std::string sha256_of_linked_etag(std::string_view text) {
  text = base::trim(text);
  if (text.starts_with("W/")) text.remove_prefix(2);
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  const auto hex = base::lower(text);
  const bool fits = hex.size() == 2 * kSha256Bytes && hex.find_first_not_of("0123456789abcdef") == std::string::npos;
  return fits ? hex : std::string();
}

std::string sha256_of_base64(std::string_view text) {
  const auto bytes = base::from_base64(text);
  return bytes && bytes->size() == kSha256Bytes ? base::to_hex(*bytes) : std::string();
}

std::string sha256_of_repr_digest(std::string_view text) {
  constexpr std::string_view kMark = "sha-256=:";
  const auto at = base::lower(text).find(kMark);
  if (at == std::string::npos) return {};
  text.remove_prefix(at + kMark.size());
  const auto value = take_until(text, ':');
  return value ? sha256_of_base64(*value) : std::string();
}

std::string origin_of(std::string_view url) {
  const std::string plain = api::without_secrets(url);
  const auto scheme_end = plain.find("://");
  if (scheme_end == std::string::npos) return {};
  const std::string scheme = base::lower(plain.substr(0, scheme_end));
  if (scheme != "http" && scheme != "https") return {};
  const auto host_begin = scheme_end + 3;
  const auto host_end = std::min(plain.find('/', host_begin), plain.size());
  std::string host = base::lower(plain.substr(host_begin, host_end - host_begin));
  const auto bracket = host.rfind(']');
  const auto colon = host.find(':', bracket == std::string::npos ? 0 : bracket);
  if (colon == std::string::npos) host += scheme == "https" ? ":443" : ":80";
  return scheme + "://" + host;
}

}  // namespace fetch
