#pragma once
#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace test {

/// A program of ours, run for a test. Its log (standard error) is read by a test as text. Ended with the object.
class Process {
 public:
  /// Standard error goes to the file `log`.
  Process(const std::vector<std::string>& arguments, std::string log);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] pid_t id() const { return id_; }
  void signal(int number) const;
  /// The exit code, or nothing when it still runs after `timeout`; 128 + signal when it died of one.
  [[nodiscard]] std::optional<int> wait(std::chrono::milliseconds timeout);
  /// What it has logged so far.
  [[nodiscard]] std::string log() const;
  /// Waits until the log holds `text`; false at the timeout or when the program has ended.
  [[nodiscard]] bool logs(const std::string& text, std::chrono::milliseconds timeout);
  /// The number after `key=` in the log: a port that was chosen.
  [[nodiscard]] std::uint16_t logged_port(const std::string& key) const;
  /// Memory in use now and at its highest, in KiB.
  [[nodiscard]] std::size_t resident_kib() const;
  [[nodiscard]] std::size_t peak_resident_kib() const;
  /// CPU time used so far.
  [[nodiscard]] std::chrono::milliseconds cpu() const;

 private:
  [[nodiscard]] std::size_t status_value(const std::string& key) const;

  pid_t id_ = -1;
  std::string log_file_;
  std::optional<int> exit_;
};

}  // namespace test
