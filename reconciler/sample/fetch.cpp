#include "reconciler/sample/fetch.hpp"

#include <charconv>
#include <chrono>
#include <optional>
#include <string_view>

#include "common/base/json.hpp"
#include "common/base/text.hpp"
#include "common/base/wire_text.hpp"
#include "reconciler/sample/connection.hpp"

namespace reconciler {
namespace {

constexpr std::chrono::milliseconds kConnectFor{500};
constexpr std::chrono::milliseconds kPatience{1500};
constexpr std::size_t kLargestAnswer = std::size_t{1} << 20U;

struct Head {
  int status = 0;
  std::size_t head_bytes = 0;
  std::size_t body_bytes = 0;
};

template <class Number>
std::optional<Number> to_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string host_of(const std::string& ip, int port) {
  return (ip.find(':') == std::string::npos ? ip : "[" + ip + "]") + ":" + std::to_string(port);
}

/// The head once it is whole and says how long the body is; nothing: not yet, or never.
std::optional<Head> read_head(std::string_view text) {
  constexpr std::string_view kVersion = "HTTP/1.1 ";
  const auto end = text.find("\r\n\r\n");
  if (end == text.npos || !text.starts_with(kVersion)) return std::nullopt;
  Head head{.head_bytes = end + 4};
  const auto status = to_number<int>(text.substr(kVersion.size(), 3));
  if (!status) return std::nullopt;
  head.status = *status;
  auto lines = text.substr(0, end);
  while (true) {
    const auto line_end = lines.find("\r\n");
    if (line_end == lines.npos) return std::nullopt;
    lines.remove_prefix(line_end + 2);
    const auto line = lines.substr(0, lines.find("\r\n"));
    const auto colon = line.find(':');
    if (colon == line.npos || !base::same_word(line.substr(0, colon), "content-length")) continue;
    const auto length = to_number<std::size_t>(base::trim(line.substr(colon + 1)));
    if (!length || *length > kLargestAnswer) return std::nullopt;
    head.body_bytes = *length;
    return head;
  }
}

}  // namespace

std::string get_request(const std::string& ip, int port, const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: " + host_of(ip, port) + "\r\nConnection: close\r\n\r\n";
}

base::Result<std::string> fetch_from_pod(const std::string& ip, int port, const std::string& path) {
  const std::string where = "http://" + host_of(ip, port) + path;
  const auto now = std::chrono::steady_clock::now();
  auto connection = Connection::open(ip, port, now + kConnectFor);
  if (!connection) return base::fail("cannot connect: " + base::errno_text(connection.error()), where);
  connection->set_deadline(now + kPatience);
  std::string text;
  std::optional<Head> head;
  if (connection->send(get_request(ip, port, path))) {
    while ((!head || text.size() < head->head_bytes + head->body_bytes) && text.size() <= kLargestAnswer &&
           connection->receive(text)) {
      if (!head) head = read_head(text);
    }
  }
  if (!head || text.size() < head->head_bytes + head->body_bytes)
    return base::fail("no answer, or it was cut or took too long", where);
  std::string body = text.substr(head->head_bytes, head->body_bytes);
  if (head->status == 200) return body;
  const auto parsed = base::parse_json(body, path);
  const auto reason = parsed ? base::string_at(*parsed, {"error"}) : std::string{};
  return base::fail(reason.empty() ? "status " + std::to_string(head->status) : reason, where);
}

}  // namespace reconciler
