#include "common/net/http.hpp"

#include <algorithm>
#include <array>

namespace net {
namespace {

struct Phrase {
  int status;
  std::string_view text;
};
constexpr std::array kPhrases{
    Phrase{200, "OK"},
    Phrase{400, "Bad Request"},
    Phrase{403, "Forbidden"},
    Phrase{404, "Not Found"},
    Phrase{405, "Method Not Allowed"},
    Phrase{408, "Request Timeout"},
    Phrase{411, "Length Required"},
    Phrase{413, "Content Too Large"},
    Phrase{417, "Expectation Failed"},
    Phrase{431, "Request Header Fields Too Large"},
    Phrase{500, "Internal Server Error"},
    Phrase{501, "Not Implemented"},
    Phrase{502, "Bad Gateway"},
    Phrase{503, "Service Unavailable"},
};

}  // namespace

std::string_view phrase(int status) {
  const auto found = std::ranges::find(kPhrases, status, &Phrase::status);
  return found == kPhrases.end() ? "" : found->text;
}

Response plain(int status, std::string_view text) {
  Response response{.status = status, .content_type = "text/plain; charset=utf-8"};
  response.body.append(text).push_back('\n');
  return response;
}

}  // namespace net
