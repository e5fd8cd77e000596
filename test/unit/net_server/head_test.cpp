#include "common/net/head.hpp"

#include <random>
#include <string>

#include "test/catch.hpp"

namespace {

/// Of a request with these lines behind its first; 0 when it is taken.
int refused_with(const std::string& lines, const std::string& first = "POST / HTTP/1.1\r\nHost: h\r\n") {
  const std::string text = first + lines + "\r\n";
  const auto head = net::read_request_head(text);
  return head ? 0 : head.error().status;
}

TEST_CASE("a request's head is read into its parts") {
  const std::string text =
      "POST /a%20b/c?x=1&y=a+b%2B HTTP/1.1\r\nHost: h\r\ncontent-LENGTH:  12 \r\nX-One: \t 1 \r\nx-one: 2\r\n"
      "expect: 100-Continue\r\n\r\n";
  REQUIRE(net::head_size(text + "body") == text.size());
  const auto head = net::read_request_head(text).value();
  CHECK(head.method == "POST");
  CHECK(head.target == "/a%20b/c?x=1&y=a+b%2B");
  CHECK(head.path() == "/a%20b/c");
  CHECK(head.query() == "x=1&y=a+b%2B");
  CHECK(head.lines.size() == 5);
  CHECK(head.value("x-ONE") == "1");
  CHECK(head.value("x-two").empty());
  CHECK(head.length == 12U);
  CHECK_FALSE(head.chunked);
  CHECK(head.expects_continue);
  CHECK(net::read_request_head("GET / HTTP/1.1\r\nHost: h\r\n\r\n").value().query().empty());
}

TEST_CASE("the end of a head is found, however much was searched before") {
  const std::string text = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  for (std::size_t size = 0; size < text.size(); ++size) {
    CHECK_FALSE(net::head_size(text.substr(0, size)));
    CHECK(net::head_size(text, size) == text.size());
  }
}

TEST_CASE("keep-alive is what version and Connection say") {
  const auto keeps = [](const std::string& rest) {
    return net::read_request_head("GET / HTTP/1." + rest + "\r\nHost: h\r\n\r\n").value().keep_alive;
  };
  CHECK(keeps("1"));
  CHECK(keeps("1\r\nConnection: keep-alive"));
  CHECK(keeps("1\r\nX-Connection: close"));
  CHECK_FALSE(keeps("1\r\nconnection: Close"));
  CHECK_FALSE(keeps("1\r\nConnection: te, close"));
  CHECK_FALSE(keeps("1\r\nConnection: te\r\nConnection: close"));
  CHECK_FALSE(keeps("0"));
  CHECK(keeps("0\r\nConnection: keep-alive"));
  CHECK_FALSE(keeps("0\r\nConnection: keep-alive, close"));
}

TEST_CASE("what two parsers could read differently is refused") {
  CHECK(refused_with("A: b\r\n") == 0);
  CHECK(refused_with("A: b\nContent-Length: 5\r\n") == 400);
  CHECK(refused_with("A: b\rContent-Length: 5\r\n") == 400);
  CHECK(refused_with("A: b\r\r\n") == 400);
  CHECK(refused_with("A: b\r\n folded\r\n") == 400);
  CHECK(refused_with(" A: b\r\n") == 400);
  CHECK(refused_with("A : b\r\n") == 400);
  CHECK(refused_with(": b\r\n") == 400);
  CHECK(refused_with("no colon\r\n") == 400);
  CHECK(refused_with(std::string("A: \0\r\n", 6)) == 400);
  CHECK(refused_with("A: \x7f\r\n") == 400);
  CHECK(refused_with("A: \xff\r\n") == 0);
  CHECK(refused_with("A: b\r\n\r\nC: d\r\n") == 400);
}

TEST_CASE("a body whose end could be seen in two places is refused") {
  CHECK(refused_with("Content-Length: 5\r\n") == 0);
  CHECK(refused_with("Content-Length: 5\r\ncontent-length: 5\r\n") == 400);
  CHECK(refused_with("Content-Length: 5, 5\r\n") == 400);
  CHECK(refused_with("Content-Length: +5\r\n") == 400);
  CHECK(refused_with("Content-Length: -5\r\n") == 400);
  CHECK(refused_with("Content-Length: 0x5\r\n") == 400);
  CHECK(refused_with("Content-Length: \r\n") == 400);
  CHECK(refused_with("Content-Length: 99999999999999999999\r\n") == 413);
  CHECK(refused_with("Transfer-Encoding: Chunked\r\n") == 0);
  CHECK(refused_with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n") == 400);
  CHECK(refused_with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") == 400);
  CHECK(refused_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") == 400);
  CHECK(refused_with("Transfer-Encoding: gzip, chunked\r\n") == 501);
  CHECK(refused_with("Transfer-Encoding: identity\r\n") == 501);
  CHECK(refused_with("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.0\r\n") == 400);
  CHECK(refused_with("Expect: magic\r\n") == 417);
}

TEST_CASE("a request of HTTP/1.1 names one host") {
  const auto with = [](const std::string& lines, const std::string& version = "1.1") {
    return refused_with(lines, "GET / HTTP/" + version + "\r\n");
  };
  for (const std::string host :
       {"h", "model.ns.svc.cluster.local:8080", "10.0.0.1", "[::1]:80", "a_b", "%C3%A9.example", ""}) {
    CAPTURE(host);
    CHECK(with("Host: " + host + "\r\n") == 0);
  }
  CHECK(with("") == 400);
  CHECK(with("", "1.0") == 0);
  CHECK(with("Host: a\r\nX: y\r\nhost: a\r\n") == 400);
  CHECK(with("Host: a\r\nHost: b\r\n", "1.0") == 400);
  for (const std::string host : {"a b", "a,b", "a/b", "u@a", "a\\b", "a?b", "\"a\"", "\xc3\xa9"}) {
    CAPTURE(host);
    CHECK(with("Host: " + host + "\r\n") == 400);
  }
}

TEST_CASE("a first line that is no request of HTTP/1.1 is refused") {
  const auto taken = [](const std::string& line) { return refused_with("Host: h\r\n", line + "\r\n") == 0; };
  CHECK(taken("GET / HTTP/1.1"));
  CHECK(taken("M-SEARCH /a?b/c%2f%C3%A9\xc3\xa9 HTTP/1.0"));
  for (const std::string line :
       {"", "GET", "GET /", "GET  HTTP/1.1", "GET  / HTTP/1.1", "GET / HTTP/1.1 ", "GET / a HTTP/1.1",
        "GET /\ta HTTP/1.1", "GET / HTTP/1.2", "GET / http/1.1", "G(T / HTTP/1.1", " / HTTP/1.1", "GET * HTTP/1.1",
        "GET http://x/ HTTP/1.1", "PRI * HTTP/2.0"}) {
    CAPTURE(line);
    CHECK_FALSE(taken(line));
  }
  CHECK_FALSE(net::read_request_head(""));
}

// cpp-httplib, which llama-server reads with, takes each of them for /slots.
TEST_CASE("a target that two parsers could read differently is refused") {
  const std::string target = GENERATE("/slots#x", "/slo%u0074s", "/a?b=%", "/a?b=%4", "/a%4g", "/a%-1");
  CAPTURE(target);
  CHECK(refused_with("Host: h\r\n", "GET " + target + " HTTP/1.1\r\n") == 400);
}

TEST_CASE("an answer's head is read, and what is none is seen") {
  const auto head = net::read_response_head("HTTP/1.0 404\r\nTransfer: chunked\r\nContent-Length: 3\r\n\r\n").value();
  CHECK(head.status == 404);
  CHECK(head.status_line == "HTTP/1.0 404");
  CHECK(head.length == 3U);
  CHECK_FALSE(head.keep_alive);
  CHECK(net::read_response_head("HTTP/1.1 200 All is well\r\nTransfer-Encoding: chunked\r\n\r\n").value().chunked);
  for (const std::string text :
       {"", "\r\n\r\n", "HTTP/1.1 20\r\n\r\n", "HTTP/1.1 2000\r\n\r\n", "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 099 x\r\n\r\n", "HTTP/1.1  200\r\n\r\n", "HTTP/2.0 200\r\n\r\n", "HTTP/1.\r\n\r\n", "hello\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length\r\n\r\n"}) {
    CAPTURE(text);
    CHECK_FALSE(net::read_response_head(text));
  }
}

TEST_CASE("query parameters are decoded") {
  CHECK(net::query_parameter("a=1&model=x%2Fy+z&model=2", "model") == "x/y z");
  CHECK(net::query_parameter("mod%65l=b", "model") == "b");
  CHECK(net::query_parameter("model", "model") == "");
  CHECK_FALSE(net::query_parameter("models=1", "model").has_value());
}

TEST_CASE("random bytes are read or refused, and nothing worse") {
  std::mt19937 random(7);
  const std::string alphabet = "GET /POST HTTP/1.1\r\n\r\n:;,0123456789abcdef&%?#\x00\xff ";
  for (int round = 0; round < 20'000; ++round) {
    std::string text = round % 2 == 0 ? "POST / HTTP/1.1\r\nHost: h\r\n" : "HTTP/1.1 200 OK\r\n";
    for (auto left = random() % 80; left > 0; --left) text += alphabet[random() % alphabet.size()];
    if (const auto head = net::read_request_head(text)) CHECK(head->target.starts_with('/'));
    if (const auto head = net::read_response_head(text)) CHECK(head->status >= 100);
  }
}

}  // namespace
