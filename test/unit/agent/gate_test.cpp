#include <random>

#include "common/base/wire_text.hpp"
#include "reconciler/pod/agent/gate/asked_model.hpp"
#include "reconciler/pod/agent/gate/chunks.hpp"
#include "reconciler/pod/agent/gate/forward.hpp"
#include "reconciler/pod/agent/gate/gate_rules.hpp"
#include "test/catch.hpp"

using agent::ChunkScanner;
using agent::GateRule;
using agent::judge;
using agent::read_asked;
using net::read_request_head;
using net::read_response_head;

TEST_CASE("what is forwarded differs in the headers of the hop only") {
  const auto head = read_request_head(
      "POST /v1/x HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer k\r\nConnection: keep-alive\r\nTransfer-Encoding: "
      "chunked\r\n"
      "Expect: 100-continue\r\nX-Own: 1\r\n\r\n");
  REQUIRE(head.has_value());
  CHECK(agent::forward_request_head(*head, 7) ==
        "POST /v1/x HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer k\r\nX-Own: 1\r\nContent-Length: 7\r\n"
        "Connection: close\r\n\r\n");
  const auto answer = read_response_head(
      "HTTP/1.1 200 OK\r\nServer: llama.cpp\r\nConnection: close\r\nKeep-Alive: timeout=5, max=100\r\n"
      "Transfer-Encoding: chunked\r\n\r\n");
  REQUIRE(answer.has_value());
  CHECK(answer->chunked);
  const std::string start = "HTTP/1.1 200 OK\r\nServer: llama.cpp\r\nTransfer-Encoding: chunked\r\n";
  CHECK(agent::forward_response_head(*answer, false, 1) == start + "\r\n");
  CHECK(agent::forward_response_head(*answer, true, 1) == start + "Connection: close\r\n\r\n");
  CHECK(agent::forward_response_head(*answer, false, 0) == start + "Connection: keep-alive\r\n\r\n");
}

TEST_CASE("headers that Connection names stay on their hop, but the host and what frames the body") {
  const auto head = read_request_head(
      "POST /v1/x HTTP/1.1\r\nhost: h\r\nX-Hop: 1\r\nX-Other: 2\r\nx-HOP: 3\r\nX-Hopper: 4\r\nConnection: x-hop , "
      "close\r\n"
      "Content-Length: 7\r\nConnection: X-Other, HOST,content-length,,\r\n\r\n");
  REQUIRE(head.has_value());
  CHECK(agent::forward_request_head(*head, 7) ==
        "POST /v1/x HTTP/1.1\r\nhost: h\r\nX-Hopper: 4\r\nContent-Length: 7\r\nConnection: close\r\n\r\n");
  const auto answer = read_response_head(
      "HTTP/1.1 200 OK\r\nX-Hop: 1\r\nContent-Length: 5\r\nServer: s\r\nConnection: x-hop, Content-Length\r\n\r\n");
  REQUIRE(answer.has_value());
  CHECK(agent::forward_response_head(*answer, false, 1) == "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: s\r\n\r\n");
}

TEST_CASE("chunked bytes are followed to their end, in pieces of any size") {
  const std::string body = "5\r\nhello\r\n1;ext=\"x\"\r\n \r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n";
  const std::size_t piece = GENERATE(1U, 2U, 3U, 7U, 1000U);
  ChunkScanner scanner;
  std::string payload;
  const std::string all = body + "next";
  std::size_t taken = 0;
  for (std::size_t at = 0; at < all.size() && !scanner.done(); at += piece)
    taken += scanner.feed(std::string_view(all).substr(at, piece), &payload);
  CHECK(scanner.done());
  CHECK(taken == body.size());
  CHECK(payload == "hello 0123456789");
}

TEST_CASE("llama-server's own word that a process has gone is told from a model's error") {
  const auto tells = [](const std::string& answer) {
    const auto size = net::head_size(answer).value();
    const auto head = read_response_head(std::string_view(answer).substr(0, size));
    REQUIRE(head.has_value());
    return agent::tells_lost_process(*head, answer.substr(size));
  };
  // As build 11669 says it.
  const std::string chunked =
      "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json; charset=utf-8\r\n"
      "Transfer-Encoding: chunked\r\n\r\n";
  CHECK(tells(chunked + "26\r\nproxy error: Failed to read connection\r\n0\r\n\r\n") == true);
  CHECK(tells(chunked + "26\r\nproxy error: F") == true);
  CHECK(tells(chunked + "26\r\nproxy er") == std::nullopt);
  CHECK(tells(chunked) == std::nullopt);
  CHECK(tells(chunked + "5\r\nproxy\r\n0\r\n\r\n") == false);
  CHECK(tells(chunked + "0\r\n\r\n") == false);
  CHECK(tells(chunked + "x") == false);
  CHECK(tells(chunked + "2c\r\n{\"error\":{\"message\":\"proxy error: no\"}}") == false);
  const std::string plain = "HTTP/1.1 500 Error\r\nContent-Length: 17\r\n\r\n";
  CHECK(tells(plain + "proxy error: gone") == true);
  CHECK(tells(plain + "proxy") == std::nullopt);
  CHECK(tells(plain + "{\"error\"") == false);
  CHECK(tells("HTTP/1.1 500 Error\r\nContent-Length: 5\r\n\r\nproxy error: gone") == false);
  CHECK(tells("HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\nproxy error: gone") == false);
  // A stream of which the process had sent the head alone.
  const std::string stream = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
  CHECK(tells(stream) == std::nullopt);
  CHECK(tells(stream + "26\r\nproxy error: Failed to read connection\r\n0\r\n\r\n") == true);
  CHECK(tells(stream + "6\r\ndata: ") == false);
  CHECK(tells("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n") == false);
}

TEST_CASE("what is not chunked coding is seen") {
  const std::string body = GENERATE("x\r\n", "\r\n", "5\nhello", "5\r\nhelloX", "5\r\nhello\rX",
                                    "ffffffffffffffff1\r\n", "0\r\n\n", "0\r\nA: b\n", "-1\r\n");
  ChunkScanner scanner;
  CHECK(scanner.feed(body) <= body.size());
  CHECK(scanner.broken());
}

TEST_CASE("the model's name is found in JSON as llama-server finds it") {
  const auto model = [](std::string_view body) { return read_asked(body, "application/json").model; };
  CHECK(model(R"({"model":"a"})") == "a");
  CHECK(model(R"({"messages":[{"model":"x"}],"o":{"model":"y"},"model":"a"})") == "a");
  CHECK(model(R"({"model":"a","n":-1.5e30,"model":"b"})") == "b");
  CHECK(model(R"({"mod\u0065l":"\u0061\/b"})") == "a/b");
  CHECK(model(R"(  {"x":[[[{"model":"z"}]]],"model" : "a" } )") == "a");
  CHECK_FALSE(model(R"({"model":1})").has_value());
  CHECK_FALSE(model(R"({"model":"a","model":1})").has_value());
  CHECK_FALSE(model(R"({"model":"a","model":{}})").has_value());
  CHECK_FALSE(model(R"({"model":["a"]})").has_value());
  CHECK_FALSE(model(R"(["model","a"])").has_value());
  CHECK_FALSE(model(R"({"model":"a")").has_value());
  CHECK_FALSE(model(R"({"model":"a)").has_value());
  CHECK(model(R"({"x":"\\","y":"\"model\":\"z\"","model":"q\"\\"})") == "q\"\\");
  CHECK_FALSE(model(R"({"model":"\ud800"})").has_value());
  CHECK_FALSE(model("").has_value());
  CHECK_FALSE(model(std::string(500'000, '[')).has_value());
  CHECK(read_asked(R"({"stream":true,"model":"a"})", "").stream);
  CHECK_FALSE(read_asked(R"({"x":{"stream":true},"stream":1,"model":"a"})", "").stream);
  CHECK_FALSE(read_asked(R"({"stream":true,"stream":null,"model":"a"})", "").stream);
}

TEST_CASE("the model's name is found in form data") {
  const std::string body =
      "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\n\x01\x02\r\n--b\r\n"
      "Content-Disposition: form-data; name=\"model\"\r\n\r\na\r\n--b--\r\n";
  CHECK(read_asked(body, "Multipart/form-data; boundary=b").model == "a");
  CHECK_FALSE(read_asked("--b--", "multipart/form-data; boundary=b").model.has_value());
  CHECK_FALSE(read_asked("name=\"model\"\r\n\r\n", "multipart/form-data").model.has_value());
}

TEST_CASE("each request goes where it belongs") {
  using enum GateRule::Kind;
  struct Row {
    std::string_view method, path, query;
    GateRule::Kind kind;
  };
  const auto row = GENERATE(values<Row>({
      {"POST", "/v1/chat/completions", "", by_body},
      {"POST", "/completion", "", by_body},
      {"GET", "/v1/models", "", pass},
      {"GET", "/models", "", pass},
      {"GET", "/models/sse", "", pass},
      {"GET", "/", "", pass},
      {"OPTIONS", "/v1/chat/completions", "", pass},
      {"GET", "/health", "", health},
      {"HEAD", "/v1/health", "", health},
      {"GET", "/metrics", "", metrics},
      {"GET", "/metrics", "model=a", metrics},
      {"GET", "/props", "", pass},
      {"GET", "/props", "model=a", by_query},
      {"GET", "/props", "model=a&autoload=false", pass},
      {"GET", "/props", "model=a&autoload=true", by_query},
      {"POST", "/props", "", forbid},
      {"GET", "/models", "reload=1", forbid},
      {"GET", "/v1/models", "a=b&reload", forbid},
      {"POST", "/models/load", "", forbid},
      {"POST", "/models/unload", "", forbid},
      {"POST", "/v1/models", "", forbid},
      {"DELETE", "/models", "model=a", forbid},
      {"GET", "/slots", "model=a", forbid},
      {"POST", "/slots/0", "", forbid},
      {"GET", "/slots/0", "", forbid},
      {"GET", "/slotsX", "", pass},
      {"GET", "/lora-adapters", "", forbid},
      {"POST", "/lora-adapters", "", forbid},
  }));
  CAPTURE(row.method, row.path, row.query);
  CHECK(judge(row.method, row.path, row.query).kind == row.kind);
  CHECK((judge(row.method, row.path, row.query).reason.empty()) == (row.kind != forbid));
}

TEST_CASE("random bytes are read or refused, and nothing worse") {
  std::mt19937 random(7);
  const std::string alphabet = "\r\n\r\n:;,0123456789abcdef{}[]\"model\\stream=&%?\x00\xff ";
  for (int round = 0; round < 20'000; ++round) {
    std::string text = round % 2 == 0 ? "" : "{\"model\":";
    for (auto left = random() % 80; left > 0; --left) text += alphabet[random() % alphabet.size()];
    ChunkScanner scanner;
    CHECK(scanner.feed(text) <= text.size());
    (void)read_asked(text, round % 2 == 0 ? "" : "multipart/form-data");
    (void)judge("GET", base::decode_percent(text), text);
  }
}
