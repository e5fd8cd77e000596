#include "common/base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "common/base/descriptor.hpp"

namespace base {
namespace {

std::unexpected<Error> failed(const std::string& path) { return fail(errno_text(errno), path); }

Result<> write_all(int descriptor, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t written = ::write(descriptor, content.data(), content.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return failed(path);
    }
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t max_bytes) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return failed(path);
  std::string content;
  char block[16384];
  for (;;) {
    const ssize_t got = ::read(file.get(), block, sizeof block);
    if (got == 0) return content;
    if (got < 0) {
      if (errno == EINTR) continue;
      return failed(path);
    }
    content.append(block, static_cast<std::size_t>(got));
    if (content.size() > max_bytes) return fail("larger than " + std::to_string(max_bytes) + " bytes", path);
  }
}

Result<> write_file(const std::string& path, std::string_view content) {
  const std::string temporary = path + ".new";
  {
    const Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (file.get() < 0) return failed(temporary);
    if (auto written = write_all(file.get(), content, temporary); !written) return written;
    if (::fsync(file.get()) != 0) return failed(temporary);
  }
  if (std::rename(temporary.c_str(), path.c_str()) != 0) return failed(path);
  return {};
}

std::optional<FileStamp> stamp_file(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return FileStamp{static_cast<std::uint64_t>(status.st_dev), static_cast<std::uint64_t>(status.st_ino),
                   std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec,
                   static_cast<std::int64_t>(status.st_size)};
}

}  // namespace base
