#include "reconciler/pod/agent/gate/chunks.hpp"

#include <algorithm>

namespace agent {
namespace {

constexpr std::size_t kLongestLine = 1024;
constexpr std::size_t kLongestTrailers = 8192;
/// 15 hex digits are more than any body, and do not overflow.
constexpr std::size_t kMostDigits = 15;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::size_t ChunkScanner::feed(std::string_view bytes, std::string* payload) {
  std::size_t at = 0;
  while (at < bytes.size() && !done() && !broken()) {
    if (state_ != State::data) {
      step(bytes[at++]);
      continue;
    }
    const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size() - at));
    if (payload != nullptr) payload->append(bytes.substr(at, take));
    at += take;
    left_ -= take;
    if (left_ == 0) state_ = State::data_cr;
  }
  return at;
}

void ChunkScanner::step(char c) {
  switch (state_) {
    case State::size:
      return size_digit(c);
    case State::extension:
      if (c == '\r') {
        state_ = State::size_end;
      } else if (c == '\n' || ++line_ > kLongestLine) {
        state_ = State::broken;
      }
      return;
    case State::size_end:
      if (c != '\n') {
        state_ = State::broken;
      } else {
        state_ = left_ > 0 ? State::data : State::trailer;
        digits_ = 0;
        line_ = 0;
      }
      return;
    case State::data_cr:
      state_ = c == '\r' ? State::data_lf : State::broken;
      return;
    case State::data_lf:
      state_ = c == '\n' ? State::size : State::broken;
      return;
    case State::trailer:
      if (++trailers_ > kLongestTrailers || c == '\n') {
        state_ = State::broken;
      } else if (c == '\r') {
        state_ = State::trailer_lf;
      } else {
        ++line_;
      }
      return;
    case State::trailer_lf:
      if (c != '\n') {
        state_ = State::broken;
      } else {
        state_ = line_ == 0 ? State::done : State::trailer;
        line_ = 0;
      }
      return;
    case State::data:
    case State::done:
    case State::broken:
      return;
  }
}

void ChunkScanner::size_digit(char c) {
  const int digit = hex_digit(c);
  if (digit >= 0) {
    left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
    if (++digits_ > kMostDigits) state_ = State::broken;
  } else if (digits_ == 0) {
    state_ = State::broken;
  } else if (c == '\r') {
    state_ = State::size_end;
  } else if (c == ';' || c == ' ' || c == '\t') {
    state_ = State::extension;
  } else {
    state_ = State::broken;
  }
}

}  // namespace agent
