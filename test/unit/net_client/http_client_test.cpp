#include "common/net/http_client.hpp"

#include <openssl/pem.h>
#include <openssl/ui.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include "common/base/file.hpp"
#include "common/net/certificate.hpp"
#include "common/net/openssl.hpp"
#include "common/net/server.hpp"
#include "common/net/tls_context.hpp"
#include "test/catch.hpp"
#include "test/support/eventually.hpp"
#include "test/unit/net_client/raw_server.hpp"

using namespace std::chrono_literals;
using net::HttpClient;
using test::kPatience;

namespace {

[[maybe_unused]] const auto kNoSigpipe = std::signal(SIGPIPE, SIG_IGN);

std::unique_ptr<HttpClient> client_for(const std::string& url, net::HttpTimeouts timeouts = {}) {
  net::HttpClientOptions options;
  options.url = url;
  options.timeouts = timeouts;
  auto client = HttpClient::make(std::move(options));
  REQUIRE(client);
  return std::move(*client);
}

std::chrono::milliseconds elapsed(std::chrono::steady_clock::time_point since) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - since);
}

std::string ok(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

const std::string kStream = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

}  // namespace

TEST_CASE("a server URL is taken apart") {
  const auto url = net::parse_server_url("https://[fd00::1]:6443/prefix/");
  REQUIRE(url);
  CHECK(url->tls);
  CHECK(url->host == "fd00::1");
  CHECK(url->port == 6443);
  CHECK(url->prefix == "/prefix");
  CHECK(net::parse_server_url("http://a")->port == 80);
  CHECK(net::parse_server_url("https://a")->port == 443);
  for (const auto* wrong :
       {"", "a:1", "ftp://a", "http://", "http://a:b", "http://a:0", "http://[::1", "http://a:70000"})
    CHECK_FALSE(net::parse_server_url(wrong));
}

TEST_CASE("a request reaches the server whole, and its answer comes back") {
  net::Server server({.listen = "127.0.0.1:0"});
  server.route("PATCH", "/thing", [](const net::Request& request) {
    return net::Response{.status = 409,
                         .headers = {{"Retry-After", "7"}},
                         .body = std::string(request.head.value("content-type")) + "|" + std::string(request.body) +
                                 "|" + net::query_parameter(request.head.query(), "x").value_or("")};
  });
  REQUIRE(server.start());
  const auto client = client_for("http://127.0.0.1:" + std::to_string(server.port()));
  const auto response = client->send(
      {.method = "PATCH", .target = "/thing?x=1%2C2", .body = "{}", .content_type = "application/apply-patch+yaml"});
  REQUIRE(response);
  CHECK(response->status == 409);
  CHECK(response->body == "application/apply-patch+yaml|{}|1,2");
  CHECK(response->header("retry-after") == "7");
  CHECK_FALSE(response->header("no-such-header"));
}

TEST_CASE("a header value or a target that would inject is refused before anything is sent") {
  const auto client = client_for("http://127.0.0.1:1");
  const auto header = client->send({.headers = {{"Authorization", "Bearer x\r\nEvil: 1"}}});
  REQUIRE_FALSE(header);
  CHECK_THAT(header.error().what, ContainsSubstring("one line"));
  const auto target = client->send({.target = "/a b"});
  REQUIRE_FALSE(target);
  CHECK_THAT(target.error().what, ContainsSubstring("percent-encoded"));
}

TEST_CASE("a kept connection is used again, and one that the server closed meanwhile is not") {
  std::atomic<int> connections = 0;
  RawServer server([&](int fd) {
    ++connections;
    for (int i = 0; i < 2 && RawServer::read_head(fd); ++i) RawServer::send_text(fd, ok("x"));
  });
  const auto client = client_for(server.url());
  for (int i = 0; i < 2; ++i) REQUIRE(client->send({}));
  CHECK(connections == 1);
  REQUIRE(test::eventually([&] { return server.closed() == 1; }));
  const auto third = client->send({.method = "POST", .body = "not repeatable"});
  CHECK(third);
  CHECK(connections == 2);
}

TEST_CASE("only a GET, or what is marked so, is sent again after a cut") {
  std::atomic<int> connections = 0;
  RawServer server([&](int fd) {
    ++connections;
    if (!RawServer::read_head(fd)) return;
    if (connections > 1) RawServer::send_text(fd, ok("second"));
  });
  const auto client = client_for(server.url());
  SECTION("GET") {
    const auto response = client->send({});
    REQUIRE(response);
    CHECK(response->body == "second");
  }
  SECTION("POST") {
    CHECK_FALSE(client->send({.method = "POST", .body = "x"}));
    CHECK(connections == 1);
  }
  SECTION("a repeatable PATCH") { CHECK(client->send({.method = "PATCH", .body = "x", .repeatable = true})); }
}

TEST_CASE("every wait ends") {
  /// Answers with `beginning`, then a byte each 100 ms until the client hangs up.
  const auto trickle_behind = [](std::string beginning) {
    return [beginning = std::move(beginning)](int fd) {
      RawServer::read_head(fd);
      RawServer::send_text(fd, beginning);
      while (!RawServer::has_hung_up(fd)) {
        RawServer::send_text(fd, "x");
        std::this_thread::sleep_for(100ms);
      }
    };
  };
  net::HttpTimeouts short_waits{300ms, 300ms, 300ms, 600ms};
  const auto began = std::chrono::steady_clock::now();
  SECTION("no answer") {
    RawServer server([](int fd) { RawServer::wait_for_hang_up(fd); });
    CHECK_FALSE(client_for(server.url(), short_waits)->send({.method = "POST"}));
  }
  SECTION("an answer that trickles") {
    RawServer server(trickle_behind("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"));
    short_waits.read = kPatience;  // each byte comes in time, all together do not
    const auto response = client_for(server.url(), short_waits)->send({.method = "POST"});
    REQUIRE_FALSE(response);
    CHECK_THAT(response.error().what, ContainsSubstring("too long"));
  }
  SECTION("a head that trickles, with each try") {
    RawServer server(trickle_behind("HTTP/1.1 200 OK\r\nX-Long: "));
    short_waits.read = kPatience;
    const auto response = client_for(server.url(), short_waits)->send({});
    REQUIRE_FALSE(response);
    CHECK_THAT(response.error().what, ContainsSubstring("too long"));
  }
  SECTION("a TLS handshake that never comes") {
    RawServer server([](int fd) { RawServer::wait_for_hang_up(fd); });
    const auto authority =
        net::make_authority("test", {base::WallTime::clock::now() - 1h, base::WallTime::clock::now() + 1h});
    net::HttpClientOptions options;
    options.url = server.url("https");
    options.timeouts = short_waits;
    options.tls = net::ClientTls{authority->certificate_pem, "", "", ""};
    const auto client = HttpClient::make(options);
    REQUIRE(client);
    CHECK_FALSE((*client)->send({.method = "POST"}));
  }
  CHECK(elapsed(began) < kPatience);
}

TEST_CASE("an answer that is too large is an error") {
  RawServer server([](int fd) {
    RawServer::read_head(fd);
    RawServer::send_text(fd, ok(std::string(5000, 'x')));
  });
  net::HttpClientOptions options;
  options.url = server.url();
  options.max_body_bytes = 4000;
  const auto response = (*HttpClient::make(options))->send({});
  REQUIRE_FALSE(response);
  CHECK_THAT(response.error().what, ContainsSubstring("too large"));
}

TEST_CASE("a body that is cut is an error, never a short success") {
  RawServer server([](int fd) {
    RawServer::read_head(fd);
    RawServer::send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
  });
  CHECK_FALSE(client_for(server.url())->send({}));
}

TEST_CASE("a stream is read line by line, however it is cut into chunks") {
  RawServer server([](int fd) {
    RawServer::read_head(fd);
    const std::string chunks = "3\r\nab\n\r\n4\r\ncd\r\n\r\n2\r\nef\r\n2\r\ng\n\r\n2\r\nno\r\n0\r\n\r\n";
    RawServer::send_text(fd, kStream + chunks);
  });
  std::vector<std::string> lines;
  const auto keep = [&](std::string_view line) { return lines.emplace_back(line), true; };
  net::Cancellation cancellation;
  const auto end = client_for(server.url())->stream_lines({}, kPatience, keep, cancellation);
  REQUIRE(end);
  CHECK(end->status == 200);
  CHECK(lines == std::vector<std::string>{"ab", "cd", "efg"});  // "no" never got its line end
}

TEST_CASE("a stream that ends in the middle, or falls silent, is an error after the lines that came") {
  const bool silent = GENERATE(false, true);
  RawServer server([silent](int fd) {
    RawServer::read_head(fd);
    RawServer::send_text(fd, std::string(kStream) + "2\r\na\n\r\n40\r\n{\"half");
    if (silent) RawServer::wait_for_hang_up(fd);
  });
  int lines = 0;
  const auto count = [&](std::string_view) { return ++lines, true; };
  net::Cancellation cancellation;
  // It may fall silent for so long because the machine is busy, before the first line: then it is asked again.
  for (int tries = 0; tries < 20 && lines == 0; ++tries)
    CHECK_FALSE(client_for(server.url())->stream_lines({}, 300ms, count, cancellation));
  CHECK(lines == 1);
}

TEST_CASE("an answer other than 200 to a stream comes back whole") {
  RawServer server([](int fd) {
    RawServer::read_head(fd);
    RawServer::send_text(fd, "HTTP/1.1 403 X\r\nContent-Length: 4\r\n\r\nno\n!");
  });
  int lines = 0;
  const auto count = [&](std::string_view) { return ++lines, true; };
  net::Cancellation cancellation;
  const auto end = client_for(server.url())->stream_lines({}, kPatience, count, cancellation);
  REQUIRE(end);
  CHECK(end->status == 403);
  CHECK(end->body == "no\n!");
  CHECK(lines == 0);
}

TEST_CASE("a line that is too long ends the stream") {
  RawServer server([](int fd) {
    RawServer::read_head(fd);
    RawServer::send_text(fd, std::string(kStream) + "3e8\r\n" + std::string(1000, 'x') + "\r\n");
    RawServer::wait_for_hang_up(fd);
  });
  net::HttpClientOptions options;
  options.url = server.url();
  options.max_line_bytes = 500;
  net::Cancellation cancellation;
  const auto end = (*HttpClient::make(options))
                       ->stream_lines(
                           {}, kPatience, [](std::string_view) { return true; }, cancellation);
  REQUIRE_FALSE(end);
  CHECK_THAT(end.error().what, ContainsSubstring("too long"));
}

TEST_CASE("cancel ends a request at any stage, and what comes later at once") {
  const bool streams = GENERATE(false, true);
  RawServer server([streams](int fd) {
    if (!RawServer::read_head(fd)) return;
    if (streams) RawServer::send_text(fd, kStream);
    RawServer::wait_for_hang_up(fd);
  });
  const auto client = client_for(server.url());
  for (const auto delay : {0ms, 1ms, 5ms, 50ms}) {
    net::Cancellation cancellation;
    std::thread other([&] {
      std::this_thread::sleep_for(delay);
      cancellation.cancel();
    });
    const auto began = std::chrono::steady_clock::now();
    const auto end = client->stream_lines(
        {}, kPatience, [](std::string_view) { return true; }, cancellation);
    CHECK_FALSE(end);
    CHECK(elapsed(began) < kPatience / 2);
    other.join();
    CHECK_FALSE(client->send({}, &cancellation));
  }
}

TEST_CASE("cancel ends a TLS handshake that hangs") {
  RawServer server([](int fd) { RawServer::wait_for_hang_up(fd); });
  const auto now = base::WallTime::clock::now();
  net::HttpClientOptions options;
  options.url = server.url("https");
  options.tls = net::ClientTls{net::make_authority("test", {now - 1h, now + 1h})->certificate_pem, "", "", ""};
  options.timeouts.connect = kPatience;
  const auto client = HttpClient::make(options);
  net::Cancellation cancellation;
  std::thread other([&] {
    std::this_thread::sleep_for(100ms);
    cancellation.cancel();
  });
  const auto began = std::chrono::steady_clock::now();
  CHECK_FALSE((*client)->send({.method = "POST"}, &cancellation));
  CHECK(elapsed(began) < kPatience / 2);
  other.join();
}

TEST_CASE("a server is trusted by the given authority and its subject alternative names alone") {
  const auto now = base::WallTime::clock::now();
  const net::Validity validity{now - 1h, now + 1h};
  const auto authority = net::make_authority("ours", validity);
  const auto stranger = net::make_authority("theirs", validity);
  const auto serving = net::issue_serving(
      *authority, {.common_name = "127.0.0.1", .dns_names = {"api.test"}, .ip_addresses = {}, .validity = validity});
  REQUIRE(serving);
  const auto folder = std::filesystem::temp_directory_path() / "llmkube-router-http-client";
  std::filesystem::create_directories(folder);
  REQUIRE(base::write_file(folder / "tls.crt", serving->certificate_pem));
  REQUIRE(base::write_file(folder / "tls.key", serving->key_pem));
  auto context = std::make_shared<net::TlsContext>(folder / "tls.crt", folder / "tls.key");
  REQUIRE(context->refresh());
  net::Server server({.listen = "127.0.0.1:0", .tls = context});
  server.route("GET", "/", [](const net::Request&) { return net::plain(200, "hello"); });
  REQUIRE(server.start());

  const auto ask = [&](const std::string& ca, const std::string& name) {
    net::HttpClientOptions options;
    options.url = "https://127.0.0.1:" + std::to_string(server.port());
    options.tls = net::ClientTls{ca, "", "", name};
    return (*HttpClient::make(options))->send({});
  };
  CHECK(ask(authority->certificate_pem, "api.test"));
  const auto wrong_name = ask(authority->certificate_pem, "other.test");
  REQUIRE_FALSE(wrong_name);
  CHECK_THAT(wrong_name.error().what, ContainsSubstring("ostname mismatch"));
  CHECK_FALSE(ask(authority->certificate_pem, ""));  // 127.0.0.1 stands in the common name only
  const auto wrong_authority = ask(stranger->certificate_pem, "api.test");
  REQUIRE_FALSE(wrong_authority);
  CHECK_THAT(wrong_authority.error().what, ContainsSubstring("certificate not accepted"));
}

TEST_CASE("https without an authority, or with a key of another certificate, is refused at once") {
  const auto now = base::WallTime::clock::now();
  const auto one = net::make_authority("one", {now - 1h, now + 1h});
  const auto two = net::make_authority("two", {now - 1h, now + 1h});
  net::HttpClientOptions options;
  options.url = "https://127.0.0.1:1";
  CHECK_FALSE(HttpClient::make(options));
  options.tls = net::ClientTls{one->certificate_pem, one->certificate_pem, two->key_pem, ""};
  CHECK_FALSE(HttpClient::make(options));
  options.tls->key_pem = one->key_pem;
  CHECK(HttpClient::make(options));
}

TEST_CASE("a key with a password is an error, and nobody is asked for it") {
  static bool asked = false;
  UI_METHOD* const terminal = UI_create_method("test");
  UI_method_set_reader(terminal, [](UI*, UI_STRING*) { return asked = true, 0; });
  UI_set_default_method(terminal);
  const auto now = base::WallTime::clock::now();
  const auto one = net::make_authority("one", {now - 1h, now + 1h});
  const net::Owned<BIO> bio(BIO_new(BIO_s_mem()));
  const auto key = net::parse_key(one->key_pem);
  REQUIRE(PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), EVP_aes_256_cbc(), "secret", 6, nullptr, nullptr) == 1);
  char* text = nullptr;
  const auto size = static_cast<std::size_t>(BIO_get_mem_data(bio.get(), &text));
  net::HttpClientOptions options;
  options.url = "https://127.0.0.1:1";
  options.tls = net::ClientTls{one->certificate_pem, one->certificate_pem, std::string(text, size), ""};
  const auto client = HttpClient::make(options);
  UI_set_default_method(UI_OpenSSL());
  UI_destroy_method(terminal);
  CHECK_FALSE(asked);
  REQUIRE_FALSE(client);
  CHECK_THAT(client.error().to_string(), ContainsSubstring("without a password"));
}
