#include "webhook/check/metadata.hpp"

#include <string>

#include "common/api/schema.hpp"
#include "common/kube/field_path.hpp"
#include "common/kube/names.hpp"
#include "common/rules/rule.hpp"
#include "common/rules/schema_check.hpp"

namespace webhook {
namespace {

using base::JsonValue;
using kube::FieldPath;

/// k8s.io/apimachinery/pkg/api/validation NameIsDNSSubdomain of a prefix: what is made of it may end otherwise.
bool is_name_prefix(std::string_view text) {
  if (text.size() < 2 || !text.ends_with('-')) return kube::is_dns1123_subdomain(text);
  return kube::is_dns1123_subdomain(std::string(text.substr(0, text.size() - 2)) + "a");
}

void judge(const JsonValue& metadata, const FieldPath& path, std::vector<rules::Finding>& out) {
  rules::Report report(out);
  rules::check_schema(api::object_meta_schema(), metadata, path, report);
  if (!metadata.IsObject()) return;
  report.rule = &rules::rule("schema-required");
  const auto is_there = [&](std::string_view field) {
    const JsonValue* value = base::present(metadata, field);
    return value != nullptr && !(value->IsString() && value->GetStringLength() == 0);
  };
  if (!is_there("name") && !is_there("generateName")) report.at(path.child("name"), nullptr, {"name"});

  report.rule = &rules::rule("object-name");
  const auto name_space = rules::text_in(metadata, "namespace");
  if (!name_space.empty() && !kube::is_dns1123_label(name_space))
    report.at(path.child("namespace"), base::find(metadata, "namespace"), {rules::as_label(name_space)});
  const auto prefix = rules::text_in(metadata, "generateName");
  if (!prefix.empty() && !is_name_prefix(prefix))
    report.at(path.child("generateName"), base::find(metadata, "generateName"), {rules::as_label(prefix) + "-"});
  const JsonValue* finalizers = rules::list_in(metadata, "finalizers");
  const auto finalizers_path = path.child("finalizers");
  for (rapidjson::SizeType i = 0; finalizers != nullptr && i < finalizers->Size(); ++i) {
    const JsonValue& finalizer = (*finalizers)[i];
    const auto name = base::as_string(&finalizer);
    if (name && !kube::is_qualified_name(*name)) report.at(finalizers_path.at(i), &finalizer, {rules::as_label(*name)});
  }
}

}  // namespace

void check_metadata(const CheckedObject& object, std::vector<LocatedFinding>& out) {
  const FieldPath root;
  const auto path = root.child("metadata");
  const Node* node = object.node->find("metadata");
  const bool is_there = node != nullptr && node->kind != Node::Kind::null;
  std::vector<rules::Finding> found;
  judge(is_there ? to_json(*node) : base::JsonDocument(rapidjson::kObjectType), path, found);
  for (auto& finding : found) out.push_back(locate(object, std::move(finding)));
}

}  // namespace webhook
