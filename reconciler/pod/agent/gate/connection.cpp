#include "reconciler/pod/agent/gate/connection.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include "common/base/json.hpp"
#include "common/base/wire_text.hpp"
#include "common/net/http.hpp"
#include "reconciler/pod/agent/gate/asked_model.hpp"
#include "reconciler/pod/agent/gate/forward.hpp"
#include "reconciler/pod/agent/gate/gate_rules.hpp"

namespace agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kMaxHead = std::size_t{32} << 10U;
constexpr std::size_t kMaxAnswerHead = std::size_t{64} << 10U;
/// So much of an answer waits for a slow reader; then llama-server is not read from until it has caught up.
constexpr std::size_t kHighWater = std::size_t{256} << 10U;
/// So much of what a connection holds is not counted: a usual request finds room whatever others do.
constexpr std::size_t kUncounted = std::size_t{4} << 10U;
/// When there is no room, so much of an answer is read once all before it has gone.
constexpr std::size_t kTightRead = std::size_t{4} << 10U;
/// A buffer larger than this has memory only where it was written to (M_MMAP_THRESHOLD in main.cpp).
constexpr std::size_t kMapped = std::size_t{128} << 10U;

/// Keep-alive without a request; longer than the pools of usual clients and load balancers keep theirs.
constexpr seconds kIdle{300};
/// A head, from its first byte; a body, for each `kBodyStep` of it: at least 17 KiB a second.
constexpr seconds kRequestPause{30};
constexpr std::size_t kBodyStep = std::size_t{512} << 10U;
/// A body up to this size is that of a small request.
constexpr std::size_t kSmallBody = std::size_t{64} << 10U;
/// Of an announced length: with this part here the rest gets its addresses, and memory as it comes.
constexpr std::size_t kBelieved = 8;
/// A reader that takes nothing.
constexpr seconds kReaderPause{300};
constexpr seconds kLinger{2};
/// Loading signals: the first, and between two.
constexpr seconds kFirstSignal{1};
constexpr seconds kSignal{5};

/// Read at once at most, onto the stack.
constexpr std::size_t kReadChunk = std::size_t{64} << 10U;

/// The types that OpenAI's clients know.
std::string_view error_type(int status) {
  if (status == 403) return "permission_error";
  if (status == 503) return "unavailable_error";
  return status < 500 ? "invalid_request_error" : "server_error";
}

/// Both OpenAI's clients and llama-server's know this shape.
std::string error_body(int code, std::string_view message) {
  return R"({"error":{"code":)" + std::to_string(code) + R"(,"message":)" + base::quote_json(message) + R"(,"type":")" +
         std::string(error_type(code)) + R"(","param":null}})";
}

constexpr std::string_view kLastChunk = "0\r\n\r\n";

std::string chunk_of(std::string_view payload) {
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.begin(), digits.end(), payload.size(), 16).ptr;
  return std::string(digits.begin(), end) + "\r\n" + std::string(payload) + "\r\n";
}

/// Thousands of idle connections keep nothing.
void release(std::string& buffer) { std::string().swap(buffer); }

}  // namespace

Connection::Connection(ConnectionHost& host, int client) : host_(host), client_(client) {
  const int on = 1;
  setsockopt(client_, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  client_events_ = EPOLLIN | EPOLLRDHUP;
  host_.watch(client_, client_events_, *this, false, true);
  set_deadline(kIdle);
}

Connection::~Connection() {
  if (client_ >= 0) ::close(client_);
  if (server_ >= 0) ::close(server_);
}

void Connection::end() {
  if (buried_) return;
  buried_ = true;
  drop_body();
  leave();
  delivered();
  close_server();
  host_.count_held(std::exchange(counted_, 0), 0);
  ::close(client_);
  client_ = -1;
  host_.bury(*this);
}

void Connection::count_held() {
  if (buried_) return;
  // The request's head once more as it goes on, in a buffer that may be twice as large.
  const std::size_t head = 3 * head_.capacity() + request_.lines.capacity() * sizeof(net::HeaderLine);
  const std::size_t body = body_.capacity() > kMapped ? body_.size() : body_.capacity();
  const std::size_t held = in_.capacity() + head + body + answer_head_.capacity() + out_.capacity();
  const std::size_t counted = held > kUncounted ? held - kUncounted : 0;
  host_.count_held(std::exchange(counted_, counted), counted);
}

void Connection::set_deadline(milliseconds time) { deadline_ = host_.now() + time; }

void Connection::tick() {
  if (buried_) return;
  const auto now = host_.now();
  const bool unanswered = state_ == State::waiting || state_ == State::sending || state_ == State::answering;
  if (unanswered && ticket_ && !answer_begun_ && wants_signal_ && now >= next_signal_) signal_loading();
  if (buried_ || !deadline_ || now < *deadline_) return;
  const bool request_stuck = state_ == State::body || (state_ == State::head && !in_.empty());
  if (request_stuck) {
    close_after_ = true;
    respond_error(408, "the rest of the request did not come");
  } else {
    end();
  }
}

// Towards the client.

void Connection::on_client(std::uint32_t events) {
  if (buried_) return;
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) return end();
  if ((events & EPOLLOUT) != 0) flush();
  if (buried_) return;
  const bool reads = state_ == State::head || state_ == State::body || state_ == State::closing;
  if (reads && (events & (EPOLLIN | EPOLLRDHUP)) != 0) return read_client();
  // Nobody is there to read the answer: the request ends, also in llama-server.
  if (!reads && (events & EPOLLRDHUP) != 0) end();
}

void Connection::read_client() {
  std::array<char, kReadChunk> buffer;
  const auto count = ::recv(client_, buffer.data(), buffer.size(), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) return end();
  const std::string_view bytes(buffer.data(), static_cast<std::size_t>(count));
  if (state_ == State::closing) return;
  if (state_ == State::body) return take_body(bytes);
  if (in_.empty()) set_deadline(kRequestPause);
  in_.append(bytes);
  if (finds_room()) pump();
}

/// Takes requests from what was read, one after the other, as long as each is answered at once.
void Connection::pump() {
  if (pumping_) return;
  pumping_ = true;
  while (!buried_ && state_ == State::head && !in_.empty() && take_head()) {
  }
  pumping_ = false;
  if (!buried_) watch_client();
}

/// False when the head is not there yet.
bool Connection::take_head() {
  const auto size = net::head_size(in_, std::exchange(searched_, 0));
  if (!size && in_.size() <= kMaxHead) {
    searched_ = in_.size();
    return false;
  }
  if (!size || *size > kMaxHead) {
    close_after_ = true;
    respond_error(431, "the request's head is larger than 32 KiB");
    return true;
  }
  head_ = in_.substr(0, *size);
  in_.erase(0, *size);
  if (in_.empty()) release(in_);
  auto head = net::read_request_head(head_);
  if (!head) {
    close_after_ = true;
    respond_error(head.error().status, head.error().reason);
    return true;
  }
  request_ = std::move(*head);
  is_head_request_ = request_.method == "HEAD";
  close_after_ = !request_.keep_alive || host_.stopping();
  if (finds_room()) begin_body();
  return true;
}

void Connection::begin_body() {
  body_left_ = request_.length.value_or(0);
  body_chunks_ = {};
  if (body_left_ > host_.max_body_bytes()) {
    close_after_ = true;
    return respond_error(413, "the body is larger than " + std::to_string(host_.max_body_bytes()) + " bytes");
  }
  if (body_left_ == 0 && !request_.chunked) return route();
  state_ = State::body;
  body_due_ = kBodyStep;
  set_deadline(kRequestPause);
  if (request_.expects_continue && in_.empty()) deliver("HTTP/1.1 100 Continue\r\n\r\n");
  if (!buried_ && !in_.empty()) take_body(std::exchange(in_, {}));
}

/// Room for what is here of the request: what a head announces costs its client nothing, and may never come. False when
/// there is none: that is answered then.
bool Connection::finds_room() {
  const auto before = counted_;
  count_held();
  const auto need = body_.size() > kSmallBody ? Need::large_request : Need::small_request;
  if (counted_ <= before || host_.has_room(need)) return true;
  close_after_ = true;
  release(in_);
  release(head_);
  request_ = {};
  respond_error(503, "too many large requests wait at this moment", "Retry-After: 1\r\n");
  return false;
}

void Connection::drop_body() { release(body_); }

void Connection::take_body(std::string_view bytes) {
  std::size_t taken = 0;
  bool complete = false;
  // The length is believed once a part of it is here: a buffer that grows by itself is there twice when it grows last.
  const auto expected = request_.length.value_or(host_.max_body_bytes() + kReadChunk);
  if (body_.size() + bytes.size() > expected / kBelieved) body_.reserve(expected);
  if (request_.chunked) {
    taken = body_chunks_.feed(bytes, &body_);
    complete = body_chunks_.done();
  } else {
    taken = static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, bytes.size()));
    body_.append(bytes.substr(0, taken));
    body_left_ -= taken;
    complete = body_left_ == 0;
  }
  if (body_chunks_.broken() || body_.size() > host_.max_body_bytes()) {
    close_after_ = true;
    return body_chunks_.broken()
               ? respond_error(400, "not the chunked transfer coding")
               : respond_error(413, "the body is larger than " + std::to_string(host_.max_body_bytes()) + " bytes");
  }
  if (!finds_room()) return;
  if (body_.size() >= body_due_) {
    body_due_ = body_.size() + kBodyStep;
    set_deadline(kRequestPause);
  }
  if (!complete) return;
  in_.append(bytes.substr(taken));
  route();
}

/// A whole request is here: where does it go?
void Connection::route() {
  deadline_.reset();
  const auto query = request_.query();
  const auto rule = judge(request_.method, base::decode_percent(request_.path()), query);
  switch (rule.kind) {
    case GateRule::Kind::forbid:
      return respond_error(403, rule.reason);
    case GateRule::Kind::health:
      return respond_health();
    case GateRule::Kind::metrics:
      return go(true);
    case GateRule::Kind::pass:
      return go(false);
    case GateRule::Kind::by_query:
      return queue(net::query_parameter(query, "model").value_or(""));
    case GateRule::Kind::by_body: {
      const auto asked = read_asked(body_, request_.value("content-type"));
      wants_signal_ = asked.stream && request_.minor == 1 && host_.scheduler().loading_signal();
      return asked.model ? queue(*asked.model) : go(false);
    }
  }
}

/// Who asks picks a Pod by the answer: not one that is about to go.
void Connection::respond_health() {
  const auto& scheduler = host_.scheduler();
  if (scheduler.is_closing()) return respond_error(503, "this Pod is being stopped");
  if (!scheduler.server_up()) return respond_error(503, "llama-server does not answer");
  respond(200, R"({"status":"ok"})");
}

void Connection::queue(std::string_view model) {
  const auto ticket = host_.scheduler().arrive(model);
  // No such model: llama-server says so in its own words.
  if (!ticket) return go(false);
  may_try_again_ = true;
  wait_for(*ticket);
}

void Connection::wait_for(Scheduler::Ticket ticket) {
  ticket_ = ticket;
  undelivered_ = ticket;
  state_ = State::waiting;
  next_signal_ = host_.now() + kFirstSignal;
  host_.expect(ticket, *this);
  watch_client();
}

void Connection::decided(const Scheduler::Decision& decision) {
  if (buried_ || state_ != State::waiting) return;
  if (decision.refusal == Scheduler::Refusal::none) return go(false);
  ticket_.reset();  // a refused request has left already
  refuse(decision);
}

void Connection::refuse(const Scheduler::Decision& decision) {
  const bool draining = decision.refusal == Scheduler::Refusal::draining;
  if (draining) close_after_ = true;
  const bool failed = decision.refusal == Scheduler::Refusal::load_failed;
  respond_error(503, decision.message, failed ? "Retry-After: 10\r\n" : "Retry-After: 1\r\n");
}

void Connection::respond_error(int status, std::string_view message, std::string_view headers) {
  respond(status, error_body(status, message), headers);
}

/// The gate's own answer.
void Connection::respond(int status, std::string_view body, std::string_view headers) {
  leave();
  close_server();
  drop_body();
  state_ = State::answering;
  answer_complete_ = true;
  if (signalled_) return deliver(chunk_of("data: " + std::string(body) + "\n\n") + std::string(kLastChunk));
  std::string answer = "HTTP/1.1 " + std::to_string(status) + " " + std::string(net::phrase(status)) +
                       "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  answer += headers;
  if (close_after_) answer += "Connection: close\r\n";
  answer += "\r\n";
  if (!is_head_request_) answer += body;
  deliver(answer);
}

/// Writes what the socket takes, and keeps the rest.
void Connection::deliver(std::string_view bytes) {
  if (buried_) return;
  if (out_.empty()) {
    const auto sent = ::send(client_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return end();
    if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
    out_at_ = 0;
  }
  if (!bytes.empty()) {
    if (out_.empty()) set_deadline(kReaderPause);
    out_.append(bytes);
    count_held();
  }
  if (out_.empty() && answer_complete_) return after_answer();
  watch_client();
}

void Connection::flush() {
  while (out_at_ < out_.size()) {
    const auto sent = ::send(client_, out_.data() + out_at_, out_.size() - out_at_, MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
      // What was sent makes room only once it is half of the buffer.
      if (out_at_ > out_.size() / 2) out_.erase(0, std::exchange(out_at_, 0));
      break;
    }
    if (sent < 0) return end();
    out_at_ += static_cast<std::size_t>(sent);
    set_deadline(kReaderPause);
  }
  if (out_at_ == out_.size()) {
    release(out_);
    out_at_ = 0;
    if (state_ != State::head && state_ != State::body && state_ != State::closing) deadline_.reset();
    if (answer_complete_) return after_answer();
  }
  watch_client();
  watch_server();
}

void Connection::delivered() {
  if (undelivered_) host_.scheduler().delivered(*std::exchange(undelivered_, std::nullopt));
}

/// The whole answer has gone to the client.
void Connection::after_answer() {
  delivered();
  answer_complete_ = false;
  answer_begun_ = false;
  signalled_ = false;
  wants_signal_ = false;
  may_try_again_ = false;
  release(answer_head_);
  drop_body();
  release(to_server_);
  release(head_);
  request_ = {};
  is_head_request_ = false;
  if (close_after_) return begin_closing();
  state_ = State::head;
  set_deadline(in_.empty() ? milliseconds{kIdle} : milliseconds{kRequestPause});
  if (in_.empty()) release(in_);
  pump();
  watch_client();
}

/// The rest of what the client sends is read and dropped: closing at once would reset the connection, and the client
/// might never see the answer.
void Connection::begin_closing() {
  state_ = State::closing;
  set_deadline(kLinger);
  ::shutdown(client_, SHUT_WR);
  release(in_);
  watch_client();
}

void Connection::watch_client() {
  if (buried_) return;
  const bool reads = state_ == State::head || state_ == State::body || state_ == State::closing;
  // A client that has shut down its side while closing is only read to its end.
  std::uint32_t wanted = reads ? static_cast<std::uint32_t>(EPOLLIN) : static_cast<std::uint32_t>(EPOLLRDHUP);
  if (!out_.empty()) wanted |= EPOLLOUT;
  if (wanted == client_events_) return;
  client_events_ = wanted;
  host_.watch(client_, wanted, *this, false, false);
}

// Towards llama-server.

void Connection::go(bool agent) {
  server_ = host_.connect(agent);
  if (server_ < 0) return respond_error(503, "llama-server does not answer", "Retry-After: 1\r\n");
  to_server_ = forward_request_head(request_, body_.size());
  sent_ = 0;
  state_ = State::sending;
  answer_begun_ = false;
  answer_head_.clear();
  server_events_ = EPOLLIN;
  host_.watch(server_, server_events_, *this, true, true);
  watch_client();
  send_request();
}

void Connection::send_request() {
  while (state_ == State::sending) {
    const std::size_t total = to_server_.size() + body_.size();
    std::array<iovec, 2> parts{};
    const std::size_t head_sent = std::min(sent_, to_server_.size());
    const std::size_t body_sent = sent_ - head_sent;
    parts[0] = {to_server_.data() + head_sent, to_server_.size() - head_sent};
    parts[1] = {body_.data() + body_sent, body_.size() - body_sent};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    const auto sent = ::sendmsg(server_, &message, MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) break;
    if (sent < 0) {
      // It takes no more, and may have answered before it closed.
      state_ = State::answering;
      return read_server();
    }
    sent_ += static_cast<std::size_t>(sent);
    if (sent_ < total) continue;
    state_ = State::answering;
    may_try_again_ = may_try_again_ && !answer_begun_ && host_.has_room(Need::spare);
    if (!may_try_again_) drop_body();
    release(to_server_);
  }
  watch_server();
}

void Connection::on_server() {
  if (buried_ || server_ < 0) return;
  if (state_ == State::sending) send_request();
  if (!buried_ && server_ >= 0) read_server();
}

/// How much of the answer may be read now. A reader that is behind never waits for others to make room: what it has
/// taken makes some.
std::size_t Connection::output_room() const {
  const std::size_t behind = out_.size() - out_at_;
  if (host_.has_room(Need::spare)) return behind <= kHighWater ? kReadChunk : 0;
  return behind == 0 ? kTightRead : 0;
}

void Connection::read_server() {
  constexpr int kRounds = 4;  // then the others have their turn
  std::array<char, kReadChunk> buffer;
  for (int round = 0; round < kRounds; ++round) {
    const std::size_t room = output_room();
    if (room == 0) break;
    const auto count = ::recv(server_, buffer.data(), room, 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) break;
    if (count <= 0) return server_ended();
    consume({buffer.data(), static_cast<std::size_t>(count)});
    if (buried_ || server_ < 0) return;
    if (static_cast<std::size_t>(count) < room) break;
  }
  watch_server();
}

void Connection::consume(std::string_view bytes) {
  if (answer_begun_) return take_answer_body({}, bytes);
  answer_head_.append(bytes);
  while (true) {
    auto size = net::head_size(answer_head_);
    if (!size && answer_head_.size() <= kMaxAnswerHead) return;
    auto head = net::read_response_head(std::string_view(answer_head_).substr(0, size.value_or(0)));
    if (!head) return respond_error(502, "llama-server answered something that is not HTTP");
    if (ticket_ && !is_head_request_) {
      const auto lost = tells_lost_process(*head, std::string_view(answer_head_).substr(*size));
      if (!lost) return;
      if (*lost && try_again()) return;
    }
    if (may_be_failed_load(*head)) {
      if (answer_head_.size() < *size + *head->length) return;
      const auto body = std::string_view(answer_head_).substr(*size);
      if (auto explained = explain_failed_load(*head, body, host_.scheduler().cause(*ticket_))) {
        answer_head_ = std::move(*explained);
        size = net::head_size(answer_head_);
        head = net::read_response_head(std::string_view(answer_head_).substr(0, *size));
      }
    }
    if (head->status >= 200) {
      take_answer_head(*head);
      const auto forwarded = signalled_ ? std::string() : forward_response_head(*head, close_after_, request_.minor);
      const std::string rest = answer_head_.substr(*size);
      release(answer_head_);
      return take_answer_body(forwarded, rest);
    }
    // 1xx: the final answer follows.
    answer_head_.erase(0, *size);
  }
}

/// False when the answer has to do.
bool Connection::try_again() {
  host_.scheduler().doubt(*ticket_);
  if (!may_try_again_ || signalled_) return false;
  const auto again = host_.scheduler().arrive_again(*ticket_);
  if (!again) return false;
  may_try_again_ = false;
  close_server();
  release(answer_head_);
  wait_for(*again);
  return true;
}

/// A short 500: worth the wait for its end.
bool Connection::may_be_failed_load(const net::ResponseHead& head) const {
  constexpr std::uint64_t kLongest = 4096;
  return head.status == 500 && ticket_ && !is_head_request_ && head.length && *head.length <= kLongest;
}

void Connection::take_answer_head(const net::ResponseHead& head) {
  answer_begun_ = true;
  if (state_ == State::answering) drop_body();
  status_ = head.status;
  answer_chunks_ = {};
  answer_left_ = head.length.value_or(0);
  const bool has_body = !is_head_request_ && status_ != 204 && status_ != 304;
  framing_ = !has_body      ? Framing::none
             : head.chunked ? Framing::chunked
             : head.length  ? Framing::length
                            : Framing::until_close;
  if (framing_ == Framing::until_close) close_after_ = true;
  if (ticket_) host_.scheduler().answered(*ticket_, status_ >= 500);
  if (signalled_ && status_ != 200) deliver_chunk("data: ");
}

void Connection::take_answer_body(std::string prefix, std::string_view bytes) {
  std::string payload;
  bool complete = framing_ == Framing::none;
  std::size_t taken = 0;
  switch (framing_) {
    case Framing::none:
      break;
    case Framing::length:
      taken = static_cast<std::size_t>(std::min<std::uint64_t>(answer_left_, bytes.size()));
      answer_left_ -= taken;
      complete = answer_left_ == 0;
      break;
    case Framing::chunked:
      taken = answer_chunks_.feed(bytes, signalled_ ? &payload : nullptr);
      if (answer_chunks_.broken()) return end();
      complete = answer_chunks_.done();
      break;
    case Framing::until_close:
      taken = bytes.size();
      break;
  }
  bytes = bytes.substr(0, taken);
  if (complete) see_off_server();
  // The last bytes go out with `answer_complete_` set, so that delivering them begins the next request.
  if (signalled_) {
    const std::string_view data = framing_ == Framing::chunked ? std::string_view(payload) : bytes;
    if (!data.empty()) deliver_chunk(data);
    if (complete) deliver_last_chunk();
    return;
  }
  answer_complete_ = complete;
  if (prefix.empty()) return deliver(bytes);
  prefix.append(bytes);
  deliver(prefix);
}

void Connection::deliver_last_chunk() {
  if (status_ != 200) deliver_chunk("\n\n");
  answer_complete_ = true;
  deliver(kLastChunk);
}

/// llama-server closed the connection.
void Connection::server_ended() {
  if (!answer_begun_) {
    return sent_ == 0
               ? respond_error(503, "llama-server does not answer", "Retry-After: 1\r\n")
               : respond_error(502, "llama-server closed the connection before it answered", "Retry-After: 1\r\n");
  }
  // An answer that was cut must not look whole.
  if (framing_ != Framing::until_close) return end();
  leave();
  close_server();
  if (signalled_) return deliver_last_chunk();
  answer_complete_ = true;
  if (out_.empty()) after_answer();
}

void Connection::close_server() {
  if (server_ < 0) return;
  ::close(server_);
  server_ = -1;
  server_events_ = 0;
}

void Connection::see_off_server() {
  const int server = std::exchange(server_, -1);
  server_events_ = 0;
  host_.see_off(server, std::exchange(ticket_, std::nullopt));
}

void Connection::watch_server() {
  if (buried_ || server_ < 0) return;
  std::uint32_t wanted = 0;
  if (output_room() > 0) wanted |= EPOLLIN;
  if (state_ == State::sending) wanted |= EPOLLOUT;
  if (wanted == server_events_) return;
  const bool is_new = server_events_ == 0;
  server_events_ = wanted;
  host_.watch(server_, wanted, *this, true, is_new);
}

void Connection::leave() {
  if (!ticket_) return;
  const auto ticket = *std::exchange(ticket_, std::nullopt);
  host_.scheduler().leave(ticket);
  host_.forget(ticket);
}

// Loading signals.

void Connection::signal_loading() {
  next_signal_ = host_.now() + kSignal;
  if (!signalled_) {
    signalled_ = true;
    std::string head =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
        "Transfer-Encoding: chunked\r\n";
    if (close_after_) head += "Connection: close\r\n";
    deliver(head + "\r\n");
  }
  deliver_chunk(": waiting for the model\n\n");
}

void Connection::deliver_chunk(std::string_view payload) { deliver(chunk_of(payload)); }

}  // namespace agent
