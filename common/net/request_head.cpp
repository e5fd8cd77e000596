#include "common/net/request_head.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "common/base/text.hpp"
#include "common/base/wire_text.hpp"

namespace net {
namespace {

using base::take_until;

constexpr std::array<std::string_view, 9> kMethods{"GET",     "HEAD",    "POST",  "PUT",  "DELETE",
                                                   "CONNECT", "OPTIONS", "TRACE", "PATCH"};
constexpr std::size_t kMaxTargetBytes = 8192;

Fields read_query(std::string_view query) {
  Fields out;
  while (!query.empty()) {
    auto value = take_until(query, "&");
    const auto name = take_until(value, "=");
    if (!name.empty()) out.emplace_back(base::decode_query(name), base::decode_query(value));
  }
  return out;
}

/// RFC 9112, 9.6: a list of options, of which `close` may be one.
bool says_close(const Fields& headers) {
  return std::ranges::any_of(headers, [](const auto& header) {
    if (!base::same_word(header.first, "connection")) return false;
    for (std::string_view rest = header.second; !rest.empty();) {
      if (base::same_word(base::trim(take_until(rest, ",")), "close")) return true;
    }
    return false;
  });
}

RequestHead refuse(int status, std::string_view reason) {
  RequestHead out;
  out.status = status;
  out.reason = reason;
  return out;
}

}  // namespace

RequestHead read_head(std::string_view head) {
  auto line = take_until(head, "\r\n");
  const auto method = take_until(line, " ");
  auto target = take_until(line, " ");
  const auto version = line;
  const bool is_http = (version == "HTTP/1.1" || version == "HTTP/1.0") && !target.empty() &&
                       std::ranges::find(kMethods, method) != kMethods.end();
  if (!is_http) return refuse(400, "not an HTTP/1.1 request");
  if (target.size() > kMaxTargetBytes) return refuse(414, "the target is too long");

  RequestHead out;
  target = target.substr(0, target.find('#'));
  out.request.method = method;
  out.request.path = base::decode_percent(take_until(target, "?"));
  out.request.query = read_query(target);
  for (line = take_until(head, "\r\n"); !line.empty(); line = take_until(head, "\r\n")) {
    const auto name = take_until(line, ":");
    out.request.headers.emplace_back(name, base::trim(line));
  }
  out.is_last = version == "HTTP/1.0" || says_close(out.request.headers);
  return out;
}

}  // namespace net
