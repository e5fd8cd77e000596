#include "common/net/head.hpp"

#include <algorithm>
#include <array>

#include "common/base/number.hpp"
#include "common/base/text.hpp"
#include "common/base/wire_text.hpp"

namespace net {
namespace {

using base::same_word;
using base::take_until;
using Outcome = std::expected<void, Refusal>;

std::unexpected<Refusal> refuse(int status, std::string_view reason) {
  return std::unexpected(Refusal{.status = status, .reason = reason});
}

/// Sets of bytes, a bit each: what a name, the text of a line, a target and a host may hold (RFC 9110, 5.6.2 and 5.5;
/// bytes beyond ASCII pass in a target, as clients send them; RFC 3986, 3.2.2, without the comma, which could join two
/// hosts).
enum Kind : unsigned char { kName = 1, kText = 2, kTarget = 4, kHexDigit = 8, kHost = 16 };

constexpr auto kKinds = [] {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  constexpr std::string_view kHostMarks = "-._~!$&'()*+;=%[]:";
  std::array<unsigned char, 256> kinds{};
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    const auto c = static_cast<char>(i);
    const bool is_digit = c >= '0' && c <= '9';
    const auto letter = static_cast<char>(c | ('a' - 'A'));
    const bool is_letter = letter >= 'a' && letter <= 'z';
    const bool is_control = i < ' ' || i == 0x7f;
    if (is_digit || is_letter || kMarks.contains(c)) kinds[i] |= kName;
    if (!is_control || c == '\t') kinds[i] |= kText;
    if (!is_control && c != ' ' && c != '#') kinds[i] |= kTarget;
    if (is_digit || (is_letter && letter <= 'f')) kinds[i] |= kHexDigit;
    if (is_digit || is_letter || kHostMarks.contains(c)) kinds[i] |= kHost;
  }
  return kinds;
}();

bool is(char c, Kind kind) { return (kKinds[static_cast<unsigned char>(c)] & kind) != 0; }

bool all(std::string_view text, Kind kind) {
  return std::ranges::all_of(text, [kind](char c) { return is(c, kind); });
}

bool is_token(std::string_view text) { return !text.empty() && all(text, kName); }

bool is_target(std::string_view text) {
  if (!text.starts_with('/') || !all(text, kTarget)) return false;
  for (auto at = text.find('%'); at != text.npos; at = text.find('%', at + 1)) {
    if (text.size() - at < 3 || !is(text[at + 1], kHexDigit) || !is(text[at + 2], kHexDigit)) return false;
  }
  return true;
}

/// 0 or 1 of HTTP/1.x; nothing for what is no such version.
std::optional<int> minor_of(std::string_view version) {
  if (version == "HTTP/1.1") return 1;
  return version == "HTTP/1.0" ? std::optional(0) : std::nullopt;
}

/// A number of digits alone.
std::expected<std::uint64_t, Refusal> parse_length(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos)
    return refuse(400, "Content-Length is not a number");
  const auto value = base::parse_number<std::uint64_t>(text);
  if (!value) return refuse(413, "body is too large");
  return *value;
}

/// Whether lines of that name list `word`.
bool lists(const Head& head, std::string_view name, std::string_view word) {
  return std::ranges::any_of(head.list(name), [&](std::string_view one) { return same_word(one, word); });
}

/// Where the body ends.
Outcome read_framing(Head& head) {
  for (const auto& [name, value] : head.lines) {
    if (same_word(name, "content-length")) {
      if (head.length) return refuse(400, "two Content-Length headers");
      const auto length = parse_length(value);
      if (!length) return std::unexpected(length.error());
      head.length = *length;
    } else if (same_word(name, "transfer-encoding")) {
      if (head.chunked || head.minor == 0) return refuse(400, "two transfer codings, or one in HTTP/1.0");
      if (!same_word(value, "chunked")) return refuse(501, "of the transfer codings only chunked is known");
      head.chunked = true;
    }
  }
  if (head.chunked && head.length) return refuse(400, "Content-Length beside Transfer-Encoding");
  return {};
}

Outcome check_host(const Head& head) {
  std::optional<std::string_view> host;
  for (const auto& [name, value] : head.lines) {
    if (!same_word(name, "host")) continue;
    if (host) return refuse(400, "two Host headers");
    host = value;
  }
  if (!host && head.minor == 1) return refuse(400, "no Host header");
  if (host && !all(*host, kHost)) return refuse(400, "Host is no name of a host");
  return {};
}

/// The text of the next line, which ends in CRLF and has no control character; nothing when it is not such a line.
std::optional<std::string_view> take_line(std::string_view& rest) {
  const auto end = rest.find('\n');
  if (end == rest.npos || end == 0 || rest[end - 1] != '\r') return std::nullopt;
  const auto line = rest.substr(0, end - 1);
  rest.remove_prefix(end + 1);
  return all(line, kText) ? std::optional(line) : std::nullopt;
}

/// All behind the first line.
Outcome read_lines(std::string_view rest, Head& head) {
  head.lines.reserve(16);
  while (true) {
    const auto line = take_line(rest);
    if (!line) return refuse(400, "a line of the head has a control character, or does not end in CRLF");
    if (line->empty()) break;
    const auto colon = line->find(':');
    if (colon == line->npos) return refuse(400, "a header line without a colon");
    const auto name = line->substr(0, colon);
    if (!is_token(name)) return refuse(400, "a header name with a character that no name has");
    head.lines.push_back({name, base::trim(line->substr(colon + 1))});
  }
  if (!rest.empty()) return refuse(400, "more than a head");
  head.keep_alive = !lists(head, "connection", "close") && (head.minor == 1 || lists(head, "connection", "keep-alive"));
  return read_framing(head);
}

}  // namespace

std::string_view Head::value(std::string_view name) const {
  const auto found = std::ranges::find_if(lines, [&](const HeaderLine& line) { return same_word(line.name, name); });
  return found == lines.end() ? std::string_view() : found->value;
}

std::vector<std::string_view> Head::list(std::string_view name) const {
  std::vector<std::string_view> words;
  for (const auto& line : lines) {
    if (!same_word(line.name, name)) continue;
    for (auto rest = line.value; !rest.empty();) words.push_back(base::trim(take_until(rest, ",")));
  }
  return words;
}

std::string_view RequestHead::query() const { return target.substr(std::min(target.size(), path().size() + 1)); }

std::optional<std::size_t> head_size(std::string_view bytes, std::size_t searched) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  const auto end = bytes.find(kEnd, searched < kEnd.size() ? 0 : searched - kEnd.size() + 1);
  return end == bytes.npos ? std::nullopt : std::optional(end + kEnd.size());
}

std::expected<RequestHead, Refusal> read_request_head(std::string_view head) {
  auto line = take_line(head).value_or("");
  RequestHead out;
  out.method = take_until(line, " ");
  out.target = take_until(line, " ");
  const auto minor = minor_of(line);
  if (!minor || !is_token(out.method)) return refuse(400, "not an HTTP/1.1 request");
  if (!is_target(out.target)) return refuse(400, "the request's target is no path");
  out.minor = *minor;
  if (auto read = read_lines(head, out); !read) return std::unexpected(read.error());
  if (auto fine = check_host(out); !fine) return std::unexpected(fine.error());
  const auto expectation = out.value("expect");
  if (!expectation.empty() && !same_word(expectation, "100-continue")) return refuse(417, "unknown expectation");
  out.expects_continue = out.minor == 1 && !expectation.empty();
  return out;
}

std::expected<ResponseHead, Refusal> read_response_head(std::string_view head) {
  constexpr std::size_t kDigits = 3;
  ResponseHead out;
  out.status_line = take_line(head).value_or("");
  auto line = out.status_line;
  const auto minor = minor_of(take_until(line, " "));
  const auto digits = take_until(line, " ");
  const auto status = parse_length(digits);
  if (!minor || !status || digits.size() != kDigits || *status < 100) return refuse(502, "not an HTTP/1.1 answer");
  out.minor = *minor;
  out.status = static_cast<int>(*status);
  if (auto read = read_lines(head, out); !read) return std::unexpected(read.error());
  return out;
}

std::optional<std::string> query_parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    auto value = take_until(query, "&");
    if (base::decode_query(take_until(value, "=")) == name) return base::decode_query(value);
  }
  return std::nullopt;
}

}  // namespace net
