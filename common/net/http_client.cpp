#include "common/net/http_client.hpp"

#include <fcntl.h>
#include <httplib.h>
#include <openssl/pem.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "common/net/openssl.hpp"

#ifndef CPPHTTPLIB_OPENSSL_SUPPORT
#error "cpp-httplib's macros come from pkg-config, with OpenSSL"
#endif

namespace net {
namespace {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

constexpr std::chrono::seconds kLongestIdle{60};
constexpr std::size_t kLargestStreamError = std::size_t{1} << 20U;

std::vector<Owned<X509>> read_certificates(const std::string& pem) {
  std::vector<Owned<X509>> found;
  const auto bio = reader(pem);
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) found.emplace_back(certificate);
  ERR_clear_error();  // the end of the text is an "error" too
  return found;
}

bool is_ip_address(const std::string& host) {
  std::array<unsigned char, 16> address{};
  return inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

/// Where the verify callback leaves its reason: a string of the connection that owns the context.
int reason_slot() {
  static const int slot = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return slot;
}

int note_verify_failure(int verified, X509_STORE_CTX* store) {
  if (verified == 1) return 1;
  const auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  if (auto* reason = static_cast<std::string*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), reason_slot())))
    *reason = X509_verify_cert_error_string(X509_STORE_CTX_get_error(store));
  return verified;
}

base::Result<> trust(SSL_CTX* context, const ClientTls& tls, const std::string& host) {
  const auto authorities = read_certificates(tls.ca_pem);
  if (authorities.empty()) return base::fail("no certificate authority to trust", host, "give its certificate as PEM");
  X509_STORE* store = X509_STORE_new();
  for (const auto& authority : authorities) X509_STORE_add_cert(store, authority.get());
  SSL_CTX_set_cert_store(context, store);  // takes it over
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, note_verify_failure);
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  X509_VERIFY_PARAM* checks = SSL_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_hostflags(checks, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  const std::string& name = tls.server_name.empty() ? host : tls.server_name;
  const int set = is_ip_address(name) ? X509_VERIFY_PARAM_set1_ip_asc(checks, name.c_str())
                                      : X509_VERIFY_PARAM_set1_host(checks, name.c_str(), name.size());
  if (set != 1) return base::fail("not a name that a certificate can hold", name);
  return {};
}

base::Result<> identify(SSL_CTX* context, const ClientTls& tls, const std::string& host) {
  if (tls.certificate_pem.empty()) return {};
  const auto chain = read_certificates(tls.certificate_pem);
  const auto bio = reader(tls.key_pem);
  const Owned<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (chain.empty() || key == nullptr) return base::fail("the client certificate or its key is not PEM", host);
  bool good = SSL_CTX_use_certificate(context, chain.front().get()) == 1;
  for (std::size_t i = 1; i < chain.size(); ++i) good = good && SSL_CTX_add1_chain_cert(context, chain[i].get()) == 1;
  good = good && SSL_CTX_use_PrivateKey(context, key.get()) == 1 && SSL_CTX_check_private_key(context) == 1;
  ERR_clear_error();
  if (!good) return base::fail("the client certificate and its key do not match", host);
  return {};
}

bool is_clean(std::string_view text) { return text.find_first_of(std::string_view("\r\n\0", 3)) == text.npos; }

base::Result<httplib::Request> to_library(const HttpRequest& request, const ServerUrl& server,
                                          const std::string& user_agent) {
  httplib::Request out;
  out.method = request.method;
  out.path = server.prefix + request.target;
  if (!is_clean(out.path) || out.path.find(' ') != std::string::npos)
    return base::fail("a target must be percent-encoded", request.target);
  for (const auto& [name, value] : request.headers) {
    if (!is_clean(value)) return base::fail("a header value must be one line", name);
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
    const auto [end, error] = std::from_chars(port.data() + 1, port.data() + port.size(), url.port);
    if (port.front() != ':' || error != std::errc{} || end != port.data() + port.size())
      return base::fail("the port is no number", where);
  }
  if (url.host.empty() || url.port < 1 || url.port > 65535) return base::fail("host or port is missing", where);
  return url;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kUnreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (kUnreserved.find(c) != kUnreserved.npos) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', kHex[byte >> 4U], kHex[byte & 15U]};
    }
  }
  return out;
}

std::optional<std::string_view> HttpResponse::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (key.size() == name.size() && strncasecmp(key.data(), name.data(), name.size()) == 0) return value;
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
      ::dup3(null, fd, O_CLOEXEC);
      ::close(null);
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
  static base::Result<std::unique_ptr<Connection>> make(const HttpClientOptions& options, const ServerUrl& server,
                                                        milliseconds read_timeout) {
    std::unique_ptr<Connection> connection(new Connection);
    if (server.tls) {
      auto client = std::make_unique<httplib::SSLClient>(server.host, server.port);
      SSL_CTX* context = client->ssl_context();
      if (context == nullptr) return base::fail("no TLS context", server.host);
      client->enable_server_certificate_verification(false);  // OpenSSL's own, below, trusts only what it is given
      const ClientTls tls = options.tls.value_or(ClientTls{});
      if (auto trusted = trust(context, tls, server.host); !trusted) return std::unexpected(trusted.error());
      if (auto known = identify(context, tls, server.host); !known) return std::unexpected(known.error());
      SSL_CTX_set_ex_data(context, reason_slot(), &connection->verify_failure_);
      connection->client_ = std::move(client);
    } else {
      connection->client_ = std::make_unique<httplib::ClientImpl>(server.host, server.port);
    }
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

  Outcome exchange(httplib::Request request, Cancellation* cancellation) {
    Outcome outcome;
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
    if (!verify_failure_.empty()) return "certificate not accepted: " + std::exchange(verify_failure_, {});
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

  std::string verify_failure_;  // outlives client_, whose context points to it
  std::unique_ptr<httplib::ClientImpl> client_;
  CancellableSocket* current_ = nullptr;
  Steady::time_point last_used_ = Steady::now();
};

base::Result<std::unique_ptr<HttpClient>> HttpClient::make(HttpClientOptions options) {
  auto server = parse_server_url(options.url);
  if (!server) return std::unexpected(server.error());
  if (server->tls) {
    if (auto probe = Connection::make(options, *server, options.timeouts.read); !probe)
      return std::unexpected(probe.error());
  }
  return std::unique_ptr<HttpClient>(new HttpClient(std::move(options), std::move(*server)));
}

HttpClient::HttpClient(HttpClientOptions options, ServerUrl server)
    : options_(std::move(options)), server_(std::move(server)) {}

HttpClient::~HttpClient() = default;

base::Result<std::unique_ptr<HttpClient::Connection>> HttpClient::connect_later(milliseconds read_timeout) const {
  return Connection::make(options_, server_, read_timeout);
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

  for (int tries = 0;; ++tries) {
    auto connection = tries == 0 ? take_idle() : nullptr;
    if (connection == nullptr) {
      auto fresh = connect_later(options_.timeouts.read);
      if (!fresh) return std::unexpected(fresh.error());
      connection = std::move(*fresh);
    }
    std::string body;
    const auto deadline = Steady::now() + options_.timeouts.total;
    std::string refused;
    httplib::Request attempt = *prepared;
    attempt.content_receiver = [&](const char* data, std::size_t size, std::uint64_t, std::uint64_t) {
      if (body.size() + size > options_.max_body_bytes) refused = "the answer is too large";
      if (Steady::now() > deadline) refused = "the answer took too long";
      if (refused.empty()) body.append(data, size);
      return refused.empty();
    };
    auto outcome = connection->exchange(std::move(attempt), cancellation);
    if (outcome.answered) {
      give_back(std::move(connection));
      return from_library(outcome.response, std::move(body));
    }
    const bool stopped = cancellation != nullptr && cancellation->cancelled();
    if (!refused.empty()) return base::fail(refused, where);
    if (!repeatable || tries > 0 || stopped) return base::fail(outcome.failure, where);
  }
}

base::Result<HttpResponse> HttpClient::stream_lines(const HttpRequest& request, milliseconds read_timeout,
                                                    const LineReceiver& on_line, Cancellation& cancellation) {
  const std::string where = request.method + " " + options_.url + request.target;
  auto prepared = to_library(request, server_, options_.user_agent);
  if (!prepared) return std::unexpected(prepared.error());
  auto connection = connect_later(read_timeout);
  if (!connection) return std::unexpected(connection.error());

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
  auto outcome = (*connection)->exchange(std::move(*prepared), &cancellation);
  if (cancellation.cancelled()) return base::fail("cancelled", where);
  if (lines.too_long()) return base::fail("a line of the stream is too long", where);
  if (!outcome.answered && !lines.ended_by_receiver()) return base::fail(outcome.failure, where);
  if (lines.ended_by_receiver()) outcome.response.status = 200;
  return from_library(outcome.response, std::move(error_body));
}

}  // namespace net
