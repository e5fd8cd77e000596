#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Reading the headers of a download that are ours to read. Everything comes from a host that may be wrong or hostile:
/// pure functions, total over all texts (test/fuzz).
namespace fetch {

/// RFC 9110, 14.4: `bytes 0-9/100`, `bytes 0-9/*` or `bytes */100`.
struct ContentRange {
  /// First byte and one past the last; nothing for an unsatisfied range (`*/100`).
  std::optional<std::uint64_t> begin;
  std::optional<std::uint64_t> end;
  std::optional<std::uint64_t> total;
  bool operator==(const ContentRange&) const = default;
};

/// Nothing when the text is no byte range, or one that contradicts itself.
[[nodiscard]] std::optional<ContentRange> parse_content_range(std::string_view text);

/// The entity tag, quotes and all, when it is a strong one (If-Range takes no other); empty otherwise.
[[nodiscard]] std::string strong_etag(std::string_view text);

/// The host's own word for the content's sha256, as 64 lower-case hex digits, or empty.
/// `X-Linked-ETag: "<hex>"` (Hugging Face, for files in LFS or Xet).
[[nodiscard]] std::string sha256_of_linked_etag(std::string_view text);
/// `x-amz-checksum-sha256: <base64>` (S3; a composite checksum of parts, `...-3`, is none).
[[nodiscard]] std::string sha256_of_base64(std::string_view text);
/// `Repr-Digest: sha-256=:<base64>:` (RFC 9530).
[[nodiscard]] std::string sha256_of_repr_digest(std::string_view text);

/// `https://host:port` in lower case with the port written out: where credentials belong to. Empty for no http URL.
[[nodiscard]] std::string origin_of(std::string_view url);

}  // namespace fetch
