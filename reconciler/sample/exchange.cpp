#include "reconciler/sample/exchange.hpp"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include "common/net/head.hpp"

namespace reconciler {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kLargestHead = std::size_t{64} << 10U;
constexpr std::size_t kLargestBody = std::size_t{1} << 20U;

/// Where several are asked, answers wait so long for others, then twice as long: a wake-up costs more than an answer.
constexpr std::chrono::milliseconds kGather{2};

std::string host_of(const Question& question) {
  const auto& ip = question.ip;
  return (ip.find(':') == std::string::npos ? ip : "[" + ip + "]") + ":" + std::to_string(question.port);
}

std::string request_of(const Question& question) {
  return "GET " + question.path + " HTTP/1.1\r\nHost: " + host_of(question) + "\r\nConnection: close\r\n\r\n";
}

/// One question on its way, in steps of which none waits.
///
///     connecting ──▶ sending ──▶ receiving ──▶ ended
///         └─────────────┴────────────┴──────────▲
class Exchange {
 public:
  /// The `index`-th of what is asked.
  Exchange(std::size_t index, const Question& question, const Terms& terms)
      : index_(index),
        until_(terms.until),
        deadline_(Clock::now() + terms.connect_for),
        answer_by_(Clock::now() + terms.patience),
        request_(request_of(question)) {
    connect(question);
  }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  [[nodiscard]] std::size_t index() const { return index_; }
  [[nodiscard]] bool ended() const { return state_ == State::ended; }
  [[nodiscard]] Clock::time_point deadline() const { return deadline_; }
  /// What poll() is to wait for.
  [[nodiscard]] pollfd waits_for() const {
    return {descriptor_, static_cast<short>(state_ == State::receiving ? POLLIN : POLLOUT), 0};
  }
  [[nodiscard]] Answer take_answer() { return std::move(answer_); }

  /// As far as it comes without waiting.
  void go_on() {
    if (state_ == State::connecting) finish_connecting();
    if (state_ == State::sending) send();
    if (state_ == State::receiving) receive();
  }
  /// Its time is over.
  void give_up() {
    if (state_ == State::connecting) return fail_to_connect(ETIMEDOUT);
    end(Answer::End::late);
  }

 private:
  enum class State { connecting, sending, receiving, ended };

  void connect(const Question& question) {
    addrinfo hints{};
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(question.ip.c_str(), std::to_string(question.port).c_str(), &hints, &found) != 0)
      return fail_to_connect(EINVAL);
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> address(found, ::freeaddrinfo);
    descriptor_ = ::socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor_ < 0) return fail_to_connect(errno);
    if (::connect(descriptor_, address->ai_addr, address->ai_addrlen) != 0 && errno != EINPROGRESS)
      return fail_to_connect(errno);
    send();  // who is near is connected by now
  }

  void finish_connecting() {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return fail_to_connect(error);
    note_connected();
  }

  void note_connected() {
    state_ = State::sending;
    deadline_ = answer_by_;
  }

  void send() {
    while (sent_ < request_.size()) {
      const auto sent = ::send(descriptor_, request_.data() + sent_, request_.size() - sent_, MSG_NOSIGNAL);
      if (sent < 0) {
        if (errno == EAGAIN || errno == EINTR) return;
        return state_ == State::connecting ? fail_to_connect(errno) : end(Answer::End::cut);
      }
      if (state_ == State::connecting) note_connected();
      sent_ += static_cast<std::size_t>(sent);
    }
    state_ = State::receiving;
  }

  void receive() {
    std::array<char, 4096> part{};
    while (!has_all()) {
      const auto got = ::recv(descriptor_, part.data(), part.size(), 0);
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
      if (got <= 0) return end(Answer::End::cut);
      received_.append(part.data(), static_cast<std::size_t>(got));
    }
  }

  /// Whether what is wanted has come, or never will: then it has ended.
  bool has_all() {
    if (!whole_) {
      const auto head_bytes = net::head_size(received_, std::exchange(searched_, received_.size()));
      if (!head_bytes) {
        if (received_.size() > kLargestHead) end(Answer::End::cut);
        return ended();
      }
      const auto head = net::read_response_head(std::string_view(received_).substr(0, *head_bytes));
      answer_.status = head ? head->status : 0;
      if (until_ == Terms::Until::head) {
        end(Answer::End::complete);
        return true;
      }
      if (!head || head->length.value_or(kLargestBody + 1) > kLargestBody) {
        end(Answer::End::cut);
        return true;
      }
      head_bytes_ = *head_bytes;
      whole_ = *head_bytes + static_cast<std::size_t>(*head->length);
    }
    if (received_.size() < *whole_) return false;
    answer_.body = received_.substr(head_bytes_, *whole_ - head_bytes_);
    end(Answer::End::complete);
    return true;
  }

  void fail_to_connect(int error) {
    answer_.error = error;
    end(Answer::End::not_connected);
  }

  void end(Answer::End how) {
    answer_.end = how;
    state_ = State::ended;
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }

  std::size_t index_;
  Terms::Until until_;
  Clock::time_point deadline_;
  Clock::time_point answer_by_;
  std::string request_;
  int descriptor_ = -1;
  State state_ = State::connecting;
  std::size_t sent_ = 0;
  std::string received_;
  /// So much of it holds no end of a head.
  std::size_t searched_ = 0;
  std::size_t head_bytes_ = 0;
  /// Of head and body, once the head has come.
  std::optional<std::size_t> whole_;
  Answer answer_;
};

}  // namespace

std::string Question::url() const { return "http://" + host_of(*this) + path; }

void ask_all(const std::vector<Question>& questions, const Terms& terms,
             const std::function<void(std::size_t, Answer)>& answered) {
  std::list<Exchange> open;
  for (const auto& question : questions) open.emplace_back(open.size(), question, terms);
  std::vector<pollfd> waiting;
  auto gather = kGather;
  while (true) {
    for (auto at = open.begin(); at != open.end();) {
      if (at->ended()) {
        answered(at->index(), at->take_answer());
        at = open.erase(at);
      } else {
        ++at;
      }
    }
    if (open.empty()) return;
    waiting.clear();
    auto first = Clock::time_point::max();
    for (const auto& exchange : open) {
      waiting.push_back(exchange.waits_for());
      first = std::min(first, exchange.deadline());
    }
    if (open.size() > 1) {
      std::this_thread::sleep_until(std::min(first, Clock::now() + gather));
      gather *= 2;
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(first - Clock::now());
    ::poll(waiting.data(), waiting.size(), static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    const auto now = Clock::now();
    auto ready = waiting.begin();
    for (auto& exchange : open) {
      if (ready++->revents != 0) exchange.go_on();
      if (!exchange.ended() && exchange.deadline() <= now) exchange.give_up();
    }
  }
}

}  // namespace reconciler
