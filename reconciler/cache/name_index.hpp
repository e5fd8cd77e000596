#pragma once
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace reconciler {

/// Which names belong to a key: the Pods of a service, the services that name a Model. Not thread-safe.
class NameIndex {
 public:
  using Names = std::vector<std::string>;

  void insert(const std::string& key, const std::string& name) {
    if (!key.empty()) pairs_.emplace(key, name);
  }
  void erase(const std::string& key, const std::string& name) { pairs_.erase({key, name}); }
  /// Sorted.
  [[nodiscard]] Names at(const std::string& key) const {
    Names names;
    for (auto at = pairs_.lower_bound({key, {}}); at != pairs_.end() && at->first == key; ++at)
      names.push_back(at->second);
    return names;
  }

 private:
  std::set<std::pair<std::string, std::string>> pairs_;
};

}  // namespace reconciler
