#pragma once
#include <string>

namespace bench {

/// Of all threads of a process that are there still.
struct Usage {
  /// User and system time.
  double cpu_seconds = 0;
  /// How often one of them came to run: what rest costs, whatever a wake-up costs on this machine at this hour.
  double turns = 0;
};
[[nodiscard]] Usage usage(int pid);
[[nodiscard]] double cpu_seconds(int pid);

/// A line of /proc/PID/status, "VmHWM" (peak) or "VmRSS" (now), in MiB.
[[nodiscard]] double memory_mib(int pid, const std::string& key);

}  // namespace bench
