#pragma once
#include <algorithm>
#include <initializer_list>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace base {

enum class MetricType { counter, gauge, histogram };

/// One row of a program's table of metrics; docs/metrics.md is made from these rows.
struct MetricInfo {
  std::string_view name;
  MetricType type;
  /// One sentence: what is counted, with its unit.
  std::string_view help;
  std::vector<std::string_view> labels;
  /// Upper bounds of a histogram's buckets, rising; `+Inf` is added.
  std::vector<double> buckets;
};

/// The metrics of one program in Prometheus' text format 0.0.4. Rows are fixed at construction; a name that is no row,
/// or a wrong number of label values, is a programming error and ends the program. Thread-safe.
class MetricTable {
 public:
  using Labels = std::initializer_list<std::string_view>;

  explicit MetricTable(std::span<const MetricInfo> rows);

  /// Adds to a counter.
  void add(std::string_view name, Labels label_values = {}, double by = 1);
  /// Sets a gauge.
  void set(std::string_view name, Labels label_values, double value);
  /// All series of a gauge with one label, by its value: a scrape sees those that were or these, never a part.
  void replace(std::string_view name, const std::map<std::string, double>& by_label);
  /// One observation of a histogram.
  void observe(std::string_view name, Labels label_values, double value);
  /// Forgets all series of a gauge: before it is set anew from the present state.
  void clear(std::string_view name);

  /// The present value of a counter or gauge; 0 when it was never touched.
  [[nodiscard]] double value(std::string_view name, Labels label_values = {}) const;
  /// The body of a scrape. A row without labels is there from the start, with value 0.
  [[nodiscard]] std::string text() const;

 private:
  struct Series {
    double value = 0;
    std::vector<double> bucket_counts;
    double count = 0;
  };
  /// Finds label values without a copy of them.
  struct LabelOrder {
    using is_transparent = void;
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
    }
  };
  struct Family {
    MetricInfo info;
    std::map<std::vector<std::string>, Series, LabelOrder> series;
  };

  Series& series_of(std::string_view name, Labels label_values);

  mutable std::mutex mutex_;  // guards families_
  std::map<std::string, Family, std::less<>> families_;
};

}  // namespace base
