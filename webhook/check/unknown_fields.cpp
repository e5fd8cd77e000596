#include "webhook/check/unknown_fields.hpp"

#include <algorithm>
#include <string>

#include "common/api/schema.hpp"
#include "common/base/text.hpp"
#include "common/base/wire_text.hpp"
#include "common/kube/field_path.hpp"
#include "common/rules/rule.hpp"

namespace webhook {
namespace {

using api::Schema;
using kube::FieldPath;

/// metav1.ObjectMeta; the CRD leaves it to the API server.
constexpr std::string_view kMetadata[] = {
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
};

bool same_letter(char a, char b) { return base::lower(a) == base::lower(b); }

/// The candidate that says the word with something before or behind it, or the other way round: extraVolumes for
/// volumes. The shortest one; empty when there is none.
std::string_view longer_or_shorter(std::string_view word, const std::vector<std::string_view>& candidates) {
  constexpr std::size_t kShortest = 4;
  std::string_view best;
  for (const auto candidate : candidates) {
    const auto [part, whole] = word.size() < candidate.size() ? std::pair(word, candidate) : std::pair(candidate, word);
    const bool holds = part.size() >= kShortest && !std::ranges::search(whole, part, same_letter).empty();
    if (holds && (best.empty() || candidate.size() < best.size())) best = candidate;
  }
  return best;
}

/// A map of which the fields are known.
struct Owner {
  std::string name;
  std::vector<std::string_view> fields;
  /// Those that must be there and are not.
  std::vector<std::string_view> missing;
};

class Search {
 public:
  Search(api::Kind kind, const CheckedObject& object, std::vector<LocatedFinding>& out)
      : kind_(kind), object_(object), out_(out) {}

  void run() {
    const FieldPath root;
    const Schema& schema = api::schema_of(kind_);
    for (const auto& member : object_.node->members) {
      if (member.key == "metadata") {
        metadata(member.value, root.child("metadata"));
      } else if (const Schema* child = schema.property(member.key)) {
        walk(*child, member.value, root.child(member.key));
      } else {
        report(member, root.child(member.key), owner(schema, *object_.node, std::string(kind_name(kind_))));
      }
    }
  }

 private:
  static Owner owner(const Schema& schema, const Node& node, std::string name) {
    Owner out{std::move(name), {}, {}};
    for (const auto& property : schema.properties) out.fields.push_back(property.name);
    for (const auto field : schema.required)
      if (node.find(field) == nullptr) out.missing.push_back(field);
    return out;
  }

  void metadata(const Node& node, const FieldPath& path) {
    const Owner metadata{"metadata", {std::begin(kMetadata), std::end(kMetadata)}, {}};
    for (const auto& member : node.members) {
      if (std::ranges::find(metadata.fields, member.key) == metadata.fields.end())
        report(member, path.child(member.key), metadata);
    }
  }

  void walk(const Schema& schema, const Node& node, const FieldPath& path) {
    if (node.kind == Node::Kind::list && schema.items != nullptr) {
      for (std::size_t i = 0; i < node.items.size(); ++i) walk(*schema.items, node.items[i], path.at(i));
    }
    if (node.kind != Node::Kind::map || schema.type != Schema::Type::object) return;
    for (const auto& member : node.members) {
      if (const Schema* child = schema.property(member.key)) {
        walk(*child, member.value, path.child(member.key));
      } else if (schema.values != nullptr) {
        walk(*schema.values, member.value, path.key(member.key));
      } else if (!schema.is_free_form()) {
        report(member, path.child(member.key), owner(schema, node, path.str()));
      }
    }
  }

  /// The path of a field of that name elsewhere in the spec: what was meant may only stand in the wrong place.
  [[nodiscard]] std::string elsewhere(std::string_view name) const {
    const FieldPath root;
    const Schema* spec = api::schema_of(kind_).property("spec");
    const auto spec_path = root.child("spec");
    if (spec->property(name) != nullptr) return spec_path.child(name).str();
    for (const auto& property : spec->properties) {
      if (property.schema->property(name) == nullptr) continue;
      const auto path = spec_path.child(property.name);
      return path.child(name).str();
    }
    return {};
  }

  [[nodiscard]] std::string fix(std::string_view word, const Owner& owner) const {
    constexpr std::size_t kFewFields = 6;
    const auto meant = [](std::string_view field) { return "did you mean " + std::string(field) + "?"; };
    word = word.substr(0, 64);
    // Who takes `name` for the name to serve a Model under writes the Model somewhere else.
    if (owner.name.starts_with("spec.models[") && owner.missing.empty() && (word == "modelRef" || word == "model"))
      return "name is the Model's own, and other names to serve it under are its aliases";
    if (const auto near = base::nearest(word, owner.fields); !near.empty()) return meant(near);
    const auto place = elsewhere(word);
    // What a list's item lacks is nearer than what has that name outside.
    if (owner.missing.size() == 1 && (place.empty() || owner.name.ends_with(']')))
      return "did you mean " + std::string(owner.missing[0]) + ", which is missing?";
    const auto like = longer_or_shorter(word, owner.fields);
    // Who leaves out a part of a field's name (name for secretName) means no field of another part of the spec.
    const bool is_far = owner.name != "spec" && std::ranges::count(place, '.') > 1;
    if (!place.empty() && !(is_far && like.size() > word.size())) return meant(place);
    if (!like.empty()) return meant(like);
    if (owner.fields.size() > kFewFields) return "kubectl explain lists the fields";
    return "its fields: " + base::join({owner.fields.begin(), owner.fields.end()}, ", ");
  }

  void report(const Node::Member& member, const FieldPath& path, const Owner& owner) {
    auto finding = rules::make_finding(rules::rule("unknown-field"), path, base::quote_json(member.key),
                                       {owner.name, fix(member.key, owner)});
    out_.push_back({object_.file, member.mark, std::move(finding), name_of(object_)});
  }

  api::Kind kind_;
  const CheckedObject& object_;
  std::vector<LocatedFinding>& out_;
};

}  // namespace

void find_unknown_fields(api::Kind kind, const CheckedObject& object, std::vector<LocatedFinding>& out) {
  Search(kind, object, out).run();
}

}  // namespace webhook
