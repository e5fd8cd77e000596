#include "test/bench/reconcile/process.hpp"

#include <filesystem>
#include <fstream>

namespace bench {

Usage usage(int pid) {
  Usage sum;
  std::error_code gone;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", gone)) {
    double on_cpu = 0;
    double waited = 0;
    double turns = 0;
    if (!(std::ifstream(thread.path() / "schedstat") >> on_cpu >> waited >> turns)) continue;
    sum.cpu_seconds += on_cpu / 1e9;
    sum.turns += turns;
  }
  return sum;
}

double cpu_seconds(int pid) { return usage(pid).cpu_seconds; }

double memory_mib(int pid, const std::string& key) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(key + ":")) return std::stod(line.substr(key.size() + 1)) / 1024;
  return 0;
}

}  // namespace bench
