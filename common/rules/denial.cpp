#include "common/rules/denial.hpp"

#include <unordered_set>

#include "common/base/text.hpp"

namespace rules {
namespace {

/// The API server cuts at these (apiserver/pkg/admission/plugin/webhook: "Warning" headers).
constexpr std::size_t kMaxWarningLength = 120;
constexpr std::size_t kMaxWarningsLength = 4096;

/// Room for the line that counts the rest.
constexpr std::size_t kMoreLength = 16;

std::string more(std::size_t count) { return "and " + std::to_string(count) + " more"; }

std::string message_of(const Denial& denial, const std::vector<std::string>& lines) {
  std::string out = denial.kind + "." + denial.group + " \"" + denial.name + "\" is invalid: ";
  if (lines.size() == 1) return out + lines.front();
  return out + "[" + base::join(lines, ", ") + "]";
}

/// Each rule's first one before any rule's second: what is said of all of 64 models hides nothing else.
std::vector<const Finding*> warnings_by_importance(const std::vector<Finding>& findings) {
  std::vector<const Finding*> out;
  std::vector<const Finding*> repeated;
  std::unordered_set<std::string_view> seen;
  for (const auto& finding : findings) {
    if (finding.severity != Severity::warning) continue;
    (seen.insert(finding.rule).second ? out : repeated).push_back(&finding);
  }
  out.insert(out.end(), repeated.begin(), repeated.end());
  return out;
}

}  // namespace

Denial make_denial(std::string_view kind, std::string_view name, const std::vector<Finding>& findings) {
  Denial out;
  out.kind = kind;
  out.name = name;
  std::vector<std::string> lines;
  std::size_t left_out = 0;
  for (const auto& finding : findings) {
    if (finding.severity != Severity::error) continue;
    left_out += finding.unlisted;
    if (out.causes.size() == kMaxCauses) {
      ++left_out;
      continue;
    }
    out.causes.push_back({std::string(to_string(finding.reason)), finding.path, finding.detail()});
    lines.push_back(finding.text());
  }
  if (left_out > 0) {
    out.causes.push_back({std::string(to_string(Reason::too_many)), "", more(left_out)});
    lines.push_back(more(left_out));
  }
  out.message = message_of(out, lines);
  return out;
}

std::vector<std::string> make_warnings(const std::vector<Finding>& findings) {
  std::vector<std::string> out;
  std::size_t length = 0;
  std::size_t left = 0;
  for (const auto* warning : warnings_by_importance(findings)) {
    std::string line = warning->path + ": " + warning->message;
    if (!warning->fix.empty() && line.size() + 2 + warning->fix.size() <= kMaxWarningLength)
      line += "; " + warning->fix;
    line = base::shorten(line, kMaxWarningLength);
    if (left > 0 || length + line.size() > kMaxWarningsLength - kMoreLength) {
      ++left;
      continue;
    }
    length += line.size();
    out.push_back(std::move(line));
  }
  if (left > 0) out.push_back(more(left));
  return out;
}

}  // namespace rules
