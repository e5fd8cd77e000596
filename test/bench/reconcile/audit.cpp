#include "test/bench/reconcile/audit.hpp"

#include <fstream>
#include <nlohmann/json.hpp>

namespace bench {
namespace {

using Json = nlohmann::json;

/// Which line of the table a write belongs to; empty: none of the services'.
std::string line_of(const std::string& resource, const std::string& verb) {
  static const std::map<std::string, std::string> kLines{{"persistentvolumeclaims", "children"},
                                                         {"configmaps", "children"},
                                                         {"deployments", "children"},
                                                         {"services", "children"},
                                                         {"horizontalpodautoscalers", "children"},
                                                         {"jobs create", "children"},
                                                         {"jobs patch", "job results"},
                                                         {"jobs delete", "job deletions"},
                                                         {"pods patch", "pod annotations"},
                                                         {"inferenceservices/status", "service statuses"},
                                                         {"models/status", "model statuses"},
                                                         {"events", "events"}};
  const auto found = kLines.find(kLines.contains(resource) ? resource : resource + " " + verb);
  return found == kLines.end() ? "" : found->second;
}

double sum_of(const std::map<std::string, double>& sums) {
  double sum = 0;
  for (const auto& [line, count] : sums) sum += count;
  return sum;
}

bool is_write(const std::string& verb) { return verb != "get" && verb != "list" && verb != "watch"; }

}  // namespace

double Calls::written() const { return sum_of(writes); }
double Calls::all() const { return sum_of(verbs); }

Calls read_audit_log(const std::string& path, std::streamoff& offset) {
  Calls calls;
  std::ifstream file(path);
  file.seekg(offset);
  for (std::string line; std::getline(file, line);) {
    offset = file.tellg();
    const auto entry = Json::parse(line, nullptr, false);
    if (entry.is_discarded()) continue;
    const auto object = entry.value("objectRef", Json::object());
    const auto part = object.value("subresource", "");
    const auto name = object.value("resource", "") + (part.empty() ? "" : "/" + part);
    const auto verb = entry.value("verb", "");
    ++calls.verbs[verb];
    if (!is_write(verb)) continue;
    if (const auto at = line_of(name, verb); !at.empty()) ++calls.writes[at];
  }
  return calls;
}

}  // namespace bench
