#include "reconciler/pod/agent/model_metrics.hpp"

#include <algorithm>

#include "common/base/wire_text.hpp"

namespace agent {
namespace {

std::string label_value(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

}  // namespace

ModelMetrics::Family& ModelMetrics::family(std::string_view name) {
  const auto known = std::ranges::find(families_, name, &Family::name);
  if (known != families_.end()) return *known;
  families_.push_back({std::string(name), {}, {}});
  return families_.back();
}

void ModelMetrics::add(std::string_view model, std::string_view text) {
  const std::string label = "model=\"" + label_value(model) + "\"";
  while (!text.empty()) {
    const auto line = base::take_until(text, "\n");
    if (line.starts_with("# HELP ") || line.starts_with("# TYPE ")) {
      const auto name = line.substr(7, line.find(' ', 7) - 7);
      auto& comments = family(name).comments;
      const std::string with_end = std::string(line) + "\n";
      if (comments.find(with_end) == std::string::npos) comments += with_end;
    } else if (!line.empty() && !line.starts_with('#')) {
      const auto name_end = std::min(line.find_first_of("{ "), line.size());
      const auto name = line.substr(0, name_end);
      auto rest = line.substr(name_end);
      std::string sample(name);
      if (rest.starts_with('{')) {
        rest.remove_prefix(1);
        sample += "{" + label + (rest.starts_with('}') ? "" : ",");
      } else {
        sample += "{" + label + "}";
      }
      family(name).samples += sample + std::string(rest) + "\n";
    }
  }
}

std::string ModelMetrics::text() const {
  std::string out;
  for (const auto& one : families_) {
    if (!one.samples.empty()) out += one.comments + one.samples;
  }
  return out;
}

}  // namespace agent
