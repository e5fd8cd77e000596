#include "reconciler/pod/fetch/partial.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "common/base/descriptor.hpp"
#include "common/base/digest.hpp"
#include "common/base/file.hpp"
#include "common/base/json.hpp"
#include "common/base/text.hpp"
#include "reconciler/pod/fetch/progress.hpp"

namespace fetch {
namespace {

constexpr std::size_t kSlotSize = 4096;
constexpr std::size_t kDigest = 64;
constexpr std::size_t kLiveSlots = 2;
constexpr std::size_t kSlots = 4;

using Json = nlohmann::json;

int open_file(const std::string& path) { return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0664); }

/// Writes all of `bytes`; the errno of the failure, else 0.
int write_all_at(int file, std::string_view bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return 0;
}

std::size_t read_all_at(int file, char* into, std::size_t size, std::uint64_t offset) {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got = ::pread(file, into + done, size - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

std::optional<std::vector<Span>> decode_spans(const base::JsonValue& value, std::optional<std::uint64_t> size) {
  const auto* list = base::find(value, "spans");
  if (list == nullptr || !list->IsArray() || list->Size() % 2 != 0) return std::nullopt;
  std::vector<Span> spans;
  std::uint64_t last = 0;
  for (rapidjson::SizeType i = 0; i < list->Size(); i += 2) {
    const auto begin = base::as_int(&(*list)[i]);
    const auto end = base::as_int(&(*list)[i + 1]);
    if (!begin || !end || *begin < 0 || *end <= *begin) return std::nullopt;
    const Span span{static_cast<std::uint64_t>(*begin), static_cast<std::uint64_t>(*end)};
    if (span.begin < last || (size && span.end > *size)) return std::nullopt;
    last = span.end;
    spans.push_back(span);
  }
  return spans;
}

}  // namespace

std::optional<Stamp> stamp_of(int file) {
  struct stat status {};
  if (::fstat(file, &status) != 0) return std::nullopt;
  return Stamp{static_cast<std::uint64_t>(status.st_size),
               std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec,
               static_cast<std::uint64_t>(status.st_ino)};
}

bool Identity::same_as(const Identity& other) const {
  if (size && other.size && *size != *other.size) return false;
  if (!sha256.empty() && !other.sha256.empty() && sha256 != other.sha256) return false;
  if (!etag.empty() && !other.etag.empty()) return etag == other.etag;
  if (!last_modified.empty() && !other.last_modified.empty()) return last_modified == other.last_modified;
  return true;
}

std::string encode_checkpoint(const Checkpoint& checkpoint, std::string_view boot, std::uint64_t number) {
  Json spans = Json::array();
  for (const auto& span : checkpoint.spans) {
    spans.push_back(span.begin);
    spans.push_back(span.end);
  }
  const Json line{{"source", checkpoint.identity.source},
                  {"etag", checkpoint.identity.etag},
                  {"lastModified", base::to_utf8(checkpoint.identity.last_modified)},
                  {"size", checkpoint.identity.size ? static_cast<std::int64_t>(*checkpoint.identity.size) : -1},
                  {"sha256", checkpoint.identity.sha256},
                  {"spans", std::move(spans)},
                  {"hash", checkpoint.hash},
                  {"hashed", checkpoint.hashed},
                  {"boot", std::string(boot)},
                  {"number", number}};
  const std::string text = line.dump();
  return base::sha256_hex(text) + text + "\n";
}

std::optional<DecodedCheckpoint> decode_checkpoint(std::string_view text) {
  if (text.size() < kDigest) return std::nullopt;
  const auto digest = text.substr(0, kDigest);
  text = text.substr(kDigest, text.find('\n', kDigest) - kDigest);
  if (base::sha256_hex(text) != digest) return std::nullopt;
  const auto document = base::parse_json(text, "checkpoint");
  if (!document || !document->IsObject()) return std::nullopt;
  DecodedCheckpoint out;
  auto& identity = out.checkpoint.identity;
  identity.source = base::string_at(*document, {"source"});
  identity.etag = base::string_at(*document, {"etag"});
  identity.last_modified = base::string_at(*document, {"lastModified"});
  identity.sha256 = base::string_at(*document, {"sha256"});
  const auto size = base::int_at(*document, {"size"}, -1);
  if (size >= 0) identity.size = static_cast<std::uint64_t>(size);
  auto spans = decode_spans(*document, identity.size);
  if (!spans) return std::nullopt;
  out.checkpoint.spans = std::move(*spans);
  out.checkpoint.hash = base::string_at(*document, {"hash"});
  const auto hashed = base::int_at(*document, {"hashed"});
  if (hashed < 0 || static_cast<std::uint64_t>(hashed) > Spans(out.checkpoint.spans).frontier()) return std::nullopt;
  out.checkpoint.hashed = static_cast<std::uint64_t>(hashed);
  out.boot = base::string_at(*document, {"boot"});
  out.number = static_cast<std::uint64_t>(base::int_at(*document, {"number"}));
  return out;
}

struct Partial::State {
  std::string data_path;
  std::string state_path;
  std::string boot;
  base::Descriptor data;
  base::Descriptor state;
  std::uint64_t live_number = 0;
  std::uint64_t durable_number = 0;
  /// The kernel could not write what it held. It says so once and forgets these bytes, so no later sync tells of them.
  std::atomic<bool> lost{false};

  /// What a call made of bytes that were to reach the disk.
  Try<> synced(int outcome, const std::string& path) {
    if (outcome == 0) return {};
    lost = true;
    return volume_failure(errno, path);
  }
};

Partial::Partial(std::unique_ptr<State> state) : state_(std::move(state)) {}
Partial::Partial(Partial&&) noexcept = default;
Partial& Partial::operator=(Partial&&) noexcept = default;
Partial::~Partial() = default;

Try<Partial> Partial::open(const std::string& stem, std::string boot) {
  auto state = std::make_unique<State>();
  state->data_path = stem + ".part";
  state->state_path = stem + ".state";
  state->boot = std::move(boot);
  if (auto made = make_folder(folder_of(stem)); !made) return std::unexpected(made.error());
  state->data = base::Descriptor(open_file(state->data_path));
  if (!state->data.is_open()) return volume_failure(errno, state->data_path);
  state->state = base::Descriptor(open_file(state->state_path));
  if (!state->state.is_open()) return volume_failure(errno, state->state_path);
  return Partial(std::move(state));
}

std::optional<Checkpoint> Partial::load() const {
  struct stat status {};
  if (::fstat(state_->data.get(), &status) != 0) return std::nullopt;
  std::optional<DecodedCheckpoint> best;
  bool best_live = false;
  for (std::size_t slot = 0; slot < kSlots; ++slot) {
    std::array<char, kSlotSize> text{};
    const auto got = read_all_at(state_->state.get(), text.data(), text.size(), slot * kSlotSize);
    auto found = decode_checkpoint({text.data(), got});
    if (!found) continue;
    const bool live = slot < kLiveSlots;
    auto& number = live ? state_->live_number : state_->durable_number;
    number = std::max(number, found->number);
    const auto& spans = found->checkpoint.spans;
    if (!spans.empty() && spans.back().end > static_cast<std::uint64_t>(status.st_size)) continue;
    if (live && found->boot != state_->boot) continue;
    if (best && (best_live > live || (best_live == live && best->number >= found->number))) continue;
    best = std::move(found);
    best_live = live;
  }
  if (!best) return std::nullopt;
  return std::move(best->checkpoint);
}

Try<> Partial::write_at(std::uint64_t offset, std::string_view bytes) {
  const int error = write_all_at(state_->data.get(), bytes, offset);
  if (error != 0) return volume_failure(error, state_->data_path);
  return {};
}

std::size_t Partial::read_at(std::uint64_t offset, char* into, std::size_t size) const {
  return read_all_at(state_->data.get(), into, size, offset);
}

Try<> Partial::write_slot(std::size_t slot, const Checkpoint& checkpoint, std::uint64_t number) {
  std::string text = encode_checkpoint(checkpoint, state_->boot, number);
  if (text.size() > kSlotSize) return {};  // an absurdly long tag: then there is no resume
  text.resize(kSlotSize, ' ');
  const int error = write_all_at(state_->state.get(), text, slot * kSlotSize);
  if (error != 0) return volume_failure(error, state_->state_path);
  return {};
}

Try<> Partial::write_live(const Checkpoint& checkpoint) {
  if (state_->lost) return forget_live();
  const auto number = ++state_->live_number;
  return write_slot(number % kLiveSlots, checkpoint, number);
}

/// Live checkpoints tell of bytes that may be nowhere; the durable ones were written before.
Try<> Partial::forget_live() {
  const int error = write_all_at(state_->state.get(), std::string(kLiveSlots * kSlotSize, ' '), 0);
  if (error != 0) return volume_failure(error, state_->state_path);
  return {};
}

Try<> Partial::write_durable(const Checkpoint& checkpoint) {
  if (auto data = state_->synced(::fdatasync(state_->data.get()), state_->data_path); !data) return data;
  const auto number = ++state_->durable_number;
  if (auto written = write_slot(kLiveSlots + number % kLiveSlots, checkpoint, number); !written) return written;
  if (::fdatasync(state_->state.get()) != 0) return volume_failure(errno, state_->state_path);
  return {};
}

Try<> Partial::reserve(std::uint64_t size) {
  const auto there = bytes_taken(state_->data_path);
  if (auto room = check_room(folder_of(state_->data_path), size > there ? size - there : 0); !room) return room;
  if (::fallocate(state_->data.get(), FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(size)) == 0) return {};
  if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG) return volume_failure(errno, state_->data_path);
  return {};  // NFS before 4.2 and others cannot; then a full volume shows on the way
}

Try<> Partial::restart() {
  if (::ftruncate(state_->state.get(), 0) != 0) return volume_failure(errno, state_->state_path);
  if (::ftruncate(state_->data.get(), 0) != 0) return volume_failure(errno, state_->data_path);
  return {};
}

Try<> Partial::write_back(Span fresh, Span settled) {
  const auto sync = [&](Span span, unsigned how) -> Try<> {
    if (span.size() == 0) return {};
    const int outcome =
        ::sync_file_range(state_->data.get(), static_cast<off_t>(span.begin), static_cast<off_t>(span.size()), how);
    const bool unknown = errno == ENOSYS || errno == EINVAL || errno == ESPIPE || errno == EPERM;
    return state_->synced(unknown ? 0 : outcome, state_->data_path);  // without such a call it syncs at the end
  };
  if (auto begun = sync(fresh, SYNC_FILE_RANGE_WRITE); !begun) return begun;
  constexpr unsigned kWait = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
  if (auto written = sync(settled, kWait); !written || settled.size() == 0) return written;
  ::posix_fadvise(state_->data.get(), static_cast<off_t>(settled.begin), static_cast<off_t>(settled.size()),
                  POSIX_FADV_DONTNEED);
  return {};
}

Try<> Partial::finish(std::uint64_t size) {
  if (::ftruncate(state_->data.get(), static_cast<off_t>(size)) != 0) return volume_failure(errno, state_->data_path);
  auto synced = state_->synced(::fsync(state_->data.get()), state_->data_path);
  if (!synced) (void)forget_live();
  return synced;
}

Try<Stamp> Partial::publish(const std::string& path) {
  const auto folder = folder_of(path);
  if (auto made = make_folder(folder); !made) return std::unexpected(made.error());
  if (std::rename(state_->data_path.c_str(), path.c_str()) != 0) return volume_failure(errno, path);
  sync_folder(folder);
  ::unlink(state_->state_path.c_str());
  sync_folder(folder_of(state_->state_path));
  const auto stamp = stamp_of(state_->data.get());
  if (!stamp) return volume_failure(errno, path);
  return *stamp;
}

void Partial::remove() {
  ::unlink(state_->data_path.c_str());
  ::unlink(state_->state_path.c_str());
}

std::string boot_id() {
  const auto text = base::read_file("/proc/sys/kernel/random/boot_id", 256);
  if (text && !base::trim(*text).empty()) return std::string(base::trim(*text));
  static std::atomic<unsigned> calls{0};
  return "unknown-" + std::to_string(::getpid()) + "-" + std::to_string(++calls);
}

std::unexpected<Failure> volume_failure(int error_number, const std::string& path) {
  const auto what = base::errno_text(error_number);
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
      return give_up(Reason::no_space, what, path, "enlarge the volume, or delete what it no longer needs");
    case EROFS:
    case EACCES:
    case EPERM:
      return give_up(Reason::read_only_volume, what, path,
                     "mount the volume writable, and let the Pod's fsGroup or user own it");
    default:
      return give_up(Reason::write_failed, what, path, "look at the volume and its node");
  }
}

Try<> check_room(const std::string& folder, std::uint64_t needed) {
  struct statvfs volume {};
  if (::statvfs(folder.c_str(), &volume) != 0 || volume.f_blocks == 0) return {};  // a FUSE volume that does not tell
  const auto free = static_cast<std::uint64_t>(volume.f_bavail) * volume.f_frsize;
  if (free >= needed) return {};
  return give_up(Reason::no_space,
                 "needs " + human_bytes(needed) + " more, and " + human_bytes(free) +
                     " are free: " + human_bytes(needed - free) + " are missing",
                 folder, "enlarge the volume, or delete what it no longer needs");
}

std::uint64_t bytes_taken(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.st_blocks) * 512 : 0;
}

Try<> make_folder(const std::string& path) {
  if (path.empty() || ::mkdir(path.c_str(), 0775) == 0) return {};
  if (errno == EEXIST) return {};
  if (errno != ENOENT) {
    struct stat status {};
    const int error = errno;
    // A read-only file system says EROFS of a folder that is there, too.
    if (::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return {};
    return volume_failure(error, path);
  }
  if (auto made = make_folder(folder_of(path)); !made) return made;
  if (::mkdir(path.c_str(), 0775) != 0 && errno != EEXIST) return volume_failure(errno, path);
  sync_folder(folder_of(path));
  return {};
}

void sync_folder(const std::string& path) {
  const base::Descriptor folder(::open(path.empty() ? "." : path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.is_open()) ::fsync(folder.get());
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace fetch
