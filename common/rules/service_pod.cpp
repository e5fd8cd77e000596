#include <algorithm>
#include <filesystem>
#include <unordered_set>

#include "common/base/text.hpp"
#include "common/kube/names.hpp"
#include "common/rules/judges.hpp"
#include "common/rules/pod_fields.hpp"

namespace rules::judge {
namespace {

using base::JsonValue;
using kube::FieldPath;

/// Volumes that a service without a word on them may count on. Those of claims that Models lie on (`model-source-...`)
/// come and go with the Models.
constexpr std::string_view kOwnVolumes[] = {"preset", "model-cache", "cache"};

bool is_own_volume(std::string_view name) { return std::ranges::find(kOwnVolumes, name) != std::end(kOwnVolumes); }

/// Of a Pod that fetches its models itself: the certificates of the installation, where it has some.
constexpr std::string_view kCertificates = "ca";

bool fetches_models(const Service& service) {
  const JsonValue* cache = object_in(service.spec, "modelCache");
  return cache != nullptr && text_in(*cache, "persistence") == "Ephemeral";
}

/// Folders that the Pod's own volumes are mounted at.
constexpr std::string_view kOwnFolders[] = {"/etc/llmkube", "/models", "/cache", "/model-source"};

bool is_own_label(std::string_view key) {
  return key == "app" || key.starts_with("inference.llmkube.dev/") || key == "app.kubernetes.io/managed-by";
}

}  // namespace

void label_syntax(const Service& service, const Report& report) {
  for (const std::string_view field : {"podLabels", "nodeSelector"}) {
    for_each_member(service.spec, field, service.spec_path,
                    [&](std::string_view key, const JsonValue& value, const FieldPath& path) {
                      judge_label(key, value, path, report);
                    });
  }
}

void annotation_key(const Service& service, const Report& report) {
  for_each_member(service.spec, "podAnnotations", service.spec_path,
                  [&](std::string_view key, const JsonValue&, const FieldPath& path) {
                    if (!kube::is_annotation_key(key)) report.at(path, base::quote_json(key.substr(0, kMaxShown)));
                  });
}

void label_owned(const Service& service, const Report& report) {
  for_each_member(service.spec, "podLabels", service.spec_path,
                  [&](std::string_view key, const JsonValue& value, const FieldPath& path) {
                    if (is_own_label(key)) report.at(path, &value);
                  });
}

void volume_name(const Service& service, const Report& report) {
  std::unordered_set<std::string_view> seen;
  for_each_item(service.spec, "extraVolumes", service.spec_path, [&](const JsonValue& volume, const FieldPath& path) {
    const auto name = text_in(volume, "name");
    if (name.empty()) return;
    const JsonValue* value = base::find(volume, "name");
    if (is_own_volume(name) || name.starts_with("model-source-") ||
        (name == kCertificates && fetches_models(service))) {
      report.at(path.child("name"), value, {"the Pod has a volume of that name already"});
    } else if (!seen.insert(name).second) {
      report.at(path.child("name"), value, {"another entry has that name"});
    }
  });
}

void volume_source(const Service& service, const Report& report) {
  for_each_item(service.spec, "extraVolumes", service.spec_path, [&](const JsonValue& volume, const FieldPath& path) {
    std::string sources;
    std::size_t count = 0;
    for (const auto& member : volume.GetObject()) {
      const auto key = base::as_string(&member.name).value_or("");
      if (key == "name" || member.value.IsNull()) continue;
      sources.append(count++ == 0 ? "" : ", ").append(key);
    }
    if (count > 1) report.at(path, nullptr, {sources});
  });
}

/// The place is the key of the list in the Deployment: server-side apply refuses it twice.
void mount_place(const Service& service, const Report& report) {
  std::unordered_set<std::string_view> seen;
  for_each_item(service.spec, "extraVolumeMounts", service.spec_path,
                [&](const JsonValue& mount, const FieldPath& path) {
                  const JsonValue* value = base::find(mount, "mountPath");
                  const auto place = base::as_string(value);
                  if (place && (!place->starts_with('/') || climbs(*place))) {
                    report.at(path.child("mountPath"), value, {"is no absolute path", "begin it with / and use no .."});
                  } else if (place && !seen.insert(*place).second) {
                    report.at(path.child("mountPath"), value, {"another entry mounts there", "choose another place"});
                  }
                  const auto part = text_in(mount, "subPath");
                  if (part.starts_with('/') || climbs(part))
                    report.at(path.child("subPath"), base::find(mount, "subPath"),
                              {"leaves its volume", "write a path inside the volume"});
                });
}

void mount_path(const Service& service, const Report& report) {
  for_each_item(service.spec, "extraVolumeMounts", service.spec_path,
                [&](const JsonValue& mount, const FieldPath& path) {
                  const std::filesystem::path written = text_in(mount, "mountPath");
                  if (climbs(written.native())) return;  // mount-place tells it
                  // Slashes that stand twice and parts that are `.` lead to the same folder.
                  const std::string place = written.lexically_normal();
                  for (const auto folder : kOwnFolders) {
                    if (base::is_below(place, folder))
                      report.at(path.child("mountPath"), base::find(mount, "mountPath"), {folder});
                  }
                });
}

void mount_volume(const Service& service, const Report& report) {
  std::unordered_set<std::string_view> names;
  for_each_item(service.spec, "extraVolumes", service.spec_path,
                [&](const JsonValue& volume, const FieldPath&) { names.insert(text_in(volume, "name")); });
  for_each_item(service.spec, "extraVolumeMounts", service.spec_path,
                [&](const JsonValue& mount, const FieldPath& path) {
                  const auto name = text_in(mount, "name");
                  if (!name.empty() && !names.contains(name) && !is_own_volume(name))
                    report.at(path.child("name"), base::find(mount, "name"));
                });
}

void volume_field(const Service& service, const Report& report) {
  for_each_item(service.spec, "extraVolumes", service.spec_path, [&](const JsonValue& volume, const FieldPath& path) {
    judge_pod_field("Volume", volume, path, report);
  });
}

void mount_field(const Service& service, const Report& report) {
  const JsonValue* security = object_in(service.spec, "securityContext");
  const bool privileged = security != nullptr && base::as_bool(base::find(*security, "privileged")).value_or(false);
  for_each_item(service.spec, "extraVolumeMounts", service.spec_path,
                [&](const JsonValue& mount, const FieldPath& path) {
                  judge_pod_field("VolumeMount", mount, path, report);
                  if (text_in(mount, "mountPropagation") == "Bidirectional" && !privileged)
                    report.at(path.child("mountPropagation"), base::find(mount, "mountPropagation"),
                              {"is for privileged containers only", "write HostToContainer or None"});
                });
}

void security_context(const Service& service, const Report& report) {
  if (const JsonValue* value = object_in(service.spec, "securityContext"))
    judge_pod_field("SecurityContext", *value, service.spec_path.child("securityContext"), report);
  if (const JsonValue* value = object_in(service.spec, "podSecurityContext"))
    judge_pod_field("PodSecurityContext", *value, service.spec_path.child("podSecurityContext"), report);
}

/// The user's contexts are laid over the restricted ones, where the Pod runs as nobody and not as root: the kubelet
/// starts no container that is both root and not. The agent has what the Pod's context says.
void run_as_root(const Service& service, const Report& report) {
  bool root = false;
  bool forbidden = true;
  for (const std::string_view field : {"podSecurityContext", "securityContext"}) {
    const JsonValue* value = object_in(service.spec, field);
    const JsonValue* user = value == nullptr ? nullptr : present(*value, "runAsUser");
    const JsonValue* not_root = value == nullptr ? nullptr : present(*value, "runAsNonRoot");
    if (user == nullptr && not_root == nullptr) continue;
    root = user == nullptr ? root : base::as_int(user) == 0;
    forbidden = base::as_bool(not_root).value_or(forbidden);
    const auto path = service.spec_path.child(field);
    if (root && forbidden)
      report.at(path.child(user == nullptr ? "runAsNonRoot" : "runAsUser"), user == nullptr ? not_root : user);
  }
}

/// The user's context is laid over the restricted one, which forbids escalation.
void privileged(const Service& service, const Report& report) {
  const JsonValue* value = object_in(service.spec, "securityContext");
  if (value == nullptr || base::as_bool(base::find(*value, "allowPrivilegeEscalation")).value_or(false)) return;
  const auto path = service.spec_path.child("securityContext");
  if (base::as_bool(base::find(*value, "privileged")).value_or(false))
    report.at(path.child("privileged"), base::find(*value, "privileged"));
  const JsonValue* capabilities = object_in(*value, "capabilities");
  const JsonValue* added = capabilities == nullptr ? nullptr : list_in(*capabilities, "add");
  if (added == nullptr) return;
  const auto is_admin = [](const JsonValue& name) { return base::as_string(&name) == "CAP_SYS_ADMIN"; };
  if (std::ranges::any_of(added->GetArray(), is_admin)) report.at(path.child("capabilities").child("add"), added);
}

}  // namespace rules::judge
