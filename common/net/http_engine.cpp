#include "common/net/http_engine.hpp"

#include <httplib.h>
#include <strings.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <utility>

#include "common/base/log.hpp"

#ifndef CPPHTTPLIB_OPENSSL_SUPPORT
#error "cpp-httplib's macros change the size of its objects: take them from pkg-config"
#endif

namespace net {
namespace {

/// A request's head as the stream that the library reads, and a string that gathers what it writes.
class MemoryStream final : public httplib::Stream {
 public:
  MemoryStream(std::string_view input, const std::string& remote_addr) : input_(input), remote_addr_(remote_addr) {}

  bool is_readable() const override { return !input_.empty(); }
  bool is_writable() const override { return true; }
  ssize_t read(char* into, std::size_t size) override {
    if (input_.empty()) return -1;
    const auto count = std::min(size, input_.size());
    std::memcpy(into, input_.data(), count);
    input_.remove_prefix(count);
    return static_cast<ssize_t>(count);
  }
  using httplib::Stream::write;
  ssize_t write(const char* bytes, std::size_t size) override {
    output_.append(bytes, size);
    return static_cast<ssize_t>(size);
  }
  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    ip = remote_addr_;
    port = 0;
  }
  void get_local_ip_and_port(std::string& ip, int& port) const override {
    ip.clear();
    port = 0;
  }
  // Never used for I/O; the library refuses real descriptors over FD_SETSIZE.
  socket_t socket() const override { return 0; }

  std::string take_output() { return std::move(output_); }

 private:
  std::string_view input_;
  const std::string& remote_addr_;
  std::string output_;
};

/// What belongs to the request in the library's hands, but does not go through it.
struct Exchange {
  std::string_view body;
  std::string content_type{};
  std::string content_encoding{};
  bool has_parsed = false;
  const std::atomic<bool>& draining;
  bool last = false;
};
thread_local Exchange* current_exchange = nullptr;

constexpr std::array<std::string_view, 4> kOwnHeaders{"REMOTE_ADDR", "REMOTE_PORT", "LOCAL_ADDR", "LOCAL_PORT"};

/// The library adds four header fields of its own to each request; a client may send the same names.
bool is_own_header(std::string_view name) {
  return std::ranges::any_of(kOwnHeaders, [&](std::string_view own) { return own == name; });
}

Request to_request(const httplib::Request& from, const Exchange& exchange) {
  Request request{.method = from.method, .path = from.path, .remote_addr = from.remote_addr};
  for (const auto& [name, value] : from.params) request.query.emplace_back(name, value);
  for (const auto& [name, value] : from.headers) {
    if (!is_own_header(name) && name != "Content-Length") request.headers.emplace_back(name, value);
  }
  if (!exchange.content_type.empty()) request.headers.emplace_back("Content-Type", exchange.content_type);
  if (!exchange.content_encoding.empty()) request.headers.emplace_back("Content-Encoding", exchange.content_encoding);
  request.body = exchange.body;
  return request;
}

bool has_line_break(std::string_view text) { return text.find_first_of(std::string_view("\r\n\0", 3)) != text.npos; }

void fill(httplib::Response& to, const Response& from) {
  to.status = from.status;
  to.set_content(from.body, from.content_type);
  for (const auto& [name, value] : from.headers) {
    if (!has_line_break(name) && !has_line_break(value)) to.set_header(name, value);
  }
}

/// A header that the library must not see, and where its value is kept for the handler.
struct KeptOut {
  std::string_view name;
  std::string Exchange::*value = nullptr;
};
constexpr std::array kKeptOut{
    KeptOut{"Accept-Encoding"}, KeptOut{"Content-Encoding", &Exchange::content_encoding},
    KeptOut{"Content-Length"},  KeptOut{"Content-Type", &Exchange::content_type},
    KeptOut{"Expect"},
};

bool is_named(std::string_view header, std::string_view name) {
  return header.size() == name.size() && strncasecmp(header.data(), name.data(), name.size()) == 0;
}

/// Takes out what would make the library read, inflate or deflate: the body stays in the connection's buffer.
void keep_body_out(httplib::Request& request, Exchange& exchange) {
  exchange.has_parsed = true;
  std::erase_if(request.headers, [&](const auto& header) {
    const auto* kept =
        std::ranges::find_if(kKeptOut, [&](const auto& row) { return is_named(header.first, row.name); });
    if (kept == kKeptOut.end()) return false;
    if (kept->value != nullptr && (exchange.*kept->value).empty()) exchange.*kept->value = header.second;
    return true;
  });
  request.headers.emplace("Content-Length", "0");
}

struct Phrase {
  int status;
  std::string_view text;
};
constexpr std::array kRefusals{
    Phrase{400, "Bad Request"},
    Phrase{408, "Request Timeout"},
    Phrase{411, "Length Required"},
    Phrase{413, "Payload Too Large"},
    Phrase{416, "Range Not Satisfiable"},
    Phrase{417, "Expectation Failed"},
    Phrase{431, "Request Header Fields Too Large"},
};

std::string_view phrase(int status) {
  const auto found = std::ranges::find(kRefusals, status, &Phrase::status);
  return found == kRefusals.end() ? "Refused" : found->text;
}

std::string allowed_methods(const std::vector<Route>& routes, std::string_view path) {
  std::string methods;
  for (const auto& route : routes) {
    if (route.path != path) continue;
    if (!methods.empty()) methods += ", ";
    methods += route.method;
  }
  return methods;
}

}  // namespace

class HttpEngine::Library : public httplib::Server {
 public:
  Library() {
    set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      dispatch(request, response);
      return HandlerResponse::Handled;
    });
    set_post_routing_handler([](const httplib::Request&, httplib::Response& response) {
      response.headers.erase("Keep-Alive");
      // A head that did not parse leaves us with no idea of what follows.
      if (!current_exchange->has_parsed || current_exchange->draining) current_exchange->last = true;
      if (current_exchange->last && !response.has_header("Connection")) response.set_header("Connection", "close");
    });
    set_exception_handler([](const httplib::Request& request, httplib::Response& response, std::exception_ptr thrown) {
      std::string what = "unknown exception";
      try {
        if (thrown) std::rethrow_exception(thrown);
      } catch (const std::exception& exception) {
        what = exception.what();
      } catch (...) {
      }
      base::log::error("handler-failed", {{"path", request.path}, {"error", what}});
      fill(response, plain(500, "internal error"));
    });
  }

  Answer respond(std::string_view head, std::string_view body, const std::string& remote_addr,
                 const std::atomic<bool>& draining) {
    Exchange exchange{.body = body, .draining = draining};
    current_exchange = &exchange;
    MemoryStream stream(head, remote_addr);
    bool closed = false;
    const bool written = process(*this, stream, remote_addr, closed, exchange);
    current_exchange = nullptr;
    Answer answer{.bytes = stream.take_output(), .close = closed || exchange.last || !written};
    if (answer.bytes.empty()) answer.bytes = refusal(400, "not an HTTP/1.1 request");
    return answer;
  }

  std::vector<Route> routes;

 private:
  /// 0.11 takes the peer's address from the stream, 0.18 as arguments.
  template <class Self>
  static bool process(Self& self, MemoryStream& stream, const std::string& remote_addr, bool& closed,
                      Exchange& exchange) {
    const std::function<void(httplib::Request&)> setup = [&](httplib::Request& request) {
      keep_body_out(request, exchange);
    };
    if constexpr (requires { self.process_request(stream, remote_addr, 0, remote_addr, 0, false, closed, setup); }) {
      return self.process_request(stream, remote_addr, 0, std::string(), 0, false, closed, setup);
    } else {
      return self.process_request(stream, false, closed, setup);
    }
  }

  void dispatch(const httplib::Request& request, httplib::Response& response) const {
    const std::string_view method = request.method == "HEAD" ? "GET" : std::string_view(request.method);
    for (const auto& route : routes) {
      if (route.path == request.path && route.method == method) {
        return fill(response, route.handler(to_request(request, *current_exchange)));
      }
    }
    const auto methods = allowed_methods(routes, request.path);
    if (methods.empty()) return fill(response, plain(404, "not found"));
    fill(response, plain(405, "method not allowed"));
    response.set_header("Allow", methods);
  }
};

HttpEngine::HttpEngine() : library_(std::make_unique<Library>()) {}
HttpEngine::~HttpEngine() = default;

void HttpEngine::add(Route route) { library_->routes.push_back(std::move(route)); }

HttpEngine::Answer HttpEngine::respond(std::string_view head, std::string_view body, const std::string& remote_addr,
                                       const std::atomic<bool>& draining) {
  return library_->respond(head, body, remote_addr, draining);
}

bool HttpEngine::is_slow(std::string_view path) const {
  return std::ranges::any_of(library_->routes, [&](const Route& route) {
    // An escaped path may be any path.
    return route.pace == Pace::slow && (route.path == path || path.contains('%'));
  });
}

bool HttpEngine::has_slow_routes() const {
  return std::ranges::any_of(library_->routes, [](const Route& route) { return route.pace == Pace::slow; });
}

std::string refusal(int status, std::string_view reason) {
  std::string text = "HTTP/1.1 " + std::to_string(status) + " " + std::string(phrase(status)) +
                     "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\nContent-Length: " +
                     std::to_string(reason.size() + 1) + "\r\n\r\n";
  text.append(reason).push_back('\n');
  return text;
}

}  // namespace net
