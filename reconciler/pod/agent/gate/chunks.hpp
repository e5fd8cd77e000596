#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace agent {

/// Follows the chunked transfer coding without changing it: how many of the bytes fed belong to the message, and
/// whether it has ended. Trailers are passed over. Bounded: a size line is at most 1 KiB, trailers at most 8 KiB.
class ChunkScanner {
 public:
  /// The bytes of `bytes` that belong to the body; fewer than all when it has ended within. Where `payload` is given,
  /// the data of the chunks is appended to it.
  [[nodiscard]] std::size_t feed(std::string_view bytes, std::string* payload = nullptr);
  [[nodiscard]] bool done() const { return state_ == State::done; }
  /// Not chunked coding. Nothing more is taken.
  [[nodiscard]] bool broken() const { return state_ == State::broken; }

 private:
  enum class State { size, extension, size_end, data, data_cr, data_lf, trailer, trailer_lf, done, broken };
  void step(char c);
  void size_digit(char c);

  State state_ = State::size;
  std::uint64_t left_ = 0;
  std::size_t digits_ = 0;
  std::size_t line_ = 0;
  std::size_t trailers_ = 0;
};

}  // namespace agent
