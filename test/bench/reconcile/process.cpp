#include "test/bench/reconcile/process.hpp"

#include <filesystem>
#include <fstream>

namespace bench {

double cpu_seconds(int pid) {
  double nanoseconds = 0;
  std::error_code gone;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", gone)) {
    double on_cpu = 0;
    if (std::ifstream(thread.path() / "schedstat") >> on_cpu) nanoseconds += on_cpu;
  }
  return nanoseconds / 1e9;
}

double memory_mib(int pid, const std::string& key) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(key + ":")) return std::stod(line.substr(key.size() + 1)) / 1024;
  return 0;
}

}  // namespace bench
