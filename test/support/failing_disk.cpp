#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>

/// To be loaded before a program (LD_PRELOAD): a volume on which the call that FAILING_CALL names fails. It has no
/// locks (flock), or has lost what it should write (fsync, sync_file_range): that is said once, as the kernel does, and
/// who asks again is told that all is well.
namespace {

bool is_failing(std::string_view call) {
  const char* failing = ::getenv("FAILING_CALL");
  return failing != nullptr && call == failing;
}

bool fails(std::string_view call) {
  static bool told = false;
  if (told || !is_failing(call)) return false;
  told = true;
  errno = EIO;
  return true;
}

bool is_file(int descriptor) {
  struct stat status {};
  return ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
}

}  // namespace

extern "C" {

int fsync(int descriptor) {
  if (is_file(descriptor) && fails("fsync")) return -1;
  return static_cast<int>(::syscall(SYS_fsync, descriptor));
}

int flock(int descriptor, int how) {
  if (!is_failing("flock")) return static_cast<int>(::syscall(SYS_flock, descriptor, how));
  errno = ENOLCK;
  return -1;
}

int sync_file_range(int descriptor, off64_t offset, off64_t size, unsigned flags) {
  if ((flags & SYNC_FILE_RANGE_WAIT_AFTER) != 0 && fails("sync_file_range")) return -1;
  return static_cast<int>(::syscall(SYS_sync_file_range, descriptor, offset, size, flags));
}
}
