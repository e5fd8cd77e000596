#include "common/net/http.hpp"

#include "common/base/wire_text.hpp"

namespace net {
std::string_view Request::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (base::same_word(key, name)) return value;
  }
  return {};
}

std::string_view Request::parameter(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return {};
}

Response plain(int status, std::string_view text) {
  Response response{.status = status, .content_type = "text/plain; charset=utf-8"};
  response.body.append(text).push_back('\n');
  return response;
}

}  // namespace net
