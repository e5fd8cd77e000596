#include "reconciler/pod/agent/gate/http_head.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "common/base/json.hpp"
#include "common/base/text.hpp"
#include "common/base/wire_text.hpp"
#include "reconciler/pod/agent/gate/chunks.hpp"

namespace agent {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

bool is_token(std::string_view text) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') || kOthers.find(c) != std::string_view::npos;
  });
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == 0x7f; });
}

/// The words of a comma list, one after the other.
bool list_has(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    if (base::same_word(base::trim(base::take_until(list, ",")), word)) return true;
  }
  return false;
}

std::optional<std::uint64_t> parse_length(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// The lines of a head behind its first one. False when a line is no header.
bool parse_headers(std::string_view lines, std::vector<HeaderLine>& out) {
  while (lines != "\r\n") {
    const auto end = lines.find("\r\n");
    if (end == std::string_view::npos) return false;
    const auto line = lines.substr(0, end);
    lines.remove_prefix(end + 2);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || has_control(line) || !is_token(line.substr(0, colon))) return false;
    out.push_back({line.substr(0, colon), base::trim(line.substr(colon + 1))});
  }
  return true;
}

/// False when the end of the body could be seen in two places.
bool read_framing(const std::vector<HeaderLine>& headers, BodyFraming& framing) {
  for (const auto& [name, value] : headers) {
    if (base::same_word(name, "content-length")) {
      const auto length = parse_length(value);
      if (!length || framing.length) return false;
      framing.length = length;
    } else if (base::same_word(name, "transfer-encoding")) {
      if (framing.chunked || !base::same_word(value, "chunked")) return false;
      framing.chunked = true;
    }
  }
  return !(framing.chunked && framing.length);
}

std::string_view value_of(const std::vector<HeaderLine>& headers, std::string_view name) {
  const auto found =
      std::ranges::find_if(headers, [&](const HeaderLine& line) { return base::same_word(line.name, name); });
  return found == headers.end() ? std::string_view() : found->value;
}

/// Headers that concern one connection, and are not passed on.
bool is_of_the_hop(std::string_view name) {
  constexpr std::array<std::string_view, 5> kNames{"connection", "keep-alive", "proxy-connection", "te", "upgrade"};
  return std::ranges::any_of(kNames, [&](std::string_view one) { return base::same_word(one, name); });
}

void append(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  out += value;
  out += "\r\n";
}

}  // namespace

std::optional<std::size_t> head_size(std::string_view bytes) {
  const auto end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  return end + 4;
}

std::optional<RequestHead> parse_request_head(std::string_view text) {
  const auto line_end = text.find("\r\n");
  if (line_end == std::string_view::npos) return std::nullopt;
  const auto line = text.substr(0, line_end);
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last || has_control(line)) return std::nullopt;

  RequestHead head;
  head.method = line.substr(0, first);
  head.target = line.substr(first + 1, last - first - 1);
  const auto version = line.substr(last + 1);
  const bool good_version = version == "HTTP/1.1" || version == "HTTP/1.0";
  if (!good_version || !is_token(head.method) || !head.target.starts_with('/') ||
      head.target.find(' ') != std::string_view::npos)
    return std::nullopt;
  head.minor = version.back() - '0';
  if (!parse_headers(text.substr(line_end + 2), head.headers)) return std::nullopt;
  if (!read_framing(head.headers, head.framing)) return std::nullopt;

  const auto connection = value_of(head.headers, "connection");
  head.keep_alive = head.minor == 1 ? !list_has(connection, "close") : list_has(connection, "keep-alive");
  head.expects_continue = head.minor == 1 && base::same_word(value_of(head.headers, "expect"), "100-continue");
  head.content_type = value_of(head.headers, "content-type");
  return head;
}

std::optional<ResponseHead> parse_response_head(std::string_view text) {
  const auto line_end = text.find("\r\n");
  if (line_end == std::string_view::npos) return std::nullopt;
  const auto line = text.substr(0, line_end);
  constexpr std::string_view kVersion = "HTTP/1.";
  constexpr std::size_t kStatusAt = kVersion.size() + 2;
  if (!line.starts_with(kVersion) || line.size() < kStatusAt + 3) return std::nullopt;

  ResponseHead head;
  head.status_line = line;
  const auto status = parse_length(line.substr(kStatusAt, 3));
  if (!status || *status < 100) return std::nullopt;
  head.status = static_cast<int>(*status);
  if (!parse_headers(text.substr(line_end + 2), head.headers)) return std::nullopt;
  if (!read_framing(head.headers, head.framing)) return std::nullopt;
  head.content_type = value_of(head.headers, "content-type");
  return head;
}

std::string forward_request_head(const RequestHead& head, std::size_t body_size) {
  std::string out;
  out.reserve(1024);
  out += head.method;
  out += ' ';
  out += head.target;
  // Whatever the client speaks, llama-server answers in HTTP/1.1 or as a 1.0 client can read.
  out += head.minor == 1 ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n";
  for (const auto& [name, value] : head.headers) {
    const bool replaced = is_of_the_hop(name) || base::same_word(name, "expect") ||
                          base::same_word(name, "transfer-encoding") || base::same_word(name, "content-length");
    if (!replaced) append(out, name, value);
  }
  if (head.framing.chunked || head.framing.length) append(out, "Content-Length", std::to_string(body_size));
  out += "Connection: close\r\n\r\n";
  return out;
}

std::string forward_response_head(const ResponseHead& head, bool close, int client_minor) {
  std::string out;
  out.reserve(512);
  out += head.status_line;
  out += "\r\n";
  for (const auto& [name, value] : head.headers) {
    if (!is_of_the_hop(name)) append(out, name, value);
  }
  if (close) {
    out += "Connection: close\r\n";
  } else if (client_minor == 0) {
    out += "Connection: keep-alive\r\n";
  }
  out += "\r\n";
  return out;
}

std::optional<std::string> explain_failed_load(const ResponseHead& head, std::string_view body,
                                               std::string_view cause) {
  constexpr std::string_view kWords = "failed to load";
  const auto at = body.find(kWords);
  if (at == std::string_view::npos || cause.empty()) return std::nullopt;
  const auto quoted = base::quote_json(cause);
  std::string explained(body);
  explained.insert(at + kWords.size(), ": " + quoted.substr(1, quoted.size() - 2));
  std::string out(head.status_line);
  out += "\r\n";
  for (const auto& [name, value] : head.headers) {
    if (!base::same_word(name, "content-length")) append(out, name, value);
  }
  append(out, "Content-Length", std::to_string(explained.size()));
  return out + "\r\n" + explained;
}

std::optional<bool> tells_lost_process(const ResponseHead& head, std::string_view body) {
  constexpr std::string_view kWords = "proxy error: ";
  const bool is_stream = head.status == 200 && head.content_type.starts_with("text/event-stream");
  if (head.status != 500 && !is_stream) return false;
  std::string text;
  bool ended = false;
  if (head.framing.chunked) {
    ChunkScanner scanner;
    (void)scanner.feed(body, &text);
    ended = scanner.broken() || scanner.done();
  } else {
    const auto length = head.framing.length.value_or(0);
    text = body.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(length, kWords.size())));
    ended = text.size() == length;
  }
  const bool could_be = !ended && text.size() < kWords.size() && kWords.starts_with(text);
  return could_be ? std::nullopt : std::optional(text.starts_with(kWords));
}

Target split_target(std::string_view target) {
  const auto path = base::take_until(target, "?");
  return {path, target};
}

std::optional<std::string> query_parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    auto value = base::take_until(query, "&");
    if (base::decode_query(base::take_until(value, "=")) == name) return base::decode_query(value);
  }
  return std::nullopt;
}

}  // namespace agent
