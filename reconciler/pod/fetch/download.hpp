#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "common/api/source.hpp"
#include "common/base/clock.hpp"
#include "reconciler/pod/fetch/partial.hpp"
#include "reconciler/pod/fetch/progress.hpp"
#include "reconciler/pod/fetch/transport.hpp"

namespace fetch {

/// One file to fetch: from where, with which credentials, and what is known of it beforehand.
struct Remote {
  std::string url;
  /// What the source is, for a fix that fits it.
  api::SourceKind kind = api::SourceKind::http;
  std::string bearer;
  std::optional<AwsKeys> aws;
  /// 64 hex digits that the content must have; empty: the host's word counts, if it gives one.
  std::string sha256;
  /// What the host said of it just now, where it was asked: a partial of anything else is of no use, also when it is
  /// whole and nothing would be asked for.
  std::optional<Identity> identity{};
  /// The first bytes must be GGUF's: then a wrong page ends the download at once.
  bool gguf = true;
};

/// Limits of a download; the defaults are those of the flags.
struct DownloadSettings {
  /// No byte for so long ends a connection.
  std::chrono::milliseconds stall{60'000};
  /// No new byte for so long, over all retries, ends the run; waits that the host asks for (Retry-After) may take as
  /// long again.
  std::chrono::milliseconds retry_for{900'000};
  std::chrono::milliseconds first_backoff{500};
  std::chrono::milliseconds longest_backoff{30'000};
  unsigned most_streams = 8;
};

/// What a finished download is.
struct Downloaded {
  std::uint64_t size = 0;
  std::string sha256;
  Identity identity;
};

/// Brings all bytes of `remote` into `partial` and verifies their sha256, through every fault that a retry can cure.
/// What was there from an earlier run of the same identity is kept. Returns when it is done, when nothing helps, or
/// when `stop` is asked for; the partial is then ready to be resumed.
///
///   start ──► ask for pieces ──► all bytes there ──► hash ──► right ──► done
///              ▲   │  lost connection, 5xx, 429, stall: wait, ask again
///              │   │  other bytes than before (ETag, size, 200): from byte 0
///              └───┘                               wrong ──► from byte 0, once; then DigestMismatch
[[nodiscard]] Try<Downloaded> download(Transport& transport, const Remote& remote, const DownloadSettings& settings,
                                       Partial& partial, Progress& progress, const std::stop_token& stop);

}  // namespace fetch
