#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/error.hpp"

namespace base {

/// A whole file; an error when it cannot be read or is larger than `max_bytes`.
[[nodiscard]] Result<std::string> read_file(const std::string& path, std::size_t max_bytes = std::size_t{16} << 20U);

/// Writes `content` to a temporary file beside `path`, syncs it and renames it over `path`, so that a reader sees the
/// old content or the new one, never a part.
[[nodiscard]] Result<> write_file(const std::string& path, std::string_view content);

/// Which bytes a path names at present. Kubernetes replaces mounted files by turning a symbolic link, so the inode
/// behind the links changes even when the times do not.
struct FileStamp {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t modified_ns = 0;
  std::int64_t size = 0;
  bool operator==(const FileStamp&) const = default;
};

/// Nothing when the path names no file.
[[nodiscard]] std::optional<FileStamp> stamp_file(const std::string& path);

}  // namespace base
