#include "webhook/check/unknown_fields.hpp"

#include <algorithm>
#include <string>

#include "common/api/schema.hpp"
#include "common/base/text.hpp"
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
        report(member, root.child(member.key), kind_name(kind_), names_of(schema));
      }
    }
  }

 private:
  static std::vector<std::string_view> names_of(const Schema& schema) {
    std::vector<std::string_view> out;
    for (const auto& property : schema.properties) out.push_back(property.name);
    return out;
  }

  void metadata(const Node& node, const FieldPath& path) {
    const std::vector<std::string_view> known(std::begin(kMetadata), std::end(kMetadata));
    for (const auto& member : node.members) {
      if (std::ranges::find(known, member.key) == known.end())
        report(member, path.child(member.key), "metadata", known);
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
        report(member, path.child(member.key), path.str(), names_of(schema));
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

  void report(const Node::Member& member, const FieldPath& path, std::string_view owner,
              const std::vector<std::string_view>& known) {
    const std::string near = base::nearest(std::string_view(member.key).substr(0, 64), known);
    std::string fix = near.empty() ? "" : "did you mean " + near + "?";
    if (fix.empty()) {
      const std::string place = elsewhere(member.key);
      fix = place.empty() ? "kubectl explain lists the fields" : "did you mean " + place + "?";
    }
    std::vector<rules::Finding> found;
    rules::Report report(found);
    report.rule = &rules::rule("unknown-field");
    report.at(path, base::quote_json(member.key), {owner, fix});
    out_.push_back({object_.file, member.mark, std::move(found.front()), ""});
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
