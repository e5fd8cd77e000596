#include "common/rules/pod_fields.hpp"

#include <algorithm>
#include <limits>
#include <span>
#include <unordered_map>
#include <unordered_set>

#include "common/base/number.hpp"
#include "common/kube/names.hpp"
#include "common/kube/quantity.hpp"

namespace rules {
namespace {

using base::JsonValue;
using kube::FieldPath;
using Text = std::string_view;

bool is_config_key(Text text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  };
  return !text.empty() && text.size() <= kube::kMaxSubdomainLength && text != "." && !text.starts_with("..") &&
         std::ranges::all_of(text, fits);
}

bool is_header(Text text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !text.empty() && std::ranges::all_of(text, fits);
}

bool is_word_of(Text words, Text word) {
  while (!words.empty()) {
    const auto end = words.find(' ');
    if (words.substr(0, end) == word) return true;
    words.remove_prefix(end == Text::npos ? words.size() : end + 1);
  }
  return false;
}

/// One label or annotation: "metadata.labels['app']".
bool is_map_entry(Text text) {
  const auto is_of = [&](Text map, bool (*is_key)(Text)) {
    return text.starts_with(map) && text.ends_with("']") && text.size() > map.size() + 2 &&
           is_key(text.substr(map.size(), text.size() - map.size() - 2));
  };
  return is_of("metadata.labels['", kube::is_qualified_name) ||
         is_of("metadata.annotations['", kube::is_annotation_key);
}

/// pkg/apis/core/pods: what an environment variable can be made of.
bool is_env_field(Text text) {
  constexpr Text kPlain[] = {
      "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
      "status.hostIP", "status.hostIPs",     "status.podIP", "status.podIPs"};
  return std::ranges::find(kPlain, text) != std::end(kPlain) || is_map_entry(text);
}

/// The same, of a file in a volume.
bool is_volume_field(Text text) {
  return is_word_of("metadata.name metadata.namespace metadata.uid metadata.labels metadata.annotations", text) ||
         is_map_entry(text);
}

bool is_env_resource(Text text) {
  constexpr Text kNames[] = {"limits.cpu",   "limits.memory",   "limits.ephemeral-storage",
                             "requests.cpu", "requests.memory", "requests.ephemeral-storage"};
  return std::ranges::find(kNames, text) != std::end(kNames) || text.starts_with("limits.hugepages-") ||
         text.starts_with("requests.hugepages-");
}

bool is_sysctl(Text text) {
  return !text.empty() && text.size() <= kube::kMaxSubdomainLength && !text.starts_with('.') && !text.ends_with('.') &&
         std::ranges::all_of(
             text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || Text("-_./").contains(c); });
}

bool is_below_folder(Text text) { return !text.starts_with('/') && !climbs(text); }
/// Names that begin with `..` are the kubelet's own.
bool is_file(Text text) { return is_below_folder(text) && !text.starts_with(".."); }
bool is_absolute(Text text) { return text.starts_with('/'); }
bool is_uncolonned(Text text) { return !text.contains(':'); }
bool is_not_climbing(Text text) { return !climbs(text); }

/// A form that a text has, with what to say when it has not. An empty text is judged where the field must be there.
struct Form {
  bool (*fits)(Text);
  Text what;
  Text fix;
};
constexpr Form kKey{kube::is_qualified_name, "is no key of a label", "write [domain/]name"};
constexpr Form kLabelValue{kube::is_label_value, "is no value of a label", "write letters, digits, -, _ and ."};
constexpr Form kLabel{kube::is_dns1123_label, "is no such name", "write lower-case letters, digits and -"};
constexpr Form kName{kube::is_dns1123_subdomain, "is no name of an object",
                     "write lower-case letters, digits, - and ."};
constexpr Form kConfigKey{is_config_key, "is no key of a ConfigMap or Secret", "write letters, digits, -, _ and ."};
constexpr Form kInside{is_below_folder, "leaves its volume", "write a path inside the volume"};
constexpr Form kFile{is_file, "is no path inside the volume", "begin it with neither / nor .., and use no part .."};
constexpr Form kAbsolute{is_absolute, "is no absolute path", "begin it with /"};
constexpr Form kNoColon{is_uncolonned, "has a colon, which a mount's place cannot have", "choose another place"};
constexpr Form kNoClimb{is_not_climbing, "has a part ..", "write the path without"};
constexpr Form kEnvField{is_env_field, "is no field of a Pod that a variable can have",
                         "write for example metadata.name, status.podIP or metadata.labels['app']"};
constexpr Form kVolumeField{is_volume_field, "is no field of a Pod that a file can have",
                            "write for example metadata.name, metadata.labels or metadata.labels['app']"};
constexpr Form kEnvResource{is_env_resource, "is no amount of a container", "write for example limits.memory"};
constexpr Form kSysctl{is_sysctl, "is no name of a setting",
                       "write it as sysctl(8) does, for example net.core.somaxconn"};
constexpr Form kHeader{is_header, "is no name of a header", "write letters, digits and -"};
constexpr Form kAnything{[](Text) { return true; }, "", ""};

/// What stands in a field. An empty text counts as one that is not there; of exact_one_of it is one of no word: such
/// fields are pointers in Kubernetes, and are judged when they are set.
enum class Is { text, one_of, exact_one_of, number, numbers, object, items, texts, labels, never };

struct Field {
  Text type;
  Text name;
  Is is;
  /// Of an object or items: their type. Of one_of and exact_one_of: the words, a blank between them. Of never: the
  /// value, as JSON.
  Text of = {};
  const Form* form = nullptr;
  /// Missing or empty is a mistake.
  bool needed = false;
  std::int64_t least = 0;
  std::int64_t most = std::numeric_limits<std::int64_t>::max();
};

constexpr bool kNeeded = true;
constexpr std::int64_t kMostId = std::numeric_limits<std::int32_t>::max();
constexpr Text kRequired = "requiredDuringSchedulingIgnoredDuringExecution";
constexpr Text kPreferred = "preferredDuringSchedulingIgnoredDuringExecution";

constexpr Field kFields[] = {
    // Where Pods go.
    {"Affinity", "nodeAffinity", Is::object, "NodeAffinity"},
    {"Affinity", "podAffinity", Is::object, "PodAffinity"},
    {"Affinity", "podAntiAffinity", Is::object, "PodAffinity"},
    {"NodeAffinity", kRequired, Is::object, "NodeSelector"},
    {"NodeAffinity", kPreferred, Is::items, "PreferredSchedulingTerm"},
    {"NodeSelector", "nodeSelectorTerms", Is::items, "NodeSelectorTerm", nullptr, kNeeded},
    {"NodeSelectorTerm", "matchExpressions", Is::items, "NodeSelectorRequirement"},
    {"NodeSelectorTerm", "matchFields", Is::items, "NodeFieldRequirement"},
    {"NodeSelectorRequirement", "key", Is::text, "", &kKey, kNeeded},
    {"NodeFieldRequirement", "key", Is::one_of, "metadata.name", nullptr, kNeeded},
    {"PreferredSchedulingTerm", "weight", Is::number, "", nullptr, kNeeded, 1, 100},
    {"PreferredSchedulingTerm", "preference", Is::object, "NodeSelectorTerm"},
    {"PodAffinity", kRequired, Is::items, "PodAffinityTerm"},
    {"PodAffinity", kPreferred, Is::items, "WeightedPodAffinityTerm"},
    {"WeightedPodAffinityTerm", "weight", Is::number, "", nullptr, kNeeded, 1, 100},
    {"WeightedPodAffinityTerm", "podAffinityTerm", Is::object, "PodAffinityTerm"},
    {"PodAffinityTerm", "topologyKey", Is::text, "", &kKey, kNeeded},
    {"PodAffinityTerm", "labelSelector", Is::object, "LabelSelector"},
    {"PodAffinityTerm", "namespaceSelector", Is::object, "LabelSelector"},
    {"PodAffinityTerm", "namespaces", Is::texts, "", &kLabel},
    {"LabelSelector", "matchLabels", Is::labels},
    {"LabelSelector", "matchExpressions", Is::items, "LabelSelectorRequirement"},
    {"LabelSelectorRequirement", "key", Is::text, "", &kKey, kNeeded},
    {"TopologySpreadConstraint", "maxSkew", Is::number, "", nullptr, kNeeded, 1},
    {"TopologySpreadConstraint", "minDomains", Is::number, "", nullptr, false, 1},
    {"TopologySpreadConstraint", "topologyKey", Is::text, "", &kKey, kNeeded},
    {"TopologySpreadConstraint", "whenUnsatisfiable", Is::one_of, "DoNotSchedule ScheduleAnyway", nullptr, kNeeded},
    {"TopologySpreadConstraint", "nodeAffinityPolicy", Is::exact_one_of, "Honor Ignore"},
    {"TopologySpreadConstraint", "nodeTaintsPolicy", Is::exact_one_of, "Honor Ignore"},
    {"TopologySpreadConstraint", "labelSelector", Is::object, "LabelSelector"},
    // Variables.
    {"EnvVarSource", "configMapKeyRef", Is::object, "KeySelector"},
    {"EnvVarSource", "secretKeyRef", Is::object, "KeySelector"},
    {"EnvVarSource", "fieldRef", Is::object, "ObjectFieldSelector"},
    {"EnvVarSource", "resourceFieldRef", Is::object, "ResourceFieldSelector"},
    {"KeySelector", "name", Is::text, "", &kName, kNeeded},
    {"KeySelector", "key", Is::text, "", &kConfigKey, kNeeded},
    {"ObjectFieldSelector", "fieldPath", Is::text, "", &kEnvField, kNeeded},
    {"ObjectFieldSelector", "apiVersion", Is::one_of, "v1"},
    {"ResourceFieldSelector", "resource", Is::text, "", &kEnvResource, kNeeded},
    // Probes.
    {"Probe", "exec", Is::object, "ExecAction"},
    {"Probe", "httpGet", Is::object, "HTTPGetAction"},
    {"Probe", "terminationGracePeriodSeconds", Is::number, "", nullptr, false, 1},
    {"Probe", "grpc", Is::object, "GRPCAction"},
    {"GRPCAction", "port", Is::number, "", nullptr, kNeeded, 1, 65535},
    {"ExecAction", "command", Is::texts, "", nullptr, kNeeded},
    {"HTTPGetAction", "scheme", Is::one_of, "HTTP HTTPS"},
    {"HTTPGetAction", "httpHeaders", Is::items, "HTTPHeader"},
    {"HTTPHeader", "name", Is::text, "", &kHeader, kNeeded},
    // Security.
    {"SecurityContext", "runAsUser", Is::number, "", nullptr, false, 0, kMostId},
    {"SecurityContext", "runAsGroup", Is::number, "", nullptr, false, 0, kMostId},
    {"SecurityContext", "procMount", Is::exact_one_of, "Default"},
    {"SecurityContext", "seccompProfile", Is::object, "Profile"},
    {"SecurityContext", "appArmorProfile", Is::object, "Profile"},
    {"SecurityContext", "windowsOptions", Is::object, "WindowsOptions"},
    {"PodSecurityContext", "runAsUser", Is::number, "", nullptr, false, 0, kMostId},
    {"PodSecurityContext", "runAsGroup", Is::number, "", nullptr, false, 0, kMostId},
    {"PodSecurityContext", "supplementalGroups", Is::numbers, "", nullptr, false, 0, kMostId},
    {"PodSecurityContext", "fsGroup", Is::number, "", nullptr, false, 0, kMostId},
    {"PodSecurityContext", "fsGroupChangePolicy", Is::exact_one_of, "OnRootMismatch Always"},
    {"PodSecurityContext", "supplementalGroupsPolicy", Is::exact_one_of, "Merge Strict"},
    {"PodSecurityContext", "seLinuxChangePolicy", Is::exact_one_of, "MountOption Recursive"},
    {"PodSecurityContext", "seccompProfile", Is::object, "Profile"},
    {"PodSecurityContext", "appArmorProfile", Is::object, "Profile"},
    {"PodSecurityContext", "windowsOptions", Is::object, "WindowsOptions"},
    {"PodSecurityContext", "sysctls", Is::items, "Sysctl"},
    {"Profile", "type", Is::one_of, "RuntimeDefault Localhost Unconfined", nullptr, kNeeded},
    {"WindowsOptions", "hostProcess", Is::never, "true"},
    {"WindowsOptions", "gmsaCredentialSpecName", Is::text, "", &kName},
    {"Sysctl", "name", Is::text, "", &kSysctl, kNeeded},
    // Volumes, those that are in use.
    {"Volume", "name", Is::text, "", &kLabel, kNeeded},
    {"Volume", "configMap", Is::object, "ConfigMapVolumeSource"},
    {"Volume", "secret", Is::object, "SecretVolumeSource"},
    {"Volume", "persistentVolumeClaim", Is::object, "ClaimVolumeSource"},
    {"Volume", "hostPath", Is::object, "HostPathVolumeSource"},
    {"Volume", "emptyDir", Is::object, "EmptyDirVolumeSource"},
    {"Volume", "nfs", Is::object, "NFSVolumeSource"},
    {"Volume", "csi", Is::object, "CSIVolumeSource"},
    {"Volume", "image", Is::object, "ImageVolumeSource"},
    {"Volume", "downwardAPI", Is::object, "DownwardAPIVolumeSource"},
    {"Volume", "projected", Is::object, "ProjectedVolumeSource"},
    {"ConfigMapVolumeSource", "name", Is::text, "", &kAnything, kNeeded},
    {"ConfigMapVolumeSource", "defaultMode", Is::number, "", nullptr, false, 0, 0777},
    {"ConfigMapVolumeSource", "items", Is::items, "KeyToPath"},
    {"SecretVolumeSource", "secretName", Is::text, "", &kAnything, kNeeded},
    {"SecretVolumeSource", "defaultMode", Is::number, "", nullptr, false, 0, 0777},
    {"SecretVolumeSource", "items", Is::items, "KeyToPath"},
    {"KeyToPath", "key", Is::text, "", &kConfigKey, kNeeded},
    {"KeyToPath", "path", Is::text, "", &kFile, kNeeded},
    {"KeyToPath", "mode", Is::number, "", nullptr, false, 0, 0777},
    {"ClaimVolumeSource", "claimName", Is::text, "", &kAnything, kNeeded},
    {"HostPathVolumeSource", "path", Is::text, "", &kNoClimb, kNeeded},
    {"HostPathVolumeSource", "type", Is::one_of,
     "DirectoryOrCreate Directory FileOrCreate File Socket CharDevice BlockDevice"},
    {"NFSVolumeSource", "server", Is::text, "", &kAnything, kNeeded},
    {"NFSVolumeSource", "path", Is::text, "", &kAbsolute, kNeeded},
    {"CSIVolumeSource", "driver", Is::text, "", &kName, kNeeded},
    {"CSIVolumeSource", "nodePublishSecretRef", Is::object, "SecretReference"},
    {"SecretReference", "name", Is::text, "", &kAnything, kNeeded},
    {"ImageVolumeSource", "pullPolicy", Is::one_of, "Always IfNotPresent Never"},
    {"DownwardAPIVolumeSource", "items", Is::items, "DownwardAPIVolumeFile"},
    {"DownwardAPIVolumeSource", "defaultMode", Is::number, "", nullptr, false, 0, 0777},
    {"DownwardAPIVolumeFile", "path", Is::text, "", &kFile, kNeeded},
    {"DownwardAPIVolumeFile", "mode", Is::number, "", nullptr, false, 0, 0777},
    {"DownwardAPIVolumeFile", "fieldRef", Is::object, "VolumeFieldSelector"},
    {"DownwardAPIVolumeFile", "resourceFieldRef", Is::object, "VolumeResourceSelector"},
    {"VolumeFieldSelector", "fieldPath", Is::text, "", &kVolumeField, kNeeded},
    {"VolumeFieldSelector", "apiVersion", Is::one_of, "v1"},
    {"VolumeResourceSelector", "containerName", Is::text, "", &kAnything, kNeeded},
    {"VolumeResourceSelector", "resource", Is::text, "", &kEnvResource, kNeeded},
    {"ProjectedVolumeSource", "defaultMode", Is::number, "", nullptr, false, 0, 0777},
    {"ProjectedVolumeSource", "sources", Is::items, "VolumeProjection"},
    {"VolumeProjection", "configMap", Is::object, "ObjectProjection"},
    {"VolumeProjection", "secret", Is::object, "ObjectProjection"},
    {"VolumeProjection", "downwardAPI", Is::object, "DownwardAPIVolumeSource"},
    {"VolumeProjection", "serviceAccountToken", Is::object, "ServiceAccountTokenProjection"},
    {"ObjectProjection", "name", Is::text, "", &kAnything, kNeeded},
    {"ObjectProjection", "items", Is::items, "KeyToPath"},
    {"ServiceAccountTokenProjection", "path", Is::text, "", &kFile, kNeeded},
    {"ServiceAccountTokenProjection", "expirationSeconds", Is::number, "", nullptr, false, 600, std::int64_t{1} << 32},
    {"ResourceClaim", "name", Is::text, "", &kLabel, kNeeded},
    {"ResourceClaim", "resourceClaimName", Is::text, "", &kName},
    {"ResourceClaim", "resourceClaimTemplateName", Is::text, "", &kName},
    {"VolumeMount", "name", Is::text, "", &kAnything, kNeeded},
    {"VolumeMount", "mountPath", Is::text, "", &kNoColon, kNeeded},
    {"VolumeMount", "mountPropagation", Is::exact_one_of, "None HostToContainer Bidirectional"},
    {"VolumeMount", "recursiveReadOnly", Is::exact_one_of, "Disabled IfPossible Enabled"},
    {"VolumeMount", "subPathExpr", Is::text, "", &kInside},
};

/// "write A", or "write one of A, B".
std::string write_one_of(Text words) {
  std::string out = words.contains(' ') ? "write one of " : "write ";
  for (const char c : words) out += c == ' ' ? std::string(", ") : std::string(1, c);
  return out;
}

/// An empty text counts as one that is not there, as it mostly does for the API server.
bool is_there(const JsonValue* value) {
  if (value == nullptr || value->IsNull()) return false;
  return !(value->IsString() && value->GetStringLength() == 0) && !(value->IsArray() && value->Empty());
}

/// The rows of a type stand together.
std::span<const Field> fields_of(Text type) {
  static const auto by_type = [] {
    std::unordered_map<Text, std::span<const Field>> out;
    for (const auto* at = std::begin(kFields); at != std::end(kFields);) {
      const auto* const end =
          std::find_if(at, std::end(kFields), [&](const Field& row) { return row.type != at->type; });
      out.emplace(at->type, std::span(at, end));
      at = end;
    }
    return out;
  }();
  const auto found = by_type.find(type);
  return found == by_type.end() ? std::span<const Field>{} : found->second;
}

class Judge {
 public:
  explicit Judge(const Report& report) : report_(report) {}

  void object(Text type, const JsonValue& value, const FieldPath& path) const {
    if (!value.IsObject()) return;
    for (const auto& field : fields_of(type)) judge(field, base::find(value, field.name), path.child(field.name));
    for (const auto& special : kSpecials) {
      if (special.type == type) (this->*special.judge)(value, path);
    }
  }

 private:
  struct Special {
    Text type;
    void (Judge::*judge)(const JsonValue&, const FieldPath&) const;
  };
  static const Special kSpecials[13];

  void say(const FieldPath& path, const JsonValue* value, Text what, Text fix) const {
    report_.at(path, value, {what, fix});
  }

  void judge(const Field& field, const JsonValue* value, const FieldPath& path) const {
    const bool is_set = field.is == Is::exact_one_of && value != nullptr && !value->IsNull();
    if (!is_set && !is_there(value)) {
      if (field.needed) say(path, nullptr, "is missing", "add it");
      return;
    }
    switch (field.is) {
      case Is::object:
        return object(field.of, *value, path);
      case Is::items:
        if (value->IsArray())
          each(*value, path, [&](const JsonValue& item, const FieldPath& at) { object(field.of, item, at); });
        return;
      case Is::texts:
        if (field.form == nullptr || !value->IsArray()) return;
        return each(*value, path, [&](const JsonValue& item, const FieldPath& at) { text(*field.form, item, at); });
      case Is::text:
        return text(*field.form, *value, path);
      case Is::one_of:
      case Is::exact_one_of:
        if (!is_word_of(field.of, base::as_string(value).value_or("")))
          say(path, value, "is none that Kubernetes takes here", write_one_of(field.of));
        return;
      case Is::number:
        return number(field, *value, path);
      case Is::numbers:
        if (value->IsArray())
          each(*value, path, [&](const JsonValue& item, const FieldPath& at) { number(field, item, at); });
        return;
      case Is::labels:
        return labels(*value, path);
      case Is::never:
        if (base::to_text(*value) == field.of) say(path, value, "is nothing for these Pods", "leave it out");
        return;
    }
  }

  template <class Visit>
  static void each(const JsonValue& list, const FieldPath& path, const Visit& visit) {
    for (rapidjson::SizeType i = 0; i < list.Size(); ++i) visit(list[i], path.at(i));
  }

  void text(const Form& form, const JsonValue& value, const FieldPath& path) const {
    const auto text = base::as_string(&value);
    if (text && !form.fits(*text)) say(path, &value, form.what, form.fix);
  }

  void number(const Field& field, const JsonValue& value, const FieldPath& path) const {
    const auto number = base::as_int(&value);
    if (!number || (*number >= field.least && *number <= field.most)) return;
    const bool open = field.most == std::numeric_limits<std::int64_t>::max();
    say(path, &value, "is out of range",
        "write " + (open ? "at least " + std::to_string(field.least)
                         : "a number from " + std::to_string(field.least) + " to " + std::to_string(field.most)));
  }

  void labels(const JsonValue& map, const FieldPath& path) const {
    if (!map.IsObject()) return;
    for (const auto& member : map.GetObject()) {
      const auto key = base::as_string(&member.name).value_or("");
      if (!kube::is_qualified_name(key)) {
        say(path.key(key), nullptr, kKey.what, kKey.fix);
      } else {
        text(kLabelValue, member.value, path.key(key));
      }
    }
  }

  /// Values by the operator: In wants some, Exists none, Gt and Lt one whole number.
  void requirement(const JsonValue& value, const FieldPath& path, Text operators) const {
    const auto word = text_in(value, "operator");
    if (!is_word_of(operators, word)) {
      say(path.child("operator"), base::find(value, "operator"), "is no operator here", write_one_of(operators));
      return;
    }
    const JsonValue* list = list_in(value, "values");
    const auto count = list == nullptr ? 0 : list->Size();
    const auto at = path.child("values");
    if (word == "In" || word == "NotIn") {
      if (count == 0)
        say(at, nullptr, "is empty, and operator " + std::string(word) + " compares with it", "list at least one");
    } else if (word == "Exists" || word == "DoesNotExist") {
      if (count > 0) say(at, list, "operator " + std::string(word) + " looks at no values", "remove them");
    } else if (count != 1) {
      say(at, list, "operator " + std::string(word) + " compares with one number", "list exactly one");
    } else if (!is_whole_number((*list)[0])) {
      say(at.at(0), list->Begin(), "is no whole number", "write one in quotes");
    }
  }

  static bool is_whole_number(const JsonValue& value) {
    const auto text = base::as_string(&value);
    if (!text) return true;
    return base::parse_number<std::int64_t>(text->starts_with('+') ? text->substr(1) : *text).has_value();
  }

  void label_values(const JsonValue& value, const FieldPath& path) const {
    const JsonValue* list = list_in(value, "values");
    if (list == nullptr) return;
    each(*list, path.child("values"), [&](const JsonValue& item, const FieldPath& at) { text(kLabelValue, item, at); });
  }

  void node_requirement(const JsonValue& value, const FieldPath& path) const {
    requirement(value, path, "In NotIn Exists DoesNotExist Gt Lt");
    const auto word = text_in(value, "operator");
    if (word != "Gt" && word != "Lt") label_values(value, path);
  }

  void label_requirement(const JsonValue& value, const FieldPath& path) const {
    requirement(value, path, "In NotIn Exists DoesNotExist");
    label_values(value, path);
  }

  void field_requirement(const JsonValue& value, const FieldPath& path) const {
    if (!is_word_of("In NotIn", text_in(value, "operator")))
      return say(path.child("operator"), base::find(value, "operator"), "is no operator here",
                 "write one of In, NotIn");
    const JsonValue* list = list_in(value, "values");
    if (list == nullptr || list->Size() != 1)
      return say(path.child("values"), list, "is compared with one name", "list exactly one");
    const auto name = base::as_string(list->Begin());
    if (name && !kube::is_dns1123_subdomain(*name))
      say(path.child("values"), list, "is no name of a node", "write lower-case letters, digits, - and .");
  }

  /// Keys that are taken from the Pod's own labels: not those that the selector names itself.
  void label_keys(const JsonValue& value, const FieldPath& path) const {
    std::unordered_set<Text> keys;
    for (const Text field : {"matchLabelKeys", "mismatchLabelKeys"}) {
      const JsonValue* list = list_in(value, field);
      if (list == nullptr || list->Empty()) continue;
      const auto at = path.child(field);
      const JsonValue* selector = object_in(value, "labelSelector");
      each(*list, at, [&](const JsonValue& item, const FieldPath& place) {
        text(kKey, item, place);
        const auto key = base::as_string(&item).value_or("");
        if (!keys.insert(key).second) say(place, &item, "stands here for the second time", "remove it");
        if (selector != nullptr && selects(*selector, key))
          say(place, &item, "labelSelector names this key already", "remove it from one of them");
      });
    }
  }

  void affinity_term(const JsonValue& value, const FieldPath& path) const {
    label_keys(value, path);
    if (object_in(value, "labelSelector") != nullptr) return;
    for (const Text field : {"matchLabelKeys", "mismatchLabelKeys"}) {
      const JsonValue* list = list_in(value, field);
      if (is_there(list)) say(path.child(field), list, "stands beside a labelSelector only", "add one, or remove it");
    }
  }

  static bool selects(const JsonValue& selector, Text key) {
    const JsonValue* labels = object_in(selector, "matchLabels");
    if (labels != nullptr && base::find(*labels, key) != nullptr) return true;
    const JsonValue* list = list_in(selector, "matchExpressions");
    return list != nullptr && std::ranges::any_of(list->GetArray(), [&](const JsonValue& item) {
             return item.IsObject() && text_in(item, "key") == key;
           });
  }

  void spread(const JsonValue& value, const FieldPath& path) const {
    const JsonValue* domains = present(value, "minDomains");
    if (domains != nullptr && text_in(value, "whenUnsatisfiable") == "ScheduleAnyway")
      say(path.child("minDomains"), domains, "counts with DoNotSchedule only", "remove it");
    label_keys(value, path);
    const JsonValue* keys = list_in(value, "matchLabelKeys");
    if (keys == nullptr || object_in(value, "labelSelector") != nullptr) return;
    // The reconciler adds a selector where there is none, of the service's own labels.
    each(*keys, path.child("matchLabelKeys"), [&](const JsonValue& item, const FieldPath& at) {
      if (is_word_of("app inference.llmkube.dev/service", base::as_string(&item).value_or("")))
        say(at, &item, "the service's own labelSelector names this key already", "remove it");
    });
  }

  void profile(const JsonValue& value, const FieldPath& path) const {
    const JsonValue* file = present(value, "localhostProfile");
    const bool local = text_in(value, "type") == "Localhost";
    const auto at = path.child("localhostProfile");
    if (local && !is_there(file)) say(at, file, "is missing, and type Localhost loads it", "name the profile");
    if (!local && file != nullptr) say(at, file, "stands with type Localhost only", "remove it");
    if (local && is_there(file)) text(kInside, *file, at);
  }

  void mount(const JsonValue& value, const FieldPath& path) const {
    if (is_there(base::find(value, "subPath")) && is_there(base::find(value, "subPathExpr")))
      say(path.child("subPathExpr"), base::find(value, "subPathExpr"), "stands in place of subPath",
          "keep one of them");
    const JsonValue* recursive = present(value, "recursiveReadOnly");
    const auto word = base::as_string(recursive).value_or("");
    if (word != "IfPossible" && word != "Enabled") return;
    if (!base::as_bool(base::find(value, "readOnly")).value_or(false))
      say(path.child("recursiveReadOnly"), recursive, "stands with readOnly: true only", "add that, or remove it");
    const auto propagation = text_in(value, "mountPropagation");
    if (!propagation.empty() && propagation != "None")
      say(path.child("recursiveReadOnly"), recursive, "stands without mountPropagation only", "remove one of them");
  }

  void sysctls(const JsonValue& value, const FieldPath& path) const {
    const JsonValue* list = list_in(value, "sysctls");
    if (list == nullptr) return;
    std::unordered_set<Text> seen;
    each(*list, path.child("sysctls"), [&](const JsonValue& item, const FieldPath& at) {
      if (item.IsObject() && !seen.insert(text_in(item, "name")).second)
        say(at.child("name"), base::find(item, "name"), "another entry has this name", "remove one of them");
    });
  }

  void empty_dir(const JsonValue& value, const FieldPath& path) const {
    const auto medium = text_in(value, "medium");
    if (!medium.empty() && medium != "Memory" && medium != "HugePages" && !medium.starts_with("HugePages-"))
      say(path.child("medium"), base::find(value, "medium"), "is no medium", "leave it out, or write Memory");
    const JsonValue* limit = present(value, "sizeLimit");
    if (limit == nullptr) return;
    const auto text = base::as_string(limit);
    const auto amount = kube::Quantity::parse(text ? std::string(*text) : base::to_text(*limit));
    if (amount && amount->is_negative()) say(path.child("sizeLimit"), limit, "is negative", "write for example 1Gi");
  }

  void downward_file(const JsonValue& value, const FieldPath& path) const {
    const bool field = present(value, "fieldRef") != nullptr;
    const bool resource = present(value, "resourceFieldRef") != nullptr;
    if (field == resource)
      say(path, nullptr, field ? "holds two things" : "holds nothing",
          "write exactly one of fieldRef, resourceFieldRef");
  }

  /// validateContainerResourceDivisor: the amount is told in these units, each in the form that the API server stores.
  void divisor(const JsonValue& value, const FieldPath& path) const {
    const Text resource = text_in(value, "resource");
    const JsonValue* unit = present(value, "divisor");
    if (unit == nullptr || !is_env_resource(resource)) return;
    const auto text = base::as_string(unit);
    const auto amount = kube::Quantity::parse(text ? std::string(*text) : base::to_text(*unit));
    const Text units = resource.ends_with(".cpu") ? "1m 1" : "1 1k 1M 1G 1T 1P 1E 1Ki 1Mi 1Gi 1Ti 1Pi 1Ei";
    if (amount && !amount->is_zero() && !is_word_of(units, amount->canonical()))
      say(path.child("divisor"), unit, "is no unit of this amount", write_one_of(units));
  }

  void projection(const JsonValue& value, const FieldPath& path) const {
    const auto given =
        std::ranges::count_if(value.GetObject(), [](const auto& member) { return !member.value.IsNull(); });
    if (given > 1) say(path, nullptr, "has several sources", "make each an entry of its own");
  }

  const Report& report_;
};

const Judge::Special Judge::kSpecials[13] = {
    {"NodeSelectorRequirement", &Judge::node_requirement},
    {"NodeFieldRequirement", &Judge::field_requirement},
    {"LabelSelectorRequirement", &Judge::label_requirement},
    {"PodAffinityTerm", &Judge::affinity_term},
    {"TopologySpreadConstraint", &Judge::spread},
    {"Profile", &Judge::profile},
    {"VolumeMount", &Judge::mount},
    {"PodSecurityContext", &Judge::sysctls},
    {"EmptyDirVolumeSource", &Judge::empty_dir},
    {"DownwardAPIVolumeFile", &Judge::downward_file},
    {"VolumeProjection", &Judge::projection},
    {"ResourceFieldSelector", &Judge::divisor},
    {"VolumeResourceSelector", &Judge::divisor},
};

}  // namespace

bool climbs(std::string_view path) {
  return path == ".." || path.starts_with("../") || path.ends_with("/..") || path.contains("/../");
}

void judge_pod_field(std::string_view type, const JsonValue& value, const FieldPath& path, const Report& report) {
  Judge(report).object(type, value, path);
}

}  // namespace rules
