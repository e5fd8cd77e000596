#pragma once
#include <chrono>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/base/error.hpp"

namespace fetch {

/// How a run ended: the word that status and events carry. A word never changes its meaning.
enum class Reason {
  fetched,
  already_present,
  verified,
  unreachable,
  stalled,
  tls_error,
  rate_limited,
  server_error,
  source_changed,
  write_failed,
  interrupted,
  not_found,
  unauthorized,
  refused,
  digest_mismatch,
  not_gguf,
  shard_missing,
  no_space,
  read_only_volume,
  invalid_source,
};

/// One row of the table of reasons.
struct ReasonInfo {
  Reason reason;
  std::string_view word;
  /// 0 done, 1 worth another Pod, 2 final: the Job's podFailurePolicy fails the Job on it.
  int exit_code;
  std::string_view meaning;
};

[[nodiscard]] std::span<const ReasonInfo> reasons();
[[nodiscard]] const ReasonInfo& info_of(Reason reason);

/// A failure with its reason word: what, about what, what to do, and whether a retry can help.
struct Failure {
  Reason reason = Reason::unreachable;
  base::Error error;
  /// The host's own wish (Retry-After).
  std::optional<std::chrono::seconds> retry_after;

  /// A retry may help (exit code 1).
  [[nodiscard]] bool transient() const { return info_of(reason).exit_code == 1; }
};

template <class T = void>
using Try = std::expected<T, Failure>;

[[nodiscard]] std::unexpected<Failure> give_up(Reason reason, std::string what, std::string where,
                                               std::string fix = {});

}  // namespace fetch
