#include "test/fakes/api_server/field_set.hpp"

#include <algorithm>

namespace fakes {
namespace {

bool is_named_list(const Json& value) {
  return value.is_array() && !value.empty() && std::all_of(value.begin(), value.end(), [](const Json& item) {
           return item.is_object() && item.contains("name") && item["name"].is_string();
         });
}

void collect(const Json& value, FieldPath& at, FieldSet& found) {
  if (value.is_object() && !value.empty()) {
    for (const auto& [key, member] : value.items()) {
      at.push_back(key);
      collect(member, at, found);
      at.pop_back();
    }
  } else if (is_named_list(value)) {
    for (const auto& item : value) {
      at.push_back("k:" + item["name"].get<std::string>());
      collect(item, at, found);
      at.pop_back();
    }
  } else {
    found.insert(at);
  }
}

Json* item_named(Json& list, const std::string& name) {
  for (auto& item : list)
    if (item.is_object() && item.value("name", "") == name) return &item;
  return nullptr;
}

Json* step(Json& value, const std::string& key) {
  if (key.starts_with("k:")) return value.is_array() ? item_named(value, key.substr(2)) : nullptr;
  if (!value.is_object()) return nullptr;
  const auto found = value.find(key);
  return found == value.end() ? nullptr : &*found;
}

/// True when `value` became empty.
bool erase(Json& value, const FieldPath& path, std::size_t depth) {
  Json* below = step(value, path[depth]);
  if (below == nullptr) return false;
  const bool gone = depth + 1 == path.size() || erase(*below, path, depth + 1);
  if (!gone) return false;
  if (value.is_object()) {
    value.erase(path[depth]);
  } else {
    value.erase(static_cast<std::size_t>(below - &value[0]));
  }
  // An item of a named list is empty once nothing but its name is left.
  return value.empty() || (depth > 0 && path[depth - 1].starts_with("k:") && value.size() == 1);
}

}  // namespace

FieldSet leaves(const Json& object) {
  FieldSet found;
  FieldPath at;
  if (object.is_object() && !object.empty()) collect(object, at, found);
  return found;
}

const Json* at_path(const Json& object, const FieldPath& path) {
  const Json* at = &object;
  for (const auto& key : path) {
    at = step(const_cast<Json&>(*at), key);
    if (at == nullptr) return nullptr;
  }
  return at;
}

void set_path(Json& object, const FieldPath& path, const Json& value) {
  Json* at = &object;
  for (const auto& key : path) {
    if (key.starts_with("k:")) {
      if (!at->is_array()) *at = Json::array();
      Json* item = item_named(*at, key.substr(2));
      if (item == nullptr) {
        at->push_back({{"name", key.substr(2)}});
        item = &at->back();
      }
      at = item;
    } else {
      if (!at->is_object()) *at = Json::object();
      at = &(*at)[key];
    }
  }
  *at = value;
}

void erase_path(Json& object, const FieldPath& path) {
  if (!path.empty()) erase(object, path, 0);
}

std::string to_text(const FieldPath& path) {
  std::string text;
  for (const auto& key : path) text += key.starts_with("k:") ? "[name=\"" + key.substr(2) + "\"]" : "." + key;
  return text;
}

Json to_fields_v1(const FieldSet& fields) {
  Json out = Json::object();
  for (const auto& path : fields) {
    Json* at = &out;
    for (const auto& key : path)
      at = &(*at)[key.starts_with("k:") ? "k:{\"name\":\"" + key.substr(2) + "\"}" : "f:" + key];
    if (at->is_null()) *at = Json::object();
  }
  return out;
}

}  // namespace fakes
