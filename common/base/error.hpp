#pragma once
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace base {

/// What went wrong, about what, and what to do: the value of every failure in this project.
/// Exceptions stop at the border to the library that throws them.
struct Error {
  /// What happened, as one sentence without a full stop: "connection refused".
  std::string what;
  /// The thing it is about: a field path, URL, file or object. Never empty in an error that a user can see.
  std::string where;
  /// What to do about it; empty when nothing but a retry helps.
  std::string fix;

  /// "<where>: <what>; <fix>", with the parts that are there.
  [[nodiscard]] std::string to_string() const;

  bool operator==(const Error&) const = default;
};

template <class T = void>
using Result = std::expected<T, Error>;

/// Shorthand for `std::unexpected(Error{...})`.
[[nodiscard]] std::unexpected<Error> fail(std::string what, std::string where, std::string fix = {});

/// The text of `errno`, thread-safe: "No such file or directory".
[[nodiscard]] std::string errno_text(int error_number);

}  // namespace base
