#pragma once
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.hpp"

struct ssl_ctx_st;  // OpenSSL's SSL_CTX

namespace net {

/// Where a server is: "https://10.96.0.1:443", "http://[::1]:8080". A path after the port is a prefix of every target.
struct ServerUrl {
  bool tls = false;
  /// Without brackets.
  std::string host;
  int port = 0;
  /// Empty or "/prefix", without a slash at the end.
  std::string prefix;
};

[[nodiscard]] base::Result<ServerUrl> parse_server_url(std::string_view text);

struct HttpHeader {
  std::string name;
  std::string value;
};

struct HttpRequest {
  std::string method = "GET";
  /// Path and query, already percent-encoded.
  std::string target = "/";
  std::vector<HttpHeader> headers = {};
  std::string body = {};
  std::string content_type = {};
  /// Harmless when the server gets it twice, so it is sent again when a connection is cut before the answer.
  /// A GET always is.
  bool repeatable = false;
};

struct HttpResponse {
  int status = 0;
  std::vector<HttpHeader> headers;
  std::string body;

  /// The first header of that name (case does not matter), or nothing.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const;
};

/// Every wait has an end.
struct HttpTimeouts {
  /// Connecting and the TLS handshake, each.
  std::chrono::milliseconds connect{5000};
  /// Between two reads.
  std::chrono::milliseconds read{30000};
  std::chrono::milliseconds write{10000};
  /// All of `send` up to the last byte read, a second try included; where it is over while connecting, after that.
  /// Streams have none.
  std::chrono::milliseconds total{60000};
};

/// Whom to trust and who we are. Only these authorities are trusted, never the system's; the name is checked against
/// the certificate's subject alternative names, never its common name.
struct ClientTls {
  std::string ca_pem;
  /// Both or neither: a client certificate chain and its key.
  std::string certificate_pem;
  std::string key_pem;
  /// The name to look for in the certificate; empty: the URL's host.
  std::string server_name;
};

struct HttpClientOptions {
  std::string url;
  /// Needed for https.
  std::optional<ClientTls> tls;
  HttpTimeouts timeouts;
  /// A larger answer is an error.
  std::size_t max_body_bytes = std::size_t{64} << 20U;
  /// A longer line of a stream is an error.
  std::size_t max_line_bytes = std::size_t{16} << 20U;
  /// Idle connections kept for later requests: fewer than threads that send at once, and each pass makes new ones.
  std::size_t max_idle_connections = 8;
  std::string user_agent = "llmkube-router";
};

/// Ends requests from another thread: in the middle of connecting, of the handshake, or of a read. Thread-safe; may
/// serve several requests at once, and stays cancelled.
class Cancellation {
 public:
  Cancellation() = default;
  ~Cancellation();
  Cancellation(const Cancellation&) = delete;
  Cancellation& operator=(const Cancellation&) = delete;

  void cancel();
  [[nodiscard]] bool cancelled() const;
  /// Sleeps; returns early, with true, when cancelled.
  bool wait_for(std::chrono::nanoseconds time) const;

 private:
  friend class CancellableSocket;
  mutable std::mutex mutex_;  // guards both
  mutable std::condition_variable changed_;
  bool cancelled_ = false;
  std::vector<int> sockets_;  // duplicates: a descriptor that httplib has closed could be someone else's
};

/// An HTTP/1.1 client of one server, plain or TLS. Thread-safe: requests that run at once have connections of their
/// own, taken from a small pool of kept-alive ones. Redirects are not followed, bodies are never compressed.
/// SIGPIPE must be ignored (base::Signals does).
class HttpClient {
 public:
  [[nodiscard]] static base::Result<std::unique_ptr<HttpClient>> make(HttpClientOptions options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// The whole answer, whatever its status; an error when there was no answer. Both stop early when cancelled.
  [[nodiscard]] base::Result<HttpResponse> send(const HttpRequest& request, Cancellation* cancellation = nullptr);

  /// Gets called with each line, without its end; false ends the stream.
  using LineReceiver = std::function<bool(std::string_view line)>;

  /// Reads an endless answer (a watch, server-sent events) line by line on a connection of its own. `read_timeout` is
  /// the longest silence. An answer other than 200 is given back whole, without a call of `on_line`. A stream that
  /// `on_line` or the server ended properly gives status 200; a cut, silent or cancelled one gives an error, and
  /// what stood after the last line end is dropped.
  [[nodiscard]] base::Result<HttpResponse> stream_lines(const HttpRequest& request,
                                                        std::chrono::milliseconds read_timeout,
                                                        const LineReceiver& on_line, Cancellation& cancellation);

 private:
  class Connection;
  HttpClient(HttpClientOptions options, ServerUrl server, std::shared_ptr<ssl_ctx_st> context);
  [[nodiscard]] std::unique_ptr<Connection> connect_later(std::chrono::milliseconds read_timeout) const;
  [[nodiscard]] std::unique_ptr<Connection> take_idle();
  void give_back(std::unique_ptr<Connection> connection);

  const HttpClientOptions options_;
  const ServerUrl server_;
  /// Of all connections; null without TLS.
  const std::shared_ptr<ssl_ctx_st> context_;
  std::mutex mutex_;  // guards idle_
  std::vector<std::unique_ptr<Connection>> idle_;
};

}  // namespace net
