#include "common/kube/names.hpp"
#include "common/rules/judges.hpp"

/// What the API server itself says of metadata, later and in a refusal of its own: one apply is to name all mistakes.
namespace rules::judge {
namespace {

using base::JsonValue;
using kube::FieldPath;

/// A name that is too long has a rule of its own.
void name_of_object(const JsonValue& object, const Report& report) {
  const JsonValue* metadata = object_in(object, "metadata");
  const auto name = metadata == nullptr ? std::string_view{} : text_in(*metadata, "name");
  if (name.empty() || name.size() > kube::kMaxLabelLength || kube::is_dns1123_subdomain(name)) return;
  const FieldPath root;
  const auto path = root.child("metadata");
  report.at(path.child("name"), base::find(*metadata, "name"), {as_label(name)});
}

void labels_of_object(const JsonValue& object, const Report& report) {
  const JsonValue* metadata = object_in(object, "metadata");
  if (metadata == nullptr) return;
  const FieldPath root;
  const auto path = root.child("metadata");
  for_each_member(*metadata, "labels", path, [&](std::string_view key, const JsonValue& value, const FieldPath& at) {
    judge_label(key, value, at, report);
  });
  for_each_member(*metadata, "annotations", path, [&](std::string_view key, const JsonValue&, const FieldPath& at) {
    if (!kube::is_annotation_key(key))
      report.at(at, base::quote_json(key.substr(0, kMaxShown)), {"the key is no name"});
  });
}

}  // namespace

void object_name(const Service& service, const Report& report) { name_of_object(service.object, report); }
void object_name(const ModelObject& model, const Report& report) { name_of_object(model.object, report); }
void object_labels(const Service& service, const Report& report) { labels_of_object(service.object, report); }
void object_labels(const ModelObject& model, const Report& report) { labels_of_object(model.object, report); }

}  // namespace rules::judge
