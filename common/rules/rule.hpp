#pragma once
#include <array>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/api/crd.hpp"
#include "common/api/llama_flags.hpp"
#include "common/base/json.hpp"
#include "common/kube/field_path.hpp"
#include "common/rules/validate.hpp"

/// How a rule is written: a row in table.cpp and a function that reports what it finds.
namespace rules {

using base::present;

struct Rule;

/// Where a rule puts what it finds. The words come from the rule's row; `{0}`, `{1}` in them stand for `words`.
class Report {
 public:
  explicit Report(std::vector<Finding>& out) : out_(out) {}
  /// `value` is what stands there, null when it is absent or must not be shown.
  void at(const kube::FieldPath& path, const base::JsonValue* value,
          std::initializer_list<std::string_view> words = {}) const;
  /// The same, with the value as text that is shown as it is.
  void at(const kube::FieldPath& path, std::string value, std::initializer_list<std::string_view> words = {}) const;

  /// Whether of the rule's severity no more are taken, but counted.
  [[nodiscard]] bool is_full() const;
  /// How many errors were not taken.
  [[nodiscard]] std::size_t unlisted_errors() const;

  const Rule* rule = nullptr;

 private:
  std::vector<Finding>& out_;
  /// By severity: what one of them has too many of must not keep the other out.
  mutable std::array<std::size_t, 2> told_{};
};

/// One entry of `spec.models` that is an object.
struct ModelItem {
  std::size_t index = 0;
  const base::JsonValue* json = nullptr;
  /// Empty when it is absent or no text.
  std::string_view name;
  /// Null when it is absent or no list.
  const base::JsonValue* aliases = nullptr;
};

/// One `extraArgs` list, read once for all rules about flags.
struct ArgumentList {
  /// Of the model that it belongs to; null for the service's own.
  const ModelItem* model = nullptr;
  /// The object that the list is a field of.
  const base::JsonValue* owner = nullptr;
  const base::JsonValue* list = nullptr;
  std::span<const api::ParsedFlag> flags;
};

/// A flag and the list that it stands in.
struct ListedFlag {
  const ArgumentList* list = nullptr;
  const api::ParsedFlag* flag = nullptr;
};

/// What the rules of an InferenceService look at. Lives as long as the object.
struct Service {
  Service(const base::JsonValue& whole, const Site& site);
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  const base::JsonValue& object;
  /// An object; an empty one when `spec` has another type.
  const base::JsonValue& spec;
  /// With the default when absent; empty when it is no text.
  std::string_view runtime;
  bool router = false;
  /// The table of flags may not hold for its image.
  bool other_build = false;
  std::vector<ModelItem> models;
  std::vector<ArgumentList> arguments;
  /// Of all lists, one behind the other.
  std::vector<api::ParsedFlag> flags;
  /// Those that are not plain, in the same order: the rules about one flag alone look at no others.
  std::vector<ListedFlag> odd_flags;
  /// False when no name or alias stands twice, which is cheap to know; true when one may.
  bool names_may_repeat = false;

  kube::FieldPath root{};
  kube::FieldPath spec_path = root.child("spec");
  kube::FieldPath models_path = spec_path.child("models");
  kube::FieldPath router_path = spec_path.child("router");

  /// The place of a list of arguments, for `visit(path)`.
  template <class Visit>
  void with_path(const ArgumentList& list, const Visit& visit) const {
    if (list.model == nullptr) return visit(spec_path.child("extraArgs"));
    const auto item = models_path.at(list.model->index);
    visit(item.child("extraArgs"));
  }
};

/// What the rules of a Model look at.
struct ModelObject {
  explicit ModelObject(const base::JsonValue& whole);
  ModelObject(const ModelObject&) = delete;
  ModelObject& operator=(const ModelObject&) = delete;

  const base::JsonValue& object;
  const base::JsonValue& spec;

  kube::FieldPath root{};
  kube::FieldPath spec_path = root.child("spec");
};

/// Which services a rule is asked about. The fields of LLMKube's other runtimes are LLMKube's to judge.
enum class Scope {
  every_runtime,
  /// llamacpp and llamacpp-router.
  llama_runtimes,
  router_runtimes,
  /// None: `webhook check` alone can see it, where it has the file and its neighbours.
  offline,
};

struct Rule {
  std::string_view id;
  api::Kind kind = api::Kind::inference_service;
  Severity severity = Severity::error;
  Reason reason = Reason::invalid;
  /// What it judges, for people who read the table.
  std::string_view judges;
  std::string_view message;
  std::string_view fix;
  /// Examples in YAML: fields laid over a valid spec (test/unit/check/examples.hpp); those of `metadata` with a `$`.
  std::string_view good;
  std::string_view bad;
  /// One of them, by kind; null for what the schema walk reports.
  void (*judge_service)(const Service&, const Report&) = nullptr;
  void (*judge_model)(const ModelObject&, const Report&) = nullptr;
  Scope scope = Scope::router_runtimes;
};

/// All rules.
[[nodiscard]] std::span<const Rule> table();
/// The row of an id that is in the table.
[[nodiscard]] const Rule& rule(std::string_view id);

/// What a row says of one place, for who judges something else than an object; `value` and `words` as for Report.
[[nodiscard]] Finding make_finding(const Rule& rule, const kube::FieldPath& path, std::string value,
                                   std::initializer_list<std::string_view> words = {});

/// A name of the same meaning that would pass as a label: lower case, other letters as `-`.
[[nodiscard]] std::string as_label(std::string_view name);

inline constexpr std::size_t kMaxShown = 80;
/// A value as messages show it: JSON text of at most that many bytes.
[[nodiscard]] std::string shown(const base::JsonValue* value);

/// The member when it is an object or list of that name; null otherwise, also for JSON null.
[[nodiscard]] const base::JsonValue* object_in(const base::JsonValue& parent, std::string_view key);
[[nodiscard]] const base::JsonValue* list_in(const base::JsonValue& parent, std::string_view key);
/// The text of a member; empty when it is absent or has another type.
[[nodiscard]] std::string_view text_in(const base::JsonValue& parent, std::string_view key);

/// Whether no rule about one flag alone has a word to say of it: a flag of this build that concerns a model and that no
/// field stands for, with a small number as its value, or none.
[[nodiscard]] bool is_plain(const api::ParsedFlag& flag);

/// Calls `visit(key, value, path)` for each member of the map `field`, which `path` is the owner of.
template <class Visit>
void for_each_member(const base::JsonValue& parent, std::string_view field, const kube::FieldPath& path,
                     const Visit& visit) {
  const base::JsonValue* map = object_in(parent, field);
  if (map == nullptr) return;
  const auto at = path.child(field);
  for (const auto& member : map->GetObject()) {
    const auto key = base::as_string(&member.name).value_or("");
    visit(key, member.value, at.key(key));
  }
}

/// Calls `visit(item, path)` for each object in the list `field`, which `path` is the owner of.
template <class Visit>
void for_each_item(const base::JsonValue& parent, std::string_view field, const kube::FieldPath& path,
                   const Visit& visit) {
  const base::JsonValue* list = list_in(parent, field);
  if (list == nullptr) return;
  const auto at = path.child(field);
  for (rapidjson::SizeType i = 0; i < list->Size(); ++i) {
    if ((*list)[i].IsObject()) visit((*list)[i], at.at(i));
  }
}

/// Reports what keeps a key and its value from being a label.
void judge_label(std::string_view key, const base::JsonValue& value, const kube::FieldPath& path, const Report& report);

}  // namespace rules
