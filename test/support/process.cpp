#include "test/support/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <thread>

namespace test {
namespace {

using namespace std::chrono_literals;

std::string slurp(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

Process::Process(const std::vector<std::string>& arguments, std::string log) : log_file_(std::move(log)) {
  std::vector<char*> argv;
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const int fd = ::open(log_file_.c_str(), O_CREAT | O_TRUNC | O_APPEND | O_WRONLY, 0600);
  id_ = ::fork();
  if (id_ == 0) {
    ::dup2(fd, STDERR_FILENO);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  ::close(fd);
}

Process::~Process() {
  if (wait(0ms)) return;
  signal(SIGKILL);
  (void)wait(10s);
}

void Process::signal(int number) const {
  if (!exit_) ::kill(id_, number);
}

std::optional<int> Process::wait(std::chrono::milliseconds timeout) {
  const auto end = std::chrono::steady_clock::now() + timeout;
  while (!exit_) {
    int status = 0;
    if (::waitpid(id_, &status, WNOHANG) == id_) {
      exit_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    } else if (std::chrono::steady_clock::now() >= end) {
      break;
    } else {
      std::this_thread::sleep_for(2ms);
    }
  }
  return exit_;
}

std::string Process::log() const { return slurp(log_file_); }

bool Process::logs(const std::string& text, std::chrono::milliseconds timeout) {
  const auto end = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    if (log().find(text) != std::string::npos) return true;
    if (wait(0ms) || std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(2ms);
  }
}

std::uint16_t Process::logged_port(const std::string& key) const {
  const auto text = log();
  const auto at = text.find(key + "=");
  return at == std::string::npos ? std::uint16_t{0}
                                 : static_cast<std::uint16_t>(std::stoi(text.substr(at + key.size() + 1)));
}

std::size_t Process::status_value(const std::string& key) const {
  const auto text = slurp("/proc/" + std::to_string(id_) + "/status");
  const auto at = text.find(key + ":");
  return at == std::string::npos ? 0 : std::stoul(text.substr(at + key.size() + 1));
}

std::size_t Process::resident_kib() const { return status_value("VmRSS"); }
std::size_t Process::peak_resident_kib() const { return status_value("VmHWM"); }

std::chrono::milliseconds Process::cpu() const {
  const auto text = slurp("/proc/" + std::to_string(id_) + "/stat");
  std::istringstream rest(text.substr(text.rfind(')') + 2));  // proc(5): fields 14 and 15, after the name's bracket
  std::string skipped;
  for (int i = 0; i < 11; ++i) rest >> skipped;
  long user = 0;
  long system = 0;
  rest >> user >> system;
  return std::chrono::milliseconds((user + system) * 1000 / ::sysconf(_SC_CLK_TCK));
}

}  // namespace test
