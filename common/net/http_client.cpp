#include "common/net/http_client.hpp"

#include <fcntl.h>
#include <httplib.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include "common/base/number.hpp"
#include "common/base/wire_text.hpp"
#include "common/net/client_context.hpp"

#ifndef CPPHTTPLIB_OPENSSL_SUPPORT
#error "cpp-httplib's macros come from pkg-config, with OpenSSL"
#endif

namespace net {
namespace {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

constexpr std::chrono::seconds kLongestIdle{60};
constexpr std::size_t kLargestStreamError = std::size_t{1} << 20U;

/// The library's client with reads and writes of ours below it: a buffer to read from (the library takes heads byte by
/// byte), a request in one write, an end to the whole answer; and TLS with one context for all connections of a server.
class SocketClient final : public httplib::ClientImpl {
 public:
  /// `context` is null for a server without TLS.
  SocketClient(const ServerUrl& server, std::shared_ptr<SSL_CTX> context, const HttpTimeouts& timeouts,
               milliseconds read_timeout)
      : ClientImpl(server.host, server.port),
        host_name_(server.host),
        context_(std::move(context)),
        timeouts_(timeouts),
        read_timeout_(read_timeout) {}
  ~SocketClient() override { shutdown_ssl(socket_, true); }

  /// Reads and writes fail from then on.
  void set_deadline(Steady::time_point deadline) { deadline_ = deadline; }

  /// Why the certificate was refused, once.
  std::string take_verify_failure() { return std::exchange(verify_failure_, {}); }

 private:
  class Stream;

  bool create_and_connect_socket(Socket& socket, httplib::Error& error) override {
    if (!ClientImpl::create_and_connect_socket(socket, error)) return false;
    ::fcntl(socket.sock, F_SETFL, ::fcntl(socket.sock, F_GETFL) | O_NONBLOCK);
    if (context_ == nullptr) return true;
    socket.ssl = SSL_new(context_.get());
    if (socket.ssl != nullptr && shake_hands(socket)) return true;
    error = httplib::Error::SSLConnection;
    shutdown_ssl(socket, false);
    shutdown_socket(socket);
    close_socket(socket);
    return false;
  }

  void shutdown_ssl(Socket& socket, bool gracefully) override {
    SSL* const ssl = std::exchange(socket.ssl, nullptr);
    if (ssl == nullptr) return;
    ERR_clear_error();
    if (gracefully && SSL_is_init_finished(ssl) != 0) SSL_shutdown(ssl);
    SSL_free(ssl);
    ERR_clear_error();
  }

  bool process_socket(const Socket& socket, std::function<bool(httplib::Stream&)> callback) override;

  bool shake_hands(const Socket& socket) {
    SSL_set_fd(socket.ssl, socket.sock);
    if (!is_ip_address(host_name_)) SSL_set_tlsext_host_name(socket.ssl, host_name_.c_str());
    const auto deadline = Steady::now() + timeouts_.connect;
    while (true) {
      ERR_clear_error();
      const int result = SSL_connect(socket.ssl);
      if (result == 1) return true;
      const auto left = std::chrono::ceil<milliseconds>(deadline - Steady::now());
      if (!wait_for(socket, wanted_by(socket.ssl, result), left)) break;
    }
    verify_failure_ = verify_failure(socket.ssl);
    return false;
  }

  /// What to poll for after a call of OpenSSL that moved nothing; 0 when it failed for good.
  static short wanted_by(const SSL* ssl, int result) {
    const int error = SSL_get_error(ssl, result);
    return error == SSL_ERROR_WANT_READ ? POLLIN : error == SSL_ERROR_WANT_WRITE ? POLLOUT : 0;
  }

  /// Until the socket is ready for `events`; false when the time is over, or with 0 for them.
  static bool wait_for(const Socket& socket, short events, milliseconds time) {
    if (events == 0 || time <= milliseconds::zero()) return false;
    pollfd waiting{socket.sock, events, 0};
    const auto longest = static_cast<int>(std::min<std::int64_t>(time.count(), INT_MAX));
    int ready = 0;
    while ((ready = ::poll(&waiting, 1, longest)) < 0 && errno == EINTR) {
    }
    return ready == 1;
  }

  [[nodiscard]] milliseconds at_most(milliseconds time) const {
    return std::min(time, std::chrono::ceil<milliseconds>(deadline_ - Steady::now()));
  }

  const std::string host_name_;
  const std::shared_ptr<SSL_CTX> context_;
  const HttpTimeouts timeouts_;
  const milliseconds read_timeout_;
  Steady::time_point deadline_ = Steady::time_point::max();
  std::string verify_failure_;
};

/// Reads and writes of one request.
class SocketClient::Stream final : public httplib::Stream {
 public:
  Stream(const SocketClient& client, const Socket& socket) : client_(client), socket_(socket) {}

  bool is_readable() const override { return at_ < end_ || has_pending(); }
  bool is_writable() const override { return true; }
  ssize_t read(char* into, std::size_t size) override {
    if (!flush()) return -1;
    if (at_ == end_) {
      const auto got = receive();
      if (got <= 0) return got;
    }
    const auto count = std::min(size, end_ - at_);
    std::memcpy(into, buffer_.data() + at_, count);
    at_ += count;
    return static_cast<ssize_t>(count);
  }
  using httplib::Stream::write;
  /// Head and body go out together when the answer is asked for.
  ssize_t write(const char* bytes, std::size_t size) override {
    unsent_.append(bytes, size);
    return static_cast<ssize_t>(size);
  }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return socket_.sock; }

 private:
  /// Whether OpenSSL holds bytes that the socket will not announce.
  [[nodiscard]] bool has_pending() const { return socket_.ssl != nullptr && SSL_has_pending(socket_.ssl) != 0; }

  /// Bytes moved, 0 at the proper end of what comes; -1 when none were, and `wanted_` says what to poll for, 0 that it
  /// is over.
  ssize_t try_write(std::string_view bytes) {
    if (socket_.ssl == nullptr) return moved(::send(socket_.sock, bytes.data(), bytes.size(), MSG_NOSIGNAL), POLLOUT);
    ERR_clear_error();
    return moved_by_tls(
        SSL_write(socket_.ssl, bytes.data(), static_cast<int>(std::min<std::size_t>(bytes.size(), INT_MAX))));
  }
  ssize_t try_read() {
    if (socket_.ssl == nullptr) return moved(::recv(socket_.sock, buffer_.data(), buffer_.size(), 0), POLLIN);
    ERR_clear_error();
    return moved_by_tls(SSL_read(socket_.ssl, buffer_.data(), static_cast<int>(buffer_.size())));
  }
  ssize_t moved(ssize_t count, short events) {
    wanted_ = count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) ? events : short{0};
    return count;
  }
  ssize_t moved_by_tls(int count) {
    if (count > 0) return count;
    wanted_ = wanted_by(socket_.ssl, count);
    return SSL_get_error(socket_.ssl, count) == SSL_ERROR_ZERO_RETURN ? 0 : -1;
  }

  bool flush() {
    std::string_view left = unsent_;
    while (!left.empty()) {
      const auto sent = try_write(left);
      if (sent > 0) {
        left.remove_prefix(static_cast<std::size_t>(sent));
      } else if (!wait_for(socket_, wanted_, client_.at_most(client_.timeouts_.write))) {
        return false;
      }
    }
    unsent_.clear();
    return true;
  }

  /// What came, up to the buffer's size; 0 when the server closed properly, -1 when it was cut or silent.
  ssize_t receive() {
    // An answer is not there yet when it is asked for: to wait first saves a read.
    wanted_ = POLLIN;
    bool wait = !has_pending();
    while (true) {
      if (wait && !wait_for(socket_, wanted_, client_.at_most(client_.read_timeout_))) return -1;
      const auto got = try_read();
      if (got >= 0) {
        at_ = 0;
        end_ = static_cast<std::size_t>(got);
        return got;
      }
      wait = true;
    }
  }

  const SocketClient& client_;
  const Socket& socket_;
  std::string unsent_;
  std::array<char, 4096> buffer_;
  std::size_t at_ = 0;
  std::size_t end_ = 0;
  short wanted_ = 0;
};

bool SocketClient::process_socket(const Socket& socket, std::function<bool(httplib::Stream&)> callback) {
  Stream stream(*this, socket);
  return callback(stream);
}

base::Result<httplib::Request> to_library(const HttpRequest& request, const ServerUrl& server,
                                          const std::string& user_agent) {
  httplib::Request out;
  out.method = request.method;
  out.path = server.prefix + request.target;
  if (!base::is_one_line(out.path) || out.path.find(' ') != std::string::npos)
    return base::fail("a target must be percent-encoded", request.target);
  for (const auto& [name, value] : request.headers) {
    if (!base::is_one_line(value)) return base::fail("a header value must be one line", name);
    out.headers.emplace(name, value);
  }
  out.headers.emplace("Accept-Encoding", "identity");
  out.headers.emplace("User-Agent", user_agent);
  if (!request.content_type.empty()) out.headers.emplace("Content-Type", request.content_type);
  out.body = request.body;
  return out;
}

HttpResponse from_library(const httplib::Response& response, std::string body) {
  HttpResponse out;
  out.status = response.status;
  for (const auto& [name, value] : response.headers) out.headers.push_back({name, value});
  out.body = std::move(body);
  return out;
}

/// Cuts a stream into lines; only the unfinished last line is kept.
class LineCutter {
 public:
  LineCutter(const HttpClient::LineReceiver& on_line, std::size_t max_line) : on_line_(on_line), max_line_(max_line) {}

  /// False when the receiver wants no more, or a line is too long.
  bool feed(std::string_view text) {
    while (true) {
      const auto end = text.find('\n');
      if (pending_.size() + std::min(end, text.size()) > max_line_) return !(too_long_ = true);
      if (end == text.npos) {
        pending_.append(text);
        return true;
      }
      if (!deliver(text.substr(0, end))) return !(ended_ = true);
      text.remove_prefix(end + 1);
    }
  }
  [[nodiscard]] bool too_long() const { return too_long_; }
  [[nodiscard]] bool ended_by_receiver() const { return ended_; }

 private:
  bool deliver(std::string_view rest) {
    std::string_view line = rest;
    if (!pending_.empty()) line = pending_.append(rest);
    if (line.ends_with('\r')) line.remove_suffix(1);
    const bool more = on_line_(line);
    pending_.clear();
    if (pending_.capacity() > std::size_t{256} << 10U) pending_.shrink_to_fit();
    return more;
  }

  const HttpClient::LineReceiver& on_line_;
  std::size_t max_line_;
  std::string pending_;
  bool too_long_ = false;
  bool ended_ = false;
};

}  // namespace

base::Result<ServerUrl> parse_server_url(std::string_view text) {
  const std::string where(text);
  ServerUrl url;
  if (text.starts_with("https://")) {
    url.tls = true;
  } else if (!text.starts_with("http://")) {
    return base::fail("not an http or https URL", where);
  }
  text.remove_prefix(url.tls ? 8 : 7);
  const auto slash = text.find('/');
  if (slash != text.npos) url.prefix = text.substr(slash);
  while (url.prefix.ends_with('/')) url.prefix.pop_back();
  std::string_view authority = text.substr(0, slash);
  std::string_view port;
  if (authority.starts_with('[')) {
    const auto bracket = authority.find(']');
    if (bracket == authority.npos) return base::fail("'[' without ']'", where);
    url.host = authority.substr(1, bracket - 1);
    port = authority.substr(bracket + 1);
  } else {
    const auto colon = authority.find(':');
    url.host = authority.substr(0, colon);
    port = colon == authority.npos ? std::string_view{} : authority.substr(colon);
  }
  url.port = url.tls ? 443 : 80;
  if (!port.empty()) {
    const auto number = base::parse_number<int>(port.substr(1));
    if (port.front() != ':' || !number) return base::fail("the port is no number", where);
    url.port = *number;
  }
  if (url.host.empty() || url.port < 1 || url.port > 65535) return base::fail("host or port is missing", where);
  return url;
}

std::optional<std::string_view> HttpResponse::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (base::same_word(key, name)) return value;
  return std::nullopt;
}

Cancellation::~Cancellation() {
  for (const int fd : sockets_) ::close(fd);
}

void Cancellation::cancel() {
  const std::lock_guard lock(mutex_);
  cancelled_ = true;
  for (const int fd : sockets_) ::shutdown(fd, SHUT_RDWR);
  changed_.notify_all();
}

bool Cancellation::wait_for(std::chrono::nanoseconds time) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, Steady::now() + time, [this] { return cancelled_; });
}

bool Cancellation::cancelled() const {
  const std::lock_guard lock(mutex_);
  return cancelled_;
}

/// The sockets of one request, as far as its Cancellation must know them.
class CancellableSocket {
 public:
  explicit CancellableSocket(Cancellation* cancellation) : cancellation_(cancellation) {}
  CancellableSocket(const CancellableSocket&) = delete;
  CancellableSocket& operator=(const CancellableSocket&) = delete;
  ~CancellableSocket() {
    if (cancellation_ == nullptr) return;
    const std::lock_guard lock(cancellation_->mutex_);
    for (const int fd : mine_) {
      std::erase(cancellation_->sockets_, fd);
      ::close(fd);
    }
  }

  /// Called with a socket that is about to connect, or is connected. When it is too late, the descriptor is made to
  /// name /dev/null, so that whatever is tried on it fails at once.
  void watch(int fd) {
    if (cancellation_ == nullptr) return;
    const std::lock_guard lock(cancellation_->mutex_);
    if (cancellation_->cancelled_) {
      const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
      // With no descriptor to spare it may connect still, but nothing goes out or comes in.
      if (::dup3(null, fd, O_CLOEXEC) < 0) ::shutdown(fd, SHUT_RDWR);
      if (null >= 0) ::close(null);
      return;
    }
    const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) return;
    mine_.push_back(copy);
    cancellation_->sockets_.push_back(copy);
  }

 private:
  Cancellation* cancellation_;
  std::vector<int> mine_;
};

/// One connection, used by one thread at a time.
class HttpClient::Connection {
 public:
  /// `context` is null for a server without TLS.
  static std::unique_ptr<Connection> make(const HttpClientOptions& options, const ServerUrl& server,
                                          std::shared_ptr<SSL_CTX> context, milliseconds read_timeout) {
    std::unique_ptr<Connection> connection(new Connection);
    connection->client_ = std::make_unique<SocketClient>(server, std::move(context), options.timeouts, read_timeout);
    auto& client = *connection->client_;
    client.set_keep_alive(true);
    client.set_tcp_nodelay(true);
    client.set_url_encode(false);
    client.set_decompress(false);
    client.set_follow_location(false);
    client.set_connection_timeout(options.timeouts.connect);
    client.set_read_timeout(read_timeout);
    client.set_write_timeout(options.timeouts.write);
    client.set_socket_options([raw = connection.get()](socket_t fd) {
      ::fcntl(fd, F_SETFD, FD_CLOEXEC);
      if (raw->current_ != nullptr) raw->current_->watch(fd);
    });
    return connection;
  }

  /// False when the server has closed it or said something unasked: then it must not be used again.
  [[nodiscard]] bool is_usable() const {
    if (Steady::now() - last_used_ > kLongestIdle || !client_->is_socket_open()) return false;
    pollfd idle{client_->socket(), POLLIN, 0};
    return ::poll(&idle, 1, 0) == 0;
  }
  [[nodiscard]] bool is_open() const { return client_->is_socket_open() != 0; }

  struct Outcome {
    httplib::Response response;
    bool answered = false;
    std::string failure;
  };

  Outcome exchange(httplib::Request request, Cancellation* cancellation,
                   Steady::time_point deadline = Steady::time_point::max()) {
    Outcome outcome;
    client_->set_deadline(deadline);
    CancellableSocket socket(cancellation);
    if (cancellation != nullptr) {
      if (cancellation->cancelled()) return {{}, false, "cancelled"};
      if (client_->is_socket_open()) socket.watch(client_->socket());
    }
    current_ = &socket;
    httplib::Error error = httplib::Error::Success;
    outcome.answered = client_->send(request, outcome.response, error);
    current_ = nullptr;
    last_used_ = Steady::now();
    if (!outcome.answered) outcome.failure = describe(error, cancellation);
    if (!outcome.answered || (cancellation != nullptr && cancellation->cancelled())) client_->stop();
    return outcome;
  }

 private:
  Connection() = default;

  std::string describe(httplib::Error error, const Cancellation* cancellation) {
    if (cancellation != nullptr && cancellation->cancelled()) return "cancelled";
    if (auto reason = client_->take_verify_failure(); !reason.empty()) return "certificate not accepted: " + reason;
    static constexpr std::array<std::pair<httplib::Error, std::string_view>, 6> kWords{{
        {httplib::Error::Connection, "cannot connect"},
        {httplib::Error::Read, "no answer, or it was cut"},
        {httplib::Error::Write, "the connection was cut while sending"},
        {httplib::Error::SSLConnection, "TLS handshake failed"},
        {httplib::Error::Canceled, "the answer was not taken"},
        {httplib::Error::ConnectionTimeout, "connecting took too long"},
    }};
    for (const auto& [code, words] : kWords)
      if (code == error) return std::string(words);
    return httplib::to_string(error);
  }

  std::unique_ptr<SocketClient> client_;
  CancellableSocket* current_ = nullptr;
  Steady::time_point last_used_ = Steady::now();
};

base::Result<std::unique_ptr<HttpClient>> HttpClient::make(HttpClientOptions options) {
  auto server = parse_server_url(options.url);
  if (!server) return std::unexpected(server.error());
  std::shared_ptr<SSL_CTX> context;
  if (server->tls) {
    auto made = make_client_context(options.tls.value_or(ClientTls{}), server->host);
    if (!made) return std::unexpected(made.error());
    context = std::move(*made);
  }
  return std::unique_ptr<HttpClient>(new HttpClient(std::move(options), std::move(*server), std::move(context)));
}

HttpClient::HttpClient(HttpClientOptions options, ServerUrl server, std::shared_ptr<ssl_ctx_st> context)
    : options_(std::move(options)), server_(std::move(server)), context_(std::move(context)) {}

HttpClient::~HttpClient() = default;

std::unique_ptr<HttpClient::Connection> HttpClient::connect_later(milliseconds read_timeout) const {
  return Connection::make(options_, server_, context_, read_timeout);
}

std::unique_ptr<HttpClient::Connection> HttpClient::take_idle() {
  const std::lock_guard lock(mutex_);
  while (!idle_.empty()) {
    auto connection = std::move(idle_.back());
    idle_.pop_back();
    if (connection->is_usable()) return connection;
  }
  return nullptr;
}

void HttpClient::give_back(std::unique_ptr<Connection> connection) {
  if (!connection->is_open()) return;
  const std::lock_guard lock(mutex_);
  if (idle_.size() < options_.max_idle_connections) idle_.push_back(std::move(connection));
}

base::Result<HttpResponse> HttpClient::send(const HttpRequest& request, Cancellation* cancellation) {
  auto prepared = to_library(request, server_, options_.user_agent);
  if (!prepared) return std::unexpected(prepared.error());
  const bool repeatable = request.repeatable || request.method == "GET" || request.method == "HEAD";
  const std::string where = request.method + " " + options_.url + request.target;
  const auto deadline = Steady::now() + options_.timeouts.total;

  for (int tries = 0;; ++tries) {
    auto connection = tries == 0 ? take_idle() : nullptr;
    if (connection == nullptr) connection = connect_later(options_.timeouts.read);
    std::string body;
    std::string refused;
    httplib::Request attempt = *prepared;
    attempt.content_receiver = [&](const char* data, std::size_t size, std::uint64_t, std::uint64_t) {
      if (body.size() + size > options_.max_body_bytes) refused = "the answer is too large";
      if (refused.empty()) body.append(data, size);
      return refused.empty();
    };
    auto outcome = connection->exchange(std::move(attempt), cancellation, deadline);
    if (outcome.answered) {
      give_back(std::move(connection));
      return from_library(outcome.response, std::move(body));
    }
    const bool stopped = cancellation != nullptr && cancellation->cancelled();
    if (refused.empty() && !stopped && Steady::now() >= deadline) refused = "the answer took too long";
    if (!refused.empty()) return base::fail(refused, where);
    if (!repeatable || tries > 0 || stopped) return base::fail(outcome.failure, where);
  }
}

base::Result<HttpResponse> HttpClient::stream_lines(const HttpRequest& request, milliseconds read_timeout,
                                                    const LineReceiver& on_line, Cancellation& cancellation) {
  const std::string where = request.method + " " + options_.url + request.target;
  auto prepared = to_library(request, server_, options_.user_agent);
  if (!prepared) return std::unexpected(prepared.error());
  const auto connection = connect_later(read_timeout);

  LineCutter lines(on_line, options_.max_line_bytes);
  std::string error_body;
  int status = 0;
  prepared->response_handler = [&](const httplib::Response& response) {
    status = response.status;
    return !cancellation.cancelled();
  };
  prepared->content_receiver = [&](const char* data, std::size_t size, std::uint64_t, std::uint64_t) {
    if (cancellation.cancelled()) return false;
    if (status == 200) return lines.feed({data, size});
    if (error_body.size() < kLargestStreamError) error_body.append(data, size);
    return true;
  };
  auto outcome = connection->exchange(std::move(*prepared), &cancellation);
  if (cancellation.cancelled()) return base::fail("cancelled", where);
  if (lines.too_long()) return base::fail("a line of the stream is too long", where);
  if (!outcome.answered && !lines.ended_by_receiver()) return base::fail(outcome.failure, where);
  if (lines.ended_by_receiver()) outcome.response.status = 200;
  return from_library(outcome.response, std::move(error_body));
}

}  // namespace net
