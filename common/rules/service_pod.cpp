#include <unordered_set>

#include "common/kube/names.hpp"
#include "common/rules/judges.hpp"

namespace rules::judge {
namespace {

using base::JsonValue;
using kube::FieldPath;

template <class Visit>
void for_each_member(const Service& service, std::string_view field, const Visit& visit) {
  const JsonValue* map = object_in(service.spec, field);
  if (map == nullptr) return;
  const auto path = service.spec_path.child(field);
  for (const auto& member : map->GetObject()) {
    const auto key = base::as_string(&member.name).value_or("");
    visit(key, member.value, path.key(key));
  }
}

template <class Visit>
void for_each_item(const Service& service, std::string_view field, const Visit& visit) {
  const JsonValue* list = list_in(service.spec, field);
  if (list == nullptr) return;
  const auto path = service.spec_path.child(field);
  for (rapidjson::SizeType i = 0; i < list->Size(); ++i) {
    if ((*list)[i].IsObject()) visit((*list)[i], path.at(i));
  }
}

/// Volumes that every router Pod has.
bool is_own_volume(std::string_view name) {
  return name == "preset" || name == "model-cache" || name == "cache" || name.starts_with("model-source-");
}

/// Folders that the Pod's own volumes are mounted at.
constexpr std::string_view kOwnFolders[] = {"/etc/llmkube", "/models", "/cache", "/model-source"};

bool is_below(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

bool is_own_label(std::string_view key) {
  return key == "app" || key.starts_with("inference.llmkube.dev/") || key == "app.kubernetes.io/managed-by";
}

}  // namespace

void label_syntax(const Service& service, const Report& report) {
  for (const std::string_view field : {"podLabels", "nodeSelector"}) {
    for_each_member(service, field, [&](std::string_view key, const JsonValue& value, const FieldPath& path) {
      if (!kube::is_qualified_name(key)) {
        report.at(path, base::quote_json(key.substr(0, 80)), {"the key is no label name"});
      } else if (value.IsString() && !kube::is_label_value(base::as_string(&value).value_or(""))) {
        report.at(path, &value, {"the value is no label value"});
      }
    });
  }
}

void annotation_key(const Service& service, const Report& report) {
  for_each_member(service, "podAnnotations", [&](std::string_view key, const JsonValue&, const FieldPath& path) {
    if (!kube::is_qualified_name(key)) report.at(path, base::quote_json(key.substr(0, 80)));
  });
}

void label_owned(const Service& service, const Report& report) {
  for_each_member(service, "podLabels", [&](std::string_view key, const JsonValue& value, const FieldPath& path) {
    if (is_own_label(key)) report.at(path, &value);
  });
}

void volume_name(const Service& service, const Report& report) {
  std::unordered_set<std::string_view> seen;
  for_each_item(service, "extraVolumes", [&](const JsonValue& volume, const FieldPath& path) {
    const auto name = text_in(volume, "name");
    if (name.empty()) return;
    const JsonValue* value = base::find(volume, "name");
    if (is_own_volume(name)) {
      report.at(path.child("name"), value, {"the Pod has a volume of that name already"});
    } else if (!kube::is_dns1123_label(name)) {
      report.at(path.child("name"), value, {"a volume's name is of lower-case letters, digits and -"});
    } else if (!seen.insert(name).second) {
      report.at(path.child("name"), value, {"another entry has that name"});
    }
  });
}

void mount_path(const Service& service, const Report& report) {
  for_each_item(service, "extraVolumeMounts", [&](const JsonValue& mount, const FieldPath& path) {
    const auto place = text_in(mount, "mountPath");
    for (const auto folder : kOwnFolders) {
      if (is_below(place, folder)) report.at(path.child("mountPath"), base::find(mount, "mountPath"), {folder});
    }
  });
}

void mount_volume(const Service& service, const Report& report) {
  std::unordered_set<std::string_view> names;
  for_each_item(service, "extraVolumes",
                [&](const JsonValue& volume, const FieldPath&) { names.insert(text_in(volume, "name")); });
  for_each_item(service, "extraVolumeMounts", [&](const JsonValue& mount, const FieldPath& path) {
    const auto name = text_in(mount, "name");
    if (!name.empty() && !names.contains(name) && !is_own_volume(name))
      report.at(path.child("name"), base::find(mount, "name"));
  });
}

}  // namespace rules::judge
