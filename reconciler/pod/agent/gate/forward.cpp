#include "reconciler/pod/agent/gate/forward.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <span>

#include "common/base/json.hpp"
#include "common/base/wire_text.hpp"
#include "reconciler/pod/agent/gate/chunks.hpp"

namespace agent {
namespace {

bool is_one_of(std::string_view name, std::span<const std::string_view> words) {
  return std::ranges::any_of(words, [&](std::string_view one) { return base::same_word(one, name); });
}

/// Headers that concern one connection, and are not passed on: those that always do, and those that `Connection` names
/// (RFC 9110, 7.6.1). Who names the host or what frames the body does not mean it.
class HopHeaders {
 public:
  explicit HopHeaders(const net::Head& head) {
    constexpr std::array<std::string_view, 4> kNever{"close", "host", "content-length", "transfer-encoding"};
    for (const auto name : head.list("connection")) {
      if (!is_one_of(name, kAlways) && !is_one_of(name, kNever)) named_.insert(base::lower(name));
    }
  }

  [[nodiscard]] bool contains(std::string_view name) const {
    return is_one_of(name, kAlways) || (!named_.empty() && named_.contains(base::lower(name)));
  }

 private:
  static constexpr std::array<std::string_view, 5> kAlways{"connection", "keep-alive", "proxy-connection", "te",
                                                           "upgrade"};
  /// In lower case. A head of 32 KiB can name thousands: a set, so that each line is looked up once.
  std::set<std::string> named_;
};

void append(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  out += value;
  out += "\r\n";
}

}  // namespace

std::string forward_request_head(const net::RequestHead& head, std::size_t body_size) {
  std::string out;
  out.reserve(1024);
  out += head.method;
  out += ' ';
  out += head.target;
  // Whatever the client speaks, llama-server answers in HTTP/1.1 or as a 1.0 client can read.
  out += head.minor == 1 ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n";
  const HopHeaders hop(head);
  for (const auto& [name, value] : head.lines) {
    const bool replaced = hop.contains(name) || base::same_word(name, "expect") ||
                          base::same_word(name, "transfer-encoding") || base::same_word(name, "content-length");
    if (!replaced) append(out, name, value);
  }
  if (head.chunked || head.length) append(out, "Content-Length", std::to_string(body_size));
  out += "Connection: close\r\n\r\n";
  return out;
}

std::string forward_response_head(const net::ResponseHead& head, bool close, int client_minor) {
  std::string out;
  out.reserve(512);
  out += head.status_line;
  out += "\r\n";
  const HopHeaders hop(head);
  for (const auto& [name, value] : head.lines) {
    if (!hop.contains(name)) append(out, name, value);
  }
  if (close) {
    out += "Connection: close\r\n";
  } else if (client_minor == 0) {
    out += "Connection: keep-alive\r\n";
  }
  out += "\r\n";
  return out;
}

std::optional<std::string> explain_failed_load(const net::ResponseHead& head, std::string_view body,
                                               std::string_view cause) {
  constexpr std::string_view kWords = "failed to load";
  const auto at = body.find(kWords);
  if (at == std::string_view::npos || cause.empty()) return std::nullopt;
  const auto quoted = base::quote_json(cause);
  std::string explained(body);
  explained.insert(at + kWords.size(), ": " + quoted.substr(1, quoted.size() - 2));
  std::string out(head.status_line);
  out += "\r\n";
  for (const auto& [name, value] : head.lines) {
    if (!base::same_word(name, "content-length")) append(out, name, value);
  }
  append(out, "Content-Length", std::to_string(explained.size()));
  return out + "\r\n" + explained;
}

std::optional<bool> tells_lost_process(const net::ResponseHead& head, std::string_view body) {
  constexpr std::string_view kWords = "proxy error: ";
  const bool is_stream = head.status == 200 && head.value("content-type").starts_with("text/event-stream");
  if (head.status != 500 && !is_stream) return false;
  std::string text;
  bool ended = false;
  if (head.chunked) {
    ChunkScanner scanner;
    (void)scanner.feed(body, &text);
    ended = scanner.broken() || scanner.done();
  } else {
    const auto length = head.length.value_or(0);
    text = body.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(length, kWords.size())));
    ended = text.size() == length;
  }
  const bool could_be = !ended && text.size() < kWords.size() && kWords.starts_with(text);
  return could_be ? std::nullopt : std::optional(text.starts_with(kWords));
}

}  // namespace agent
