#pragma once
#include <openssl/sha.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fetch {

/// SHA-256 whose state can be written down at any multiple of 64 bytes and taken up again in another process, so that
/// a resumed download does not read again what it already hashed. (OpenSSL's EVP interface cannot do that; the low
/// level one, with the same assembly behind it, can.) Not thread-safe.
class SavedHash {
 public:
  SavedHash() { reset(); }
  void reset();
  void update(const void* data, std::size_t size);
  /// 64 lower-case hex digits; the state is spent afterwards.
  [[nodiscard]] std::string finish();

  /// Bytes hashed so far.
  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// The chaining value as 64 hex digits; nothing unless `size()` is a multiple of 64.
  [[nodiscard]] std::optional<std::string> save() const;
  /// Takes up a saved state; false, and reset, when it is none.
  bool restore(std::string_view saved, std::uint64_t size);

 private:
  SHA256_CTX context_{};
  std::uint64_t size_ = 0;
};

}  // namespace fetch
