#pragma once
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace fakes {

using Json = nlohmann::json;

/// The place of a leaf: map keys, and `k:NAME` for an item of a list whose items have names (the API server's
/// associative lists, as far as these tests need them). Other lists are leaves as a whole.
using FieldPath = std::vector<std::string>;
using FieldSet = std::set<FieldPath>;

[[nodiscard]] FieldSet leaves(const Json& object);
/// Null when nothing is there.
[[nodiscard]] const Json* at_path(const Json& object, const FieldPath& path);
void set_path(Json& object, const FieldPath& path, const Json& value);
/// Removes the leaf, and what becomes empty above it.
void erase_path(Json& object, const FieldPath& path);
/// ".spec.template.containers[name=\"x\"].image"
[[nodiscard]] std::string to_text(const FieldPath& path);
/// As managedFields holds it: {"f:spec": {"f:replicas": {}}}.
[[nodiscard]] Json to_fields_v1(const FieldSet& fields);

}  // namespace fakes
