#include "reconciler/sample/fetch.hpp"

#include <chrono>
#include <string_view>

#include "common/base/json.hpp"
#include "common/net/head.hpp"
#include "reconciler/sample/connection.hpp"

namespace reconciler {
namespace {

constexpr std::chrono::milliseconds kConnectFor{500};
constexpr std::chrono::milliseconds kPatience{1500};
constexpr std::size_t kLargestAnswer = std::size_t{1} << 20U;

std::string host_of(const std::string& ip, int port) {
  return (ip.find(':') == std::string::npos ? ip : "[" + ip + "]") + ":" + std::to_string(port);
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
  const auto cut = [&] { return base::fail("no answer, or it was cut or took too long", where); };
  std::string text;
  if (!connection->send(get_request(ip, port, path))) return cut();
  const auto head_bytes = connection->receive_head(text);
  const auto head = net::read_response_head(std::string_view(text).substr(0, head_bytes.value_or(0)));
  if (!head || head->length.value_or(kLargestAnswer + 1) > kLargestAnswer) return cut();
  const int status = head->status;
  const std::size_t whole = *head_bytes + *head->length;
  while (text.size() < whole && connection->receive(text)) {
  }
  if (text.size() < whole) return cut();
  std::string body = text.substr(*head_bytes, whole - *head_bytes);
  if (status == 200) return body;
  const auto parsed = base::parse_json(body, path);
  const auto reason = parsed ? base::string_at(*parsed, {"error"}) : std::string{};
  return base::fail(reason.empty() ? "status " + std::to_string(status) : reason, where);
}

}  // namespace reconciler
