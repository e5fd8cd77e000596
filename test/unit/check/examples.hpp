#pragma once
#include <algorithm>
#include <string>

#include "common/api/schema.hpp"
#include "common/rules/rule.hpp"
#include "webhook/check/yaml_reader.hpp"

/// The examples of the table of rules as whole objects.
namespace examples {

inline webhook::Node parse(const std::string& text) {
  auto read = webhook::read_yaml(text);
  return read.roots.empty() ? webhook::Node{} : std::move(read.roots.front());
}

inline webhook::Node& member(webhook::Node& map, std::string_view key) {
  auto found = std::ranges::find(map.members, key, &webhook::Node::Member::key);
  if (found != map.members.end()) return found->value;
  map.kind = webhook::Node::Kind::map;
  map.members.push_back({std::string(key), {}, {}});
  return map.members.back().value;
}

inline const char* base_of(const rules::Rule& rule) {
  return rule.kind == api::Kind::model
             ? "{apiVersion: inference.llmkube.dev/v1alpha1, kind: Model, metadata: {name: phi}, spec: {source: "
               "'https://host/a.gguf', sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}}"
             : "{apiVersion: inference.llmkube.dev/v1alpha1, kind: InferenceService, metadata: {name: edge}, spec: "
               "{runtime: llamacpp-router, models: [{name: a}, {name: b}], resources: {requests: {nvidia.com/gpu: "
               "1}}}}";
}

/// The base with the example's fields laid over its spec; null takes a field away.
inline webhook::Node object(const rules::Rule& rule, std::string_view example) {
  webhook::Node out = parse(base_of(rule));
  webhook::Node overlay = parse(std::string(example));
  for (auto& field : overlay.members) {
    if (field.key.starts_with('$')) {
      member(member(out, "metadata"), field.key.substr(1)) = field.value;
    } else if (field.value.kind == webhook::Node::Kind::null) {
      std::erase_if(member(out, "spec").members, [&](const auto& there) { return there.key == field.key; });
    } else {
      member(member(out, "spec"), field.key) = field.value;
    }
  }
  return out;
}

}  // namespace examples
