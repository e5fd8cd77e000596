#include "common/net/framer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include "common/base/wire_text.hpp"

namespace net {
namespace {

Frame refuse(int status, std::string_view reason) {
  Frame frame{.state = Frame::State::refused};
  frame.status = status;
  frame.reason = reason;
  return frame;
}

bool is_token(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || kMarks.contains(c);
  });
}

std::string_view trim_blanks(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// What the head says about the frame, gathered field by field.
struct Head {
  bool has_length = false;
  std::uint64_t length = 0;
  bool expects_continue = false;
  bool expects_other = false;
  int status = 0;
  std::string_view reason{};

  void refuse(int with, std::string_view why) {
    if (status == 0) {
      status = with;
      reason = why;
    }
  }
};

void read_length(Head& head, std::string_view value) {
  if (head.has_length) return head.refuse(400, "two Content-Length headers");
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), head.length);
  if (value.empty() || end != value.data() + value.size()) return head.refuse(400, "Content-Length is not a number");
  if (error != std::errc{}) head.length = UINT64_MAX;
  head.has_length = true;
}

void read_expect(Head& head, std::string_view value) {
  if (base::same_word(value, "100-continue")) {
    head.expects_continue = true;
  } else {
    head.refuse(417, "unknown expectation");
  }
}

struct FieldRule {
  std::string_view name;
  void (*apply)(Head&, std::string_view value);
};

constexpr std::array kFieldRules{
    FieldRule{"content-length", read_length},
    FieldRule{
        "transfer-encoding",
        [](Head& head, std::string_view) { head.refuse(411, "chunked bodies are not taken: send Content-Length"); }},
    FieldRule{"expect", read_expect},
    FieldRule{"range", [](Head& head, std::string_view) { head.refuse(416, "ranges are not served"); }},
};

void read_field(Head& head, std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return head.refuse(400, "a header line without a colon");
  const auto name = line.substr(0, colon);
  if (!is_token(name)) return head.refuse(400, "a header name with a character that no name has");
  for (const auto& rule : kFieldRules) {
    if (base::same_word(name, rule.name)) rule.apply(head, trim_blanks(line.substr(colon + 1)));
  }
}

/// No bare CR or LF, no NUL: lines end in CRLF alone, so every parser sees the same ones.
bool clean_lines(std::string_view head) {
  for (std::size_t i = 0; i < head.size(); ++i) {
    if (head[i] == '\0') return false;
    if (head[i] == '\n' && (i == 0 || head[i - 1] != '\r')) return false;
    if (head[i] == '\r' && (i + 1 == head.size() || head[i + 1] != '\n')) return false;
  }
  return true;
}

bool wants_body(std::string_view method) { return method == "POST" || method == "PUT" || method == "PATCH"; }

}  // namespace

Frame frame_request(std::string_view buffer, const FrameLimits& limits) {
  const auto end = buffer.substr(0, limits.head_bytes).find("\r\n\r\n");
  if (end == std::string_view::npos) {
    if (buffer.size() >= limits.head_bytes) return refuse(431, "request line and headers are too large");
    return Frame{};
  }
  const auto text = buffer.substr(0, end + 2);
  if (!clean_lines(text)) return refuse(400, "a line of the head does not end in CRLF");

  auto rest = text;
  const auto next_line = [&rest] {
    const auto line = rest.substr(0, rest.find("\r\n"));
    rest.remove_prefix(line.size() + 2);
    return line;
  };
  const auto request_line = next_line();
  const auto method = request_line.substr(0, request_line.find(' '));
  if (!is_token(method) || method.size() == request_line.size()) return refuse(400, "not an HTTP/1.1 request line");

  Head head;
  while (!rest.empty()) read_field(head, next_line());
  if (head.status == 0 && !head.has_length && wants_body(method)) head.refuse(411, "send Content-Length");
  if (head.status == 0 && head.length > limits.body_bytes) head.refuse(413, "body is too large");
  if (head.status != 0) return refuse(head.status, head.reason);

  Frame frame{.state = Frame::State::complete, .head_bytes = end + 4};
  frame.body_bytes = static_cast<std::size_t>(head.length);
  frame.expects_continue = head.expects_continue;
  const auto target = request_line.substr(method.size() + 1);
  frame.path = target.substr(0, target.find_first_of(" ?"));
  if (buffer.size() < frame.total()) frame.state = Frame::State::need_body;
  return frame;
}

}  // namespace net
