#include "reconciler/pod/fetch/cache.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "common/base/descriptor.hpp"
#include "common/base/digest.hpp"
#include "common/base/file.hpp"
#include "common/base/json.hpp"
#include "common/base/log.hpp"
#include "common/base/text.hpp"

namespace fetch {
namespace {

constexpr std::size_t kHashDigits = 16;
constexpr std::size_t kBlock = std::size_t{1} << 20U;
constexpr std::uint64_t kDropEvery = std::uint64_t{32} << 20U;

std::size_t read_at(const base::Descriptor& file, std::uint64_t offset, char* into, std::size_t size) {
  ssize_t got = -1;
  do {
    got = ::pread(file.get(), into, size, static_cast<off_t>(offset));
  } while (got < 0 && errno == EINTR);
  return got < 0 ? 0 : static_cast<std::size_t>(got);
}

bool vouches(const Record& record, const Stamp& stamp) { return record.stamp == stamp && record.sha256.size() == 64; }

Try<std::string> hash_file(const base::Descriptor& file, const Stamp& stamp, const std::string& path,
                           Progress& progress, const std::stop_token& stop) {
  base::Sha256 digest;
  std::string block(kBlock, '\0');
  std::uint64_t dropped = 0;
  for (std::uint64_t at = 0; at < stamp.size;) {
    if (stop.stop_requested()) return give_up(Reason::interrupted, "stopped by a signal", path);
    const auto got = read_at(file, at, block.data(), block.size());
    if (got == 0) return give_up(Reason::write_failed, "cannot be read to its end", path, "look at the volume");
    digest.update(block.data(), got);
    at += got;
    progress.set_file_bytes(at);
    if (at - dropped >= kDropEvery) {
      // A file that is mapped by a running server stays in the page cache all the same.
      ::posix_fadvise(file.get(), static_cast<off_t>(dropped), static_cast<off_t>(at - dropped), POSIX_FADV_DONTNEED);
      dropped = at;
    }
  }
  if (stamp_of(file.get()) != stamp) {
    return give_up(Reason::source_changed, "was written to while it was read", path,
                   "write it elsewhere, then move it");
  }
  return digest.finish();
}

Try<std::uint64_t> check_gguf(const base::Descriptor& file, std::uint64_t size, const std::string& path) {
  const auto read = [&](std::uint64_t offset, char* into, std::size_t bytes) {
    return read_at(file, offset, into, bytes);
  };
  std::array<char, 4096> start{};
  const auto got = read_at(file, 0, start.data(), start.size());
  if (const auto wrong = describe_wrong_start({start.data(), got}); !wrong.empty()) {
    return give_up(Reason::not_gguf, "is " + wrong + ", not a GGUF model", path, "give the URL of a .gguf file");
  }
  const auto header = check_header(read, size, path);
  if (!header) return std::unexpected(header.error());
  return header->split_count;
}

/// The part of a partial's name before the first '-': its key.
std::string key_of(const std::string& name) { return name.substr(0, name.find('-')); }

Reach reach_of(int file) {
  constexpr auto kFuse = 0x65735546;  // FUSE_SUPER_MAGIC, linux/magic.h
  struct statfs volume {};
  return ::fstatfs(file, &volume) == 0 && volume.f_type == kFuse ? Reach::node : Reach::all;
}

struct FolderEntry {
  std::string name;
  struct stat status {};
};

std::vector<FolderEntry> list_files(const std::string& path) {
  std::vector<FolderEntry> out;
  DIR* folder = ::opendir(path.c_str());
  if (folder == nullptr) return out;
  while (const dirent* entry = ::readdir(folder)) {
    FolderEntry found{entry->d_name, {}};
    if (::stat((path + "/" + found.name).c_str(), &found.status) != 0) continue;
    if (S_ISREG(found.status.st_mode)) out.push_back(std::move(found));
  }
  ::closedir(folder);
  std::ranges::sort(out, {}, &FolderEntry::name);
  return out;
}

}  // namespace

std::string Layout::name_of(const std::string& file) const {
  return key_ + "-" + base::sha256_hex(file).substr(0, kHashDigits);
}

std::string Layout::partial_stem(const std::string& file) const { return partial_folder() + "/" + name_of(file); }

std::string Layout::record(const std::string& file) const { return work_ + "/record/" + name_of(file) + ".json"; }

std::optional<Record> read_record(const std::string& path) {
  const auto text = base::read_file(path, 16384);
  if (!text) return std::nullopt;
  const auto document = base::parse_json(*text, path);
  if (!document || !document->IsObject()) return std::nullopt;
  Record record;
  record.stamp.size = static_cast<std::uint64_t>(base::int_at(*document, {"size"}, -1));
  record.stamp.modified_ns = base::int_at(*document, {"modifiedNs"});
  record.stamp.inode = static_cast<std::uint64_t>(base::int_at(*document, {"inode"}));
  record.sha256 = base::string_at(*document, {"sha256"});
  record.etag = base::string_at(*document, {"etag"});
  record.last_modified = base::string_at(*document, {"lastModified"});
  return record;
}

void write_record(const std::string& path, const Record& record) {
  const nlohmann::json json{{"size", record.stamp.size},   {"modifiedNs", record.stamp.modified_ns},
                            {"inode", record.stamp.inode}, {"sha256", record.sha256},
                            {"etag", record.etag},         {"lastModified", base::to_utf8(record.last_modified)}};
  if (!make_folder(folder_of(path))) return;
  (void)base::write_file(path, json.dump() + "\n");
}

Try<GgufHeader> check_header(const ReadAt& read_at, std::uint64_t file_size, const std::string& where) {
  auto header = read_gguf(read_at, file_size);
  if (header) return std::move(*header);
  return give_up(Reason::not_gguf, "is a broken GGUF: " + header.error(), where, "upload the file to the source again");
}

Try<Seen> verify_file(const std::string& path, const Expected& expected, const std::optional<Record>& record,
                      Progress& progress, const std::stop_token& stop) {
  // A named pipe would keep the open waiting for its writer.
  const base::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!file.is_open() || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    const auto what = file.is_open() ? std::string("is no regular file") : base::errno_text(errno);
    return give_up(Reason::not_found, what, path, "check the path and that the Pod may read it");
  }
  const auto stamp = stamp_of(file.get());
  if (!stamp) return volume_failure(errno, path);
  Seen seen{{*stamp, {}, {}, {}}, 0};
  if (expected.gguf) {
    const auto splits = check_gguf(file, stamp->size, path);
    if (!splits) return std::unexpected(splits.error());
    seen.split_count = *splits;
  }
  if (record && vouches(*record, *stamp)) {
    seen.record = *record;
  } else {
    progress.set_state(State::verifying);
    auto digest = hash_file(file, *stamp, path, progress, stop);
    if (!digest) return std::unexpected(digest.error());
    if (record && record->sha256 == *digest) {
      seen.record.etag = record->etag;
      seen.record.last_modified = record->last_modified;
    }
    seen.record.sha256 = std::move(*digest);
  }
  const auto& sha256 = seen.record.sha256;
  if (!expected.sha256.empty() && sha256 != expected.sha256) {
    return give_up(Reason::digest_mismatch, "has sha256 " + sha256 + ", expected " + expected.sha256, path,
                   "correct spec.sha256, or replace the file");
  }
  return seen;
}

void look_anew(const std::string& volume, const std::string& folder) {
  const auto above = folder_of(folder);
  if (folder.size() > volume.size() && above != folder) look_anew(volume, above);  // of "/" the volume's text is empty
  const base::Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

Try<KeyLock> KeyLock::take(const std::string& path, const std::stop_token& stop, const std::function<void()>& on_wait) {
  if (auto made = make_folder(folder_of(path)); !made) return std::unexpected(made.error());
  base::Descriptor opened(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0664));
  if (!opened.is_open()) return volume_failure(errno, path);
  const int file = opened.get();
  KeyLock lock(std::move(opened), reach_of(file));
  for (bool told = false;;) {
    if (::flock(file, LOCK_EX | LOCK_NB) == 0) return lock;
    if (errno != EWOULDBLOCK && errno != EINTR) {
      base::log::warning("no-locks", {{"path", path}, {"error", base::errno_text(errno)}});
      lock.reach_ = Reach::none;
      return lock;
    }
    if (stop.stop_requested()) return give_up(Reason::interrupted, "stopped while it waited for another fetcher", path);
    if (!told) on_wait();
    told = true;
    std::this_thread::sleep_for(std::chrono::milliseconds{200});
  }
}

std::string partial_suffix(Reach reach, std::string_view boot) {
  if (reach == Reach::all) return {};
  // The boot and not the host's name: in a Pod that is the Pod's.
  const auto suffix = "-" + std::string(boot.substr(0, 8));
  if (reach == Reach::node) return suffix;
  // In a Pod the process is number 1, as in the Pod beside it.
  std::array<char, HOST_NAME_MAX + 1> host{};
  (void)::gethostname(host.data(), host.size() - 1);
  return suffix + base::sha256_hex(host.data()).substr(0, kHashDigits) + "-" + std::to_string(::getpid());
}

void sweep_partials(const std::string& to, std::chrono::seconds age) {
  const Layout layout(to, "");
  const auto folder = layout.partial_folder();
  const auto oldest = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now() - age);
  for (const auto& entry : list_files(folder)) {
    if (entry.status.st_mtim.tv_sec > oldest) continue;
    const base::Descriptor lock(::open(Layout(to, key_of(entry.name)).lock().c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (lock.is_open() && ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) continue;
    if (::unlink((folder + "/" + entry.name).c_str()) == 0) {
      base::log::info("partial-swept", {{"file", entry.name}, {"bytes", entry.status.st_size}});
    }
  }
}

std::vector<std::string> gguf_files_in(const std::string& folder) {
  std::vector<std::string> out;
  for (auto& entry : list_files(folder)) {
    if (entry.name.ends_with(".gguf")) out.push_back(std::move(entry.name));
  }
  return out;
}

}  // namespace fetch
