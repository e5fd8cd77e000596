#include "webhook/check/output.hpp"

#include <nlohmann/json.hpp>
#include <set>

#include "common/base/text.hpp"
#include "common/rules/rule.hpp"

namespace webhook {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxLineShown = 160;

std::string_view word(rules::Severity severity) { return severity == rules::Severity::error ? "error" : "warning"; }

void write_text(const std::vector<LocatedFinding>& findings, const LineOf& line_of, std::ostream& out) {
  for (const auto& found : findings) {
    out << found.file << ':' << found.mark.line << ':' << found.mark.column << ": " << word(found.finding.severity)
        << ": " << found.finding.text() << " [" << found.finding.rule << "]\n";
    const std::string line = line_of(found.file, found.mark.line);
    if (line.empty() || found.mark.column > kMaxLineShown) continue;
    out << "  " << base::shorten(line, kMaxLineShown) << "\n  ";
    // Tabs stay tabs, so that the caret stands below its place.
    for (std::size_t i = 0; i + 1 < found.mark.column; ++i) out << (i < line.size() && line[i] == '\t' ? '\t' : ' ');
    out << "^\n";
  }
}

void write_json(const std::vector<LocatedFinding>& findings, std::ostream& out) {
  json list = json::array();
  for (const auto& found : findings) {
    list.push_back({{"file", base::to_utf8(found.file)},
                    {"line", found.mark.line},
                    {"column", found.mark.column},
                    {"severity", word(found.finding.severity)},
                    {"rule", found.finding.rule},
                    {"object", base::to_utf8(found.object)},
                    {"path", base::to_utf8(found.finding.path)},
                    {"value", base::to_utf8(found.finding.value)},
                    {"message", base::to_utf8(found.finding.message)},
                    {"fix", base::to_utf8(found.finding.fix)}});
  }
  out << list.dump(2) << "\n";
}

void write_sarif(const std::vector<LocatedFinding>& findings, std::ostream& out) {
  json rules_used = json::array();
  json results = json::array();
  std::set<std::string_view> seen;
  for (const auto& found : findings) {
    const auto& finding = found.finding;
    if (seen.insert(finding.rule).second)
      rules_used.push_back(
          {{"id", finding.rule}, {"shortDescription", {{"text", std::string(rules::rule(finding.rule).judges)}}}});
    const json place = {{"artifactLocation", {{"uri", base::to_utf8(found.file)}}},
                        {"region", {{"startLine", found.mark.line}, {"startColumn", found.mark.column}}}};
    results.push_back({{"ruleId", finding.rule},
                       {"level", word(finding.severity)},
                       {"message", {{"text", base::to_utf8(finding.text())}}},
                       {"locations", json::array({{{"physicalLocation", place}}})}});
  }
  const json driver = {{"name", "llmkube-router webhook check"}, {"rules", rules_used}};
  const json run = {{"tool", {{"driver", driver}}}, {"results", results}};
  const json report = {
      {"$schema", "https://json.schemastore.org/sarif-2.1.0.json"}, {"version", "2.1.0"}, {"runs", json::array({run})}};
  out << report.dump(2) << "\n";
}

/// GitHub's escapes of a workflow command's data, and of its properties.
std::string escaped(std::string_view text, bool property) {
  std::string out;
  for (const char c : text) {
    if (c == '%') {
      out += "%25";
    } else if (c == '\n') {
      out += "%0A";
    } else if (c == '\r') {
      out += "%0D";
    } else if (property && c == ':') {
      out += "%3A";
    } else if (property && c == ',') {
      out += "%2C";
    } else {
      out += c;
    }
  }
  return out;
}

void write_github(const std::vector<LocatedFinding>& findings, std::ostream& out) {
  for (const auto& found : findings) {
    out << "::" << word(found.finding.severity) << " file=" << escaped(found.file, true) << ",line=" << found.mark.line
        << ",col=" << found.mark.column << ",title=" << escaped(found.finding.rule, true)
        << "::" << escaped(found.finding.text(), false) << "\n";
  }
}

}  // namespace

void write_findings(CheckOptions::Format format, const std::vector<LocatedFinding>& findings, const LineOf& line_of,
                    std::ostream& out) {
  switch (format) {
    case CheckOptions::Format::text:
      write_text(findings, line_of, out);
      break;
    case CheckOptions::Format::json:
      write_json(findings, out);
      break;
    case CheckOptions::Format::sarif:
      write_sarif(findings, out);
      break;
    case CheckOptions::Format::github:
      write_github(findings, out);
      break;
  }
}

}  // namespace webhook
