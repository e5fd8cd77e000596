#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/pod/fetch/http_words.hpp"
#include "reconciler/pod/fetch/reason.hpp"
#include "reconciler/pod/fetch/spans.hpp"

namespace fetch {

/// Keys for AWS Signature Version 4.
struct AwsKeys {
  std::string access_key;
  std::string secret_key;
  std::string session_token;
  std::string region;
};

/// What is asked of a host. Credentials go to the URL's own host only, never along a redirect.
struct Request {
  std::string url;
  /// Which bytes; nothing asks for the whole without a Range header.
  std::optional<Span> range;
  /// If-Range; only with a range.
  std::string if_range;
  /// Authorization: Bearer.
  std::string bearer;
  /// Signs the request; redirects are not followed then.
  std::optional<AwsKeys> aws;
  /// HEAD instead of GET.
  bool head = false;
};

/// What the last response of a chain of redirects said before its body.
struct ResponseHead {
  long status = 0;
  std::optional<ContentRange> content_range;
  std::optional<std::uint64_t> content_length;
  std::string etag;  // a strong one, else empty
  std::string last_modified;
  std::string content_type;
  /// Which coding the bytes are in; empty for their own (identity).
  std::string content_encoding;
  /// The host's word for the sha256, from any response of the chain.
  std::string sha256;
  /// x-amz-bucket-region, for a fix that says it.
  std::string bucket_region;
  /// x-error-message: why Hugging Face refuses, in its own words.
  std::string error_message;
  std::optional<std::chrono::seconds> retry_after;
  /// Where the answer came from in the end.
  std::string final_url;
  /// Time of the TCP handshake, when a connection was made for it.
  std::optional<std::chrono::microseconds> round_trip;
};

/// Takes what comes. Called on the thread that calls `Transport::poll`.
class Receiver {
 public:
  virtual ~Receiver() = default;
  /// False ends the transfer.
  [[nodiscard]] virtual bool on_head(const ResponseHead& head) = 0;
  /// False ends the transfer.
  [[nodiscard]] virtual bool on_body(std::string_view bytes) = 0;
};

struct TransportSettings {
  /// PEM with certificates that are trusted beside the system's; empty: none.
  std::string ca_file;
  std::chrono::seconds connect_timeout{20};
  /// Bytes per second of each stream; 0: no limit.
  std::uint64_t rate_limit = 0;
};

/// HTTP/1.1 over libcurl (one connection per range: more streams in one HTTP/2 connection share its window).
/// Proxies come from the environment as libcurl reads it (http_proxy, https_proxy, all_proxy, no_proxy).
/// Not thread-safe.
class Transport {
 public:
  explicit Transport(TransportSettings settings);
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  using Id = std::uint64_t;
  /// Starts a transfer; `receiver` must live until it is finished or cancelled.
  [[nodiscard]] Id start(const Request& request, Receiver& receiver);
  void cancel(Id id);
  /// The transfer has its connection, all handshakes done.
  [[nodiscard]] bool connected(Id id) const;

  /// A transfer that ended by itself.
  struct Finished {
    Id id = 0;
    /// Nothing when the whole response came, or the receiver ended it.
    std::optional<Failure> failure;
    bool ended_by_receiver = false;
  };
  /// Waits at most `longest` for data, and moves what is there.
  [[nodiscard]] std::vector<Finished> poll(std::chrono::milliseconds longest);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fetch
