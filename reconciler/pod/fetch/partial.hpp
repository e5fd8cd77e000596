#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/pod/fetch/reason.hpp"
#include "reconciler/pod/fetch/spans.hpp"

namespace fetch {

/// What another file under the same name has differently, and a file that was written to.
struct Stamp {
  std::uint64_t size = 0;
  std::int64_t modified_ns = 0;
  std::uint64_t inode = 0;
  bool operator==(const Stamp&) const = default;
};

/// Of an open file; nothing when the volume does not say.
[[nodiscard]] std::optional<Stamp> stamp_of(int file);

/// Which bytes a host means by a URL at present. Bytes of two identities are never mixed in one file.
struct Identity {
  /// sha256 of the URL: the partial does not hold the URL itself, it may carry a secret.
  std::string source;
  /// A strong entity tag, else empty.
  std::string etag;
  std::string last_modified;
  std::optional<std::uint64_t> size;
  /// The host's own word for the content's sha256, else empty.
  std::string sha256;

  /// The value for If-Range: the entity tag, else the date, else empty.
  [[nodiscard]] const std::string& validator() const { return etag.empty() ? last_modified : etag; }
  /// A later answer is about the same bytes as far as one can see.
  [[nodiscard]] bool same_as(const Identity& other) const;
  bool operator==(const Identity&) const = default;
};

/// How far a download is: what is in the data file, and the hash of its first bytes.
struct Checkpoint {
  Identity identity;
  std::vector<Span> spans;
  /// SavedHash::save() over the first `hashed` bytes; empty when `hashed` is 0.
  std::string hash;
  std::uint64_t hashed = 0;
};

/// The text of a checkpoint and back; nothing when the text is none (it comes from a disk that may have lost power).
[[nodiscard]] std::string encode_checkpoint(const Checkpoint& checkpoint, std::string_view boot, std::uint64_t number);
struct DecodedCheckpoint {
  Checkpoint checkpoint;
  std::string boot;
  std::uint64_t number = 0;
};
[[nodiscard]] std::optional<DecodedCheckpoint> decode_checkpoint(std::string_view text);

/// A file on its way: `<stem>.part` holds the bytes, `<stem>.state` how far it is.
///
/// The state file has four slots of 4 KiB, each with its own checksum, so that a torn write spoils one slot only:
/// - two *live* slots, written in turn every few hundred milliseconds without a sync. They say what has been written,
///   which after a kill is all in the kernel's page cache; they count only on the same boot of the same machine.
/// - two *durable* slots, written after the data was synced. They count after a power loss and on another node.
///
/// Not thread-safe, but for `write_at`, `read_at`, `write_back` and `write_durable`, which may run beside each other.
class Partial {
 public:
  /// Opens or makes both files. `boot` tells this boot of this machine from others (`boot_id()`).
  [[nodiscard]] static Try<Partial> open(const std::string& stem, std::string boot);

  Partial(Partial&&) noexcept;
  Partial& operator=(Partial&&) noexcept;
  ~Partial();

  /// The newest checkpoint that can be trusted; nothing when there is none.
  [[nodiscard]] std::optional<Checkpoint> load() const;

  [[nodiscard]] Try<> write_at(std::uint64_t offset, std::string_view bytes);
  [[nodiscard]] std::size_t read_at(std::uint64_t offset, char* into, std::size_t size) const;
  /// Says how far the download is; survives a kill.
  [[nodiscard]] Try<> write_live(const Checkpoint& checkpoint);
  /// Syncs the data, then says how far it is; survives a power loss.
  [[nodiscard]] Try<> write_durable(const Checkpoint& checkpoint);
  /// Makes room for `size` bytes at once, so that a full volume shows before the download.
  [[nodiscard]] Try<> reserve(std::uint64_t size);
  /// Throws away all bytes and checkpoints.
  [[nodiscard]] Try<> restart();
  /// Starts writing [begin, end) to the disk and waits for the disk with what lies before `settled`, whose pages then
  /// leave the page cache: a 40 GB file must not push the resident model out of it. The kernel tells a caller once of
  /// bytes that it could not write: after an error here, or of a sync, live checkpoints no longer count.
  [[nodiscard]] Try<> write_back(Span fresh, Span settled);

  /// Cuts the data file to `size`, and syncs it.
  [[nodiscard]] Try<> finish(std::uint64_t size);
  /// Renames the data file to `path` (whose folder is made, and synced after it). Gives what it is then: of the file
  /// itself, as another may take its name at any time.
  [[nodiscard]] Try<Stamp> publish(const std::string& path);
  /// Removes both files.
  void remove();

 private:
  struct State;
  explicit Partial(std::unique_ptr<State> state);
  [[nodiscard]] Try<> forget_live();
  [[nodiscard]] Try<> write_slot(std::size_t slot, const Checkpoint& checkpoint, std::uint64_t number);

  std::unique_ptr<State> state_;
};

/// What tells this boot of this machine from others: the kernel's boot_id, or a value that never repeats.
[[nodiscard]] std::string boot_id();

/// A failed system call on the volume, as a reason: ENOSPC and EDQUOT are NoSpace, EROFS, EACCES and EPERM are
/// ReadOnlyVolume, the rest WriteFailed.
[[nodiscard]] std::unexpected<Failure> volume_failure(int error_number, const std::string& path);

/// NoSpace, saying how much is missing, when the volume of `folder` has not `needed` bytes left for this user.
[[nodiscard]] Try<> check_room(const std::string& folder, std::uint64_t needed);

/// Bytes that a file takes of its volume, reserved ones too; 0 when it is not there.
[[nodiscard]] std::uint64_t bytes_taken(const std::string& path);

/// Makes a folder and those above it.
[[nodiscard]] Try<> make_folder(const std::string& path);
/// Syncs a folder, so that a rename in it survives a power loss. Volumes that cannot are left alone.
void sync_folder(const std::string& path);
/// The folder part of a path.
[[nodiscard]] std::string folder_of(const std::string& path);

}  // namespace fetch
