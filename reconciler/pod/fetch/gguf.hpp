#pragma once
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <string_view>

namespace fetch {

/// What the header of a GGUF file says (ggml's docs/gguf.md, versions 2 and 3).
struct GgufHeader {
  std::uint32_t version = 0;
  std::uint64_t tensors = 0;
  std::uint64_t metadata_entries = 0;
  /// `general.architecture`, `general.name`: empty when absent.
  std::string architecture;
  std::string name;
  /// `split.count` and `split.no`: 0 when the model is in one file.
  std::uint64_t split_count = 0;
  std::uint64_t split_number = 0;
  /// Bytes that the file must have for its last tensor; 0 when a tensor has a type that this table does not know.
  std::uint64_t needed_size = 0;
};

/// Fills at most `size` bytes from `offset` on; gives how many there were.
using ReadAt = std::function<std::size_t(std::uint64_t offset, char* into, std::size_t size)>;

/// Reads a header from a file of `file_size` bytes through a small buffer, whatever the header's size. The error is a
/// half sentence on what is wrong: "it ends inside its header". Total over all bytes (test/fuzz).
[[nodiscard]] std::expected<GgufHeader, std::string> read_gguf(const ReadAt& read_at, std::uint64_t file_size);

/// What the first bytes of a file that is no GGUF look like, for people: "an HTML page (title: Sign in)",
/// "a Git LFS pointer", "a ZIP archive", "JSON", "safetensors"; empty when they are GGUF's.
[[nodiscard]] std::string describe_wrong_start(std::string_view first_bytes);

}  // namespace fetch
