#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "webhook/check/located.hpp"

namespace webhook {

/// What only the neighbours of an object tell: Models that are named and not there, two services of one Service name,
/// two Models of the same files, one object written twice. Objects are given one by one; `finish` reports.
class Neighbours {
 public:
  void add(const CheckedObject& object);
  void finish(std::vector<LocatedFinding>& out) const;

 private:
  using Key = std::pair<std::string, std::string>;  // namespace, name
  void models_of(const CheckedObject& service, std::vector<LocatedFinding>& out) const;

  std::vector<CheckedObject> services_;
  /// The first of each kind and key, and those that follow, each with its first.
  std::map<std::pair<std::string, Key>, CheckedObject> objects_;
  std::vector<std::pair<CheckedObject, CheckedObject>> twice_;
  /// By name what each is made of: source, digest, projector and files.
  std::map<Key, std::vector<std::string>> models_;
};

}  // namespace webhook
