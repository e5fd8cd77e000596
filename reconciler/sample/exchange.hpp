#pragma once
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace reconciler {

/// Whom to ask for what: a GET to a Pod or a Service by its IP address, of either family.
struct Question {
  std::string ip;
  int port = 0;
  std::string path;

  /// As it is written in messages: http://IP:PORT/PATH.
  [[nodiscard]] std::string url() const;
};

/// How much of an answer is wanted, and how long it is waited for.
struct Terms {
  enum class Until { head, body };

  Until until = Until::body;
  /// From the start on: until it is connected, and until what is wanted has come.
  std::chrono::milliseconds connect_for{};
  std::chrono::milliseconds patience{};
};

/// What came of it.
struct Answer {
  /// `cut`: the other side hung up before what is wanted had come, or it was no answer of a stated length of at most
  /// 1 MiB; `late`: it took too long.
  enum class End { not_connected, cut, late, complete };

  End end = End::not_connected;
  /// The errno of what is not connected: ETIMEDOUT when it took too long, EINVAL when `ip` is no address.
  int error = 0;
  /// Of what is complete; 0 when only the head was wanted and it is none of HTTP.
  int status = 0;
  /// Empty when only the head was wanted.
  std::string body{};
};

/// Asks all of them at once, each on a connection of its own, and gives each answer as it comes, by the question's
/// place in the list. Returns when all have ended. Our own programs answer, a thousand of them in turn, so one costs a
/// few system calls and no more, without redirects and chunks, and all together wake this thread once or twice.
void ask_all(const std::vector<Question>& questions, const Terms& terms,
             const std::function<void(std::size_t, Answer)>& answered);

}  // namespace reconciler
