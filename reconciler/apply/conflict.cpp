#include "reconciler/apply/conflict.hpp"

#include <algorithm>

#include "common/base/text.hpp"

namespace reconciler {
namespace {

std::string quoted_word(std::string_view text) {
  const auto begin = text.find('"');
  const auto end = begin == text.npos ? begin : text.find('"', begin + 1);
  return end == text.npos ? std::string{} : std::string(text.substr(begin + 1, end - begin - 1));
}

}  // namespace

std::optional<FieldConflict> read_conflict(const net::ApiStatus& status) {
  FieldConflict conflict;
  std::vector<std::string> managers;
  std::vector<std::string> sentences;
  for (const auto& cause : status.causes) {
    if (cause.reason != "FieldManagerConflict") continue;
    const auto manager = quoted_word(cause.message);
    if (std::find(managers.begin(), managers.end(), manager) == managers.end()) managers.push_back(manager);
    sentences.push_back(cause.field + " is held by " + manager);
    if (cause.message.find(" using ") == std::string::npos) conflict.only_edits = false;
  }
  if (managers.empty()) return std::nullopt;
  conflict.managers = base::join(managers, ", ");
  conflict.message = base::join(sentences, "; ");
  return conflict;
}

}  // namespace reconciler
