#include "reconciler/pod/agent/child_logs.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <vector>

#include "common/base/descriptor.hpp"
#include "common/base/text.hpp"
#include "common/base/wire_text.hpp"

namespace agent {
namespace {

constexpr ::off_t kEnd = 32 << 10;
constexpr ::off_t kLargest = 1 << 20;
constexpr std::size_t kLongestCause = 400;

/// What every caller says again once something has failed below it.
constexpr std::array<std::string_view, 8> kEchoes{
    "exiting due to model loading error",  "load_model: failed to load",    "failed to load model '",
    "from_file_impl: failed to load",      "while trying to fit params",    "failed to load model from",
    "failed to create context with model", "failed to create_context with",
};

bool is_echo(std::string_view text) {
  return std::ranges::any_of(kEchoes, [&](auto echo) { return text.find(echo) != std::string_view::npos; });
}

/// `0.00.146.291 E llama_model_load: error loading model: tensor ...` -> what follows the E; nothing of other lines.
std::string_view error_in(std::string_view line) {
  constexpr std::string_view kLevel = " E ";
  const auto at = line.find(kLevel);
  const bool has_time = at != std::string_view::npos && at > 0 &&
                        line.substr(0, at).find_first_not_of("0123456789.") == std::string_view::npos;
  return has_time ? base::trim(line.substr(at + kLevel.size())) : std::string_view{};
}

/// Without `srv  `, `cmn  ` and the name of the function.
std::string_view without_function(std::string_view text) {
  const auto is_word = [](std::string_view word) {
    return !word.empty() && std::ranges::all_of(word, [](unsigned char c) { return std::isalnum(c) || c == '_'; });
  };
  const auto colon = text.find(": ");
  if (colon == std::string_view::npos) return text;
  const auto blank = text.substr(0, colon).rfind(' ');
  const auto function =
      blank == std::string_view::npos ? text.substr(0, colon) : text.substr(blank + 1, colon - blank - 1);
  const bool has_tag = blank == std::string_view::npos || is_word(base::trim(text.substr(0, blank)));
  return is_word(function) && has_tag ? text.substr(colon + 2) : text;
}

/// The errors of the log's very end: after the last line that is none.
void keep_end(std::vector<std::string_view>& errors) {
  const auto last_other = std::ranges::find(errors.rbegin(), errors.rend(), std::string_view{});
  errors.erase(errors.begin(), last_other.base());
}

/// The last bytes of a file; nothing when it cannot be read.
std::optional<std::string> read_end(const std::string& path) {
  const base::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return std::nullopt;
  std::string text;
  struct stat status {};
  if (::fstat(file.get(), &status) == 0 && status.st_size > 0) {
    const auto start = std::max<::off_t>(0, status.st_size - kEnd);
    text.resize(static_cast<std::size_t>(status.st_size - start));
    const auto count = ::pread(file.get(), text.data(), text.size(), start);
    text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  }
  std::erase(text, '\0');
  return text;
}

}  // namespace

std::string cause_line(std::string_view log, bool while_loading) {
  // An empty one for each line that is no error; blank lines belong to the error before them.
  std::vector<std::string_view> errors;
  while (!log.empty()) {
    const auto line = base::trim(base::take_until(log, "\n"));
    if (!line.empty()) errors.push_back(error_in(line));
  }
  if (!while_loading) keep_end(errors);
  std::erase(errors, std::string_view{});
  if (errors.empty()) return {};
  const auto last = std::find_if_not(errors.rbegin(), errors.rend(), is_echo);
  const auto cause = !while_loading || last == errors.rend() ? errors.front() : *last;
  return base::shorten(without_function(cause), kLongestCause);
}

std::string ChildLogs::path(const std::string& model) const {
  if (folder_.empty() || model.find('/') != std::string::npos) return {};
  return folder_ + "/" + model + ".log";
}

void ChildLogs::prepare(const Preset& preset) const {
  constexpr ::mode_t kForAll = 0666;
  constexpr ::mode_t kFolderForAll = 0777;
  if (folder_.empty()) return;
  if (::mkdir(folder_.c_str(), kFolderForAll) == 0) ::chmod(folder_.c_str(), kFolderForAll);
  for (const auto& section : preset.sections) {
    const auto file_path = path(section.name);
    if (file_path.empty()) continue;
    const base::Descriptor file(::open(file_path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kForAll));
    if (file.is_open()) ::fchmod(file.get(), kForAll);  // the umask is not asked
  }
}

std::string ChildLogs::cause(const std::string& model, bool while_loading) const {
  const auto log = read_end(path(model));
  if (!log) return {};
  if (log->empty() && while_loading)
    return "it did not take one of its settings; the log of container llama-server says which";
  return cause_line(*log, while_loading);
}

void ChildLogs::trim(const std::string& model) const {
  constexpr ::off_t kBlock = 512;
  const auto file_path = path(model);
  struct stat status {};
  if (file_path.empty() || ::stat(file_path.c_str(), &status) != 0) return;
  if (status.st_blocks * kBlock > kLargest && ::truncate(file_path.c_str(), 0) != 0) return;
}

}  // namespace agent
