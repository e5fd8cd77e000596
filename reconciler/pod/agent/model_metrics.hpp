#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace agent {

/// Several models' metrics in Prometheus' text format as one: each sample gets the label `model`, each family's HELP
/// and TYPE stand once, before all its samples, as the format wants it.
class ModelMetrics {
 public:
  void add(std::string_view model, std::string_view text);
  [[nodiscard]] std::string text() const;

 private:
  struct Family {
    std::string name;
    std::string comments;
    std::string samples;
  };
  Family& family(std::string_view name);

  std::vector<Family> families_;
};

}  // namespace agent
