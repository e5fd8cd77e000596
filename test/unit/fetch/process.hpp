#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

namespace fetch_test {

/// A program that runs beside the test, with its output in files of `folder`. Killed at the end if it still runs.
class Process {
 public:
  Process(const std::vector<std::string>& arguments, const std::string& folder);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void signal(int number) const;
  /// Waits; the exit status, or minus the signal that ended it.
  int wait();
  /// Has ended by itself; `wait` does not block then.
  [[nodiscard]] bool ended();
  [[nodiscard]] std::string output() const;
  [[nodiscard]] std::string errors() const;
  [[nodiscard]] pid_t id() const { return id_; }

 private:
  std::string output_path_;
  std::string errors_path_;
  pid_t id_ = -1;
  int status_ = 0;
};

}  // namespace fetch_test
