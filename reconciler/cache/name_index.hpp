#pragma once
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace reconciler {

/// Which names belong to a key: the Pods of a service, the services that name a Model. Not thread-safe.
class NameIndex {
 public:
  using Names = std::set<std::string, std::less<>>;

  void insert(const std::string& key, const std::string& name) {
    if (!key.empty()) names_[key].insert(name);
  }
  void erase(std::string_view key, const std::string& name) {
    const auto entry = names_.find(key);
    if (entry == names_.end()) return;
    entry->second.erase(name);
    if (entry->second.empty()) names_.erase(entry);
  }
  [[nodiscard]] const Names& at(std::string_view key) const {
    static const Names kNone;
    const auto entry = names_.find(key);
    return entry == names_.end() ? kNone : entry->second;
  }

 private:
  std::map<std::string, Names, std::less<>> names_;
};

}  // namespace reconciler
