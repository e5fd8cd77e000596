#include "common/base/metrics.hpp"

#include <charconv>
#include <cstdio>
#include <cstdlib>

namespace base {
namespace {

[[noreturn]] void misuse(std::string_view name, std::string_view what) {
  std::fprintf(stderr, "metric %.*s: %.*s\n", static_cast<int>(name.size()), name.data(), static_cast<int>(what.size()),
               what.data());
  std::abort();
}

std::string number(double value) {
  char out[32];
  const auto [end, error] = std::to_chars(out, out + sizeof out, value);
  return {out, end};
}

void append_escaped(std::string& out, std::string_view text, bool quotes) {
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\\' || (quotes && c == '"')) {
      out += '\\';
      out += c;
    } else {
      out += c;
    }
  }
}

/// `{a="x",le="5"}`; nothing when there is no label.
std::string label_text(const MetricInfo& info, const std::vector<std::string>& values, std::string_view bound = {}) {
  std::string out;
  const auto append = [&](std::string_view key, std::string_view value) {
    out += out.empty() ? '{' : ',';
    out += key;
    out += "=\"";
    append_escaped(out, value, true);
    out += '"';
  };
  for (std::size_t i = 0; i < values.size(); ++i) append(info.labels[i], values[i]);
  if (!bound.empty()) append("le", bound);
  if (!out.empty()) out += '}';
  return out;
}

std::string_view type_name(MetricType type) {
  switch (type) {
    case MetricType::counter:
      return "counter";
    case MetricType::gauge:
      return "gauge";
    case MetricType::histogram:
      return "histogram";
  }
  return "untyped";
}

}  // namespace

MetricTable::MetricTable(std::span<const MetricInfo> rows) {
  for (const auto& row : rows) {
    Family family{row, {}};
    if (row.labels.empty()) family.series[{}].bucket_counts.resize(row.buckets.size());
    families_.emplace(row.name, std::move(family));
  }
}

MetricTable::Series& MetricTable::series_of(std::string_view name, Labels label_values) {
  const auto family = families_.find(name);
  if (family == families_.end()) misuse(name, "is no row of the table");
  if (label_values.size() != family->second.info.labels.size()) misuse(name, "wrong number of label values");
  auto& all = family->second.series;
  auto series = all.find(label_values);
  if (series == all.end()) {
    series = all.emplace(std::vector<std::string>(label_values.begin(), label_values.end()), Series{}).first;
    series->second.bucket_counts.resize(family->second.info.buckets.size());
  }
  return series->second;
}

void MetricTable::add(std::string_view name, Labels label_values, double by) {
  const std::lock_guard lock(mutex_);
  series_of(name, label_values).value += by;
}

void MetricTable::set(std::string_view name, Labels label_values, double value) {
  const std::lock_guard lock(mutex_);
  series_of(name, label_values).value = value;
}

void MetricTable::replace(std::string_view name, const std::map<std::string, double>& by_label) {
  const std::lock_guard lock(mutex_);
  const auto family = families_.find(name);
  if (family == families_.end()) misuse(name, "is no row of the table");
  family->second.series.clear();
  for (const auto& [label, value] : by_label) series_of(name, {label}).value = value;
}

void MetricTable::observe(std::string_view name, Labels label_values, double value) {
  const std::lock_guard lock(mutex_);
  auto& series = series_of(name, label_values);
  series.value += value;
  series.count += 1;
  const auto& buckets = families_.find(name)->second.info.buckets;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    if (value <= buckets[i]) series.bucket_counts[i] += 1;
  }
}

void MetricTable::clear(std::string_view name) {
  const std::lock_guard lock(mutex_);
  const auto family = families_.find(name);
  if (family == families_.end()) misuse(name, "is no row of the table");
  family->second.series.clear();
}

double MetricTable::value(std::string_view name, Labels label_values) const {
  const std::lock_guard lock(mutex_);
  const auto family = families_.find(name);
  if (family == families_.end()) misuse(name, "is no row of the table");
  const auto series = family->second.series.find(label_values);
  return series == family->second.series.end() ? 0 : series->second.value;
}

std::string MetricTable::text() const {
  const std::lock_guard lock(mutex_);
  std::string out;
  const auto line = [&](std::string_view name, std::string_view suffix, std::string_view labels, double value) {
    out += name;
    out += suffix;
    out += labels;
    out += ' ';
    out += number(value);
    out += '\n';
  };
  for (const auto& [name, family] : families_) {
    out += "# HELP " + name + " ";
    append_escaped(out, family.info.help, false);
    out += "\n# TYPE " + name + " " + std::string(type_name(family.info.type)) + "\n";
    for (const auto& [values, series] : family.series) {
      if (family.info.type != MetricType::histogram) {
        line(name, "", label_text(family.info, values), series.value);
        continue;
      }
      for (std::size_t i = 0; i < family.info.buckets.size(); ++i)
        line(name, "_bucket", label_text(family.info, values, number(family.info.buckets[i])), series.bucket_counts[i]);
      line(name, "_bucket", label_text(family.info, values, "+Inf"), series.count);
      line(name, "_sum", label_text(family.info, values), series.value);
      line(name, "_count", label_text(family.info, values), series.count);
    }
  }
  return out;
}

}  // namespace base
