#include "webhook/check/output.hpp"

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <set>
#include <string>

#include "common/base/text.hpp"
#include "common/base/wire_text.hpp"
#include "common/rules/rule.hpp"

namespace webhook {
namespace {

constexpr std::size_t kMaxLineShown = 160;

void write_text(const std::vector<LocatedFinding>& findings, const LineOf& line_of, std::ostream& out) {
  for (const auto& found : findings) {
    out << found.file << ':' << found.mark.line << ':' << found.mark.column << ": " << to_string(found.finding.severity)
        << ": " << found.finding.text() << " [" << found.finding.rule << "]\n";
    if (found.mark.column > kMaxLineShown) continue;
    const std::string line = base::to_utf8(line_of(found.file, found.mark.line).substr(0, 8 * kMaxLineShown));
    if (line.empty()) continue;
    out << "  " << base::shorten(line, kMaxLineShown) << "\n  ";
    // Tabs stay tabs, so that the caret stands below its place.
    std::size_t column = 1;
    for (std::size_t i = 0; i < line.size() && column < found.mark.column; ++i) {
      if (base::continues_character(line[i])) continue;
      out << (line[i] == '\t' ? '\t' : ' ');
      ++column;
    }
    out << std::string(found.mark.column - column, ' ');
    out << "^\n";
  }
}

using Writer = rapidjson::PrettyWriter<rapidjson::StringBuffer>;

/// A JSON text of what `write` writes, for people and programs.
template <class Write>
std::string json_text(const Write& write) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.SetIndent(' ', 2);
  write(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

void text(Writer& writer, std::string_view value) {
  const std::string valid = base::to_utf8(value);
  writer.String(valid.data(), static_cast<rapidjson::SizeType>(valid.size()));
}

void member(Writer& writer, const char* key, std::string_view value) {
  writer.Key(key);
  text(writer, value);
}

void member(Writer& writer, const char* key, std::size_t value) {
  writer.Key(key);
  writer.Uint64(value);
}

/// An object as a member; `write` writes what is in it.
template <class Write>
void object(Writer& writer, const char* key, const Write& write) {
  writer.Key(key);
  writer.StartObject();
  write();
  writer.EndObject();
}

void write_json(const std::vector<LocatedFinding>& findings, std::ostream& out) {
  out << json_text([&](Writer& writer) {
    writer.StartArray();
    for (const auto& [file, mark, finding, object] : findings) {
      writer.StartObject();
      member(writer, "file", file);
      member(writer, "line", mark.line);
      member(writer, "column", mark.column);
      member(writer, "severity", to_string(finding.severity));
      member(writer, "rule", finding.rule);
      member(writer, "object", object);
      member(writer, "path", finding.path);
      member(writer, "value", finding.value);
      member(writer, "message", finding.message);
      member(writer, "fix", finding.fix);
      writer.EndObject();
    }
    writer.EndArray();
  }) << "\n";
}

void write_sarif_rules(Writer& writer, const std::vector<LocatedFinding>& findings) {
  std::set<std::string_view> seen;
  writer.Key("rules");
  writer.StartArray();
  for (const auto& found : findings) {
    if (!seen.insert(found.finding.rule).second) continue;
    writer.StartObject();
    member(writer, "id", found.finding.rule);
    object(writer, "shortDescription", [&] { member(writer, "text", rules::rule(found.finding.rule).judges); });
    writer.EndObject();
  }
  writer.EndArray();
}

void write_sarif_result(Writer& writer, const LocatedFinding& found) {
  writer.StartObject();
  member(writer, "ruleId", found.finding.rule);
  member(writer, "level", to_string(found.finding.severity));
  object(writer, "message", [&] { member(writer, "text", found.finding.text()); });
  writer.Key("locations");
  writer.StartArray();
  writer.StartObject();
  object(writer, "physicalLocation", [&] {
    object(writer, "artifactLocation", [&] { member(writer, "uri", base::encode_percent(found.file, "/")); });
    object(writer, "region", [&] {
      member(writer, "startLine", found.mark.line);
      member(writer, "startColumn", found.mark.column);
    });
  });
  writer.EndObject();
  writer.EndArray();
  writer.EndObject();
}

void write_sarif(const std::vector<LocatedFinding>& findings, std::ostream& out) {
  out << json_text([&](Writer& writer) {
    writer.StartObject();
    member(writer, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
    member(writer, "version", "2.1.0");
    writer.Key("runs");
    writer.StartArray();
    writer.StartObject();
    object(writer, "tool", [&] {
      object(writer, "driver", [&] {
        member(writer, "name", "llmkube-router webhook check");
        write_sarif_rules(writer, findings);
      });
    });
    member(writer, "columnKind", "unicodeCodePoints");
    writer.Key("results");
    writer.StartArray();
    for (const auto& found : findings) write_sarif_result(writer, found);
    writer.EndArray();
    writer.EndObject();
    writer.EndArray();
    writer.EndObject();
  }) << "\n";
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
    out << "::" << to_string(found.finding.severity) << " file=" << escaped(found.file, true)
        << ",line=" << found.mark.line << ",col=" << found.mark.column << ",title=" << escaped(found.finding.rule, true)
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
