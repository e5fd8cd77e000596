#include "test/unit/fetch/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>

#include "test/unit/fetch/world.hpp"

namespace fetch_test {

Process::Process(const std::vector<std::string>& arguments, const std::string& folder) {
  static std::atomic<unsigned> count{0};
  const auto stem = folder + "/process-" + std::to_string(++count);
  output_path_ = stem + ".out";
  errors_path_ = stem + ".err";
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output_path_.c_str(), kFlags, 0644);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, errors_path_.c_str(), kFlags, 0644);
  std::vector<char*> pointers;
  for (const auto& argument : arguments) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  ::posix_spawn(&id_, pointers.front(), &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
}

Process::~Process() {
  if (id_ <= 0) return;
  signal(SIGKILL);
  wait();
}

void Process::signal(int number) const {
  if (id_ > 0) ::kill(id_, number);
}

int Process::wait() {
  if (id_ > 0) ::waitpid(id_, &status_, 0);
  id_ = -1;
  return WIFEXITED(status_) ? WEXITSTATUS(status_) : -WTERMSIG(status_);
}

bool Process::ended() {
  if (id_ > 0 && ::waitpid(id_, &status_, WNOHANG) == id_) id_ = -1;
  return id_ <= 0;
}

std::string Process::output() const { return read(output_path_); }
std::string Process::errors() const { return read(errors_path_); }

}  // namespace fetch_test
