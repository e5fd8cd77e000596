#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "common/base/descriptor.hpp"
#include "reconciler/pod/fetch/gguf.hpp"
#include "reconciler/pod/fetch/partial.hpp"
#include "reconciler/pod/fetch/progress.hpp"

/// The volume: what lies where, which of it is good, and who may write.
///
///     <to>/<key>/<file>                                  published, verified; LLMKube's layout
///     <to>/.llmkube-router/partial/<key>-<hash>.part     on its way (and .state)
///     <to>/.llmkube-router/record/<key>-<hash>.json      what is known of a published file
///     <to>/.llmkube-router/lock/<key>                    one fetcher at a time
namespace fetch {

/// Paths of one key.
class Layout {
 public:
  Layout(std::string to, std::string key) : work_(std::move(to) + "/.llmkube-router"), key_(std::move(key)) {}
  /// Without ".part" and ".state". `file` is relative to the key's folder.
  [[nodiscard]] std::string partial_stem(const std::string& file) const;
  [[nodiscard]] std::string record(const std::string& file) const;
  [[nodiscard]] std::string lock() const { return work_ + "/lock/" + key_; }
  [[nodiscard]] std::string partial_folder() const { return work_ + "/partial"; }

 private:
  [[nodiscard]] std::string name_of(const std::string& file) const;
  std::string work_;
  std::string key_;
};

/// What is known of a published file: whose bytes they are, and that they were verified as long as the file has this
/// stamp. It is that of the file whose bytes were hashed, never one that was asked for by name later.
struct Record {
  Stamp stamp;
  std::string sha256;
  /// From the host, for refreshPolicy OnChange.
  std::string etag;
  std::string last_modified;
  bool operator==(const Record&) const = default;
};

[[nodiscard]] std::optional<Record> read_record(const std::string& path);
/// Best effort: without a record the file is hashed again next time.
void write_record(const std::string& path, const Record& record);

/// A GGUF header; NotGguf about `where` when it is broken.
[[nodiscard]] Try<GgufHeader> check_header(const ReadAt& read_at, std::uint64_t file_size, const std::string& where);

/// What a file on the volume must be.
struct Expected {
  std::string sha256;  // empty: any
  bool gguf = true;
};

/// A file that was looked at.
struct Seen {
  /// With the tag and the date of an older record as long as the bytes are the same.
  Record record;
  /// `split.count` of a GGUF header, else 0.
  std::uint64_t split_count = 0;
};

/// Verifies a file that is there: GGUF header, all its bytes, sha256. Does not hash what `record` vouches for. Errors:
/// NotFound, NotGguf, DigestMismatch, SourceChanged (written to meanwhile), Interrupted, or the volume's.
[[nodiscard]] Try<Seen> verify_file(const std::string& path, const Expected& expected,
                                    const std::optional<Record>& record, Progress& progress,
                                    const std::stop_token& stop);

/// Whom a lock on a volume keeps out. Whoever it does not, must write into another partial: else one writes into what
/// the other has just published.
enum class Reach {
  /// Every fetcher (local disks; NFS, which turns flock into locks of the server).
  all,
  /// Those of this node for certain: a FUSE file system may keep flock to itself (bindfs does), or pass it on.
  node,
  /// Nobody: the volume has no locks.
  none,
};

/// Has a network volume asked anew what is in `folder` and the folders above it, up to `volume`. An NFS client
/// remembers for up to a minute that a name was not there, but not beyond the opening of the name's folder
/// (close-to-open consistency, nfs(5)).
void look_anew(const std::string& volume, const std::string& folder);

/// One fetcher at a time, as far as the volume's locks reach. Held until destroyed.
class KeyLock {
 public:
  /// Waits until the lock is free; `on_wait` is called once when it is not at once.
  [[nodiscard]] static Try<KeyLock> take(const std::string& path, const std::stop_token& stop,
                                         const std::function<void()>& on_wait);
  [[nodiscard]] Reach reach() const { return reach_; }

 private:
  KeyLock(base::Descriptor file, Reach reach) : file_(std::move(file)), reach_(reach) {}
  base::Descriptor file_;
  Reach reach_;
};

/// What a partial's name has at its end, so that only those share it whom the lock keeps apart. `boot` is `boot_id()`.
[[nodiscard]] std::string partial_suffix(Reach reach, std::string_view boot);

/// Removes partials that nobody touched for `age` and whose key nobody holds.
void sweep_partials(const std::string& to, std::chrono::seconds age);

/// GGUF files right in a folder, sorted by name.
[[nodiscard]] std::vector<std::string> gguf_files_in(const std::string& folder);

}  // namespace fetch
