#pragma once
#include <string>

namespace bench {

/// User and system time of all threads of a process, in seconds.
[[nodiscard]] double cpu_seconds(int pid);

/// A line of /proc/PID/status, "VmHWM" (peak) or "VmRSS" (now), in MiB.
[[nodiscard]] double memory_mib(int pid, const std::string& key);

}  // namespace bench
