#include <algorithm>
#include <unordered_set>

#include "common/api/llama_values.hpp"
#include "common/api/preset.hpp"
#include "common/api/schema.hpp"
#include "common/kube/names.hpp"
#include "common/rules/judges.hpp"
#include "common/rules/pod_fields.hpp"

namespace rules {

bool is_plain(const api::ParsedFlag& parsed) {
  if (parsed.problem != api::FlagProblem::none) return false;
  const api::LlamaFlag& flag = *parsed.flag;
  if (flag.use != api::FlagUse::model || !flag.instead.empty() || !flag.removed.empty()) return false;
  return flag.arity == 0 || (flag.arity == 1 && api::is_plain_number(flag, parsed.value));
}

}  // namespace rules

namespace rules::judge {
namespace {

using api::FlagProblem;
using api::FlagUse;
using api::LlamaFlag;
using api::ParsedFlag;
using base::JsonValue;

/// Of llama-server, as messages name it.
std::string build() { return std::to_string(api::kLlamaBuild); }

/// Calls `visit(list, flag)` for each flag that is not plain.
template <class Visit>
void for_each_flag(const Service& service, const Visit& visit) {
  for (const auto& [list, flag] : service.odd_flags) visit(*list, *flag);
}

const JsonValue* word_at(const ArgumentList& list, std::size_t index) {
  const JsonValue& word = (*list.list)[static_cast<rapidjson::SizeType>(index)];
  // What is no text is named by the schema walk.
  return word.IsString() ? &word : nullptr;
}

/// Reports a word of a list.
void at_word(const Service& service, const Report& report, const ArgumentList& list, std::size_t index,
             std::initializer_list<std::string_view> words) {
  service.with_path(list, [&](const kube::FieldPath& path) { report.at(path.at(index), word_at(list, index), words); });
}

void report_problem(const Service& service, const Report& report, FlagProblem problem) {
  for_each_flag(service, [&](const ArgumentList& list, const ParsedFlag& flag) {
    if (flag.problem == problem && word_at(list, flag.index) != nullptr)
      at_word(service, report, list, flag.index, {flag.name});
  });
}

/// Calls `visit(list, flag)` for each flag that the table does not know. `elsewhere`: another build may, and does when
/// the service's image is of one; else nobody does.
template <class Visit>
void for_each_unknown(const Service& service, bool elsewhere, const Visit& visit) {
  for_each_flag(service, [&](const ArgumentList& list, const ParsedFlag& flag) {
    const bool is_unknown = flag.problem == FlagProblem::unknown && word_at(list, flag.index) != nullptr;
    if (is_unknown && (service.other_build && flag.may_be_known_elsewhere()) == elsewhere) visit(list, flag);
  });
}

/// Known and of the wanted use; removed flags have a rule of their own.
bool is_usable(const ParsedFlag& flag, FlagUse use) {
  return flag.flag != nullptr && flag.flag->removed.empty() && flag.flag->use == use;
}

/// Calls `visit(list, flag)` for each flag of which the value is there and counts.
template <class Visit>
void for_each_value(const Service& service, const Visit& visit) {
  for_each_flag(service, [&](const ArgumentList& list, const ParsedFlag& flag) {
    const bool counts = flag.flag != nullptr && flag.flag->arity == 1 && flag.problem == FlagProblem::none &&
                        flag.flag->use != FlagUse::reserved && word_at(list, flag.value_index) != nullptr;
    if (counts) visit(list, flag);
  });
}

/// Calls `visit(list, flag)` for each flag that the table knows as one that was.
template <class Visit>
void for_each_removed(const Service& service, const Visit& visit) {
  for_each_flag(service, [&](const ArgumentList& list, const ParsedFlag& flag) {
    if (flag.flag != nullptr && !flag.flag->removed.empty()) visit(list, flag);
  });
}

/// Calls `visit(list, flag, takes)` for each flag whose value the build of the table does not take.
template <class Visit>
void for_each_refused(const Service& service, const Visit& visit) {
  for_each_value(service, [&](const ArgumentList& list, const ParsedFlag& flag) {
    if (const auto takes = api::value_refused(*flag.flag, flag.value)) visit(list, flag, std::string(*takes));
  });
}

/// Looking for the nearest of 280 names is dear; who has many unknown flags needs another kind of help.
class Guesses {
 public:
  /// "did you mean --seed?", or nothing.
  std::string nearest(const ParsedFlag& flag) {
    const std::string_view name = flag.name;
    if (const auto blank = name.find(' '); blank != name.npos && api::find_llama_flag(name.substr(0, blank)) != nullptr)
      return "make each word an item of its own";
    constexpr int kMost = 32;
    const std::string near = asked_++ < kMost ? api::nearest_llama_flag(flag.name) : std::string{};
    return near.empty() ? near : "did you mean " + near + "?";
  }

 private:
  int asked_ = 0;
};

/// The field of `owner` that says the same as the flag, when it is set.
const JsonValue* field_of(const LlamaFlag& flag, const JsonValue& owner) {
  return flag.instead.empty() ? nullptr : present(owner, flag.instead);
}

/// Texts of the spec that end in the preset as they are.
constexpr std::string_view kPresetFields[] = {"cacheTypeCustomK", "cacheTypeCustomV", "reasoningBudgetMessage",
                                              "bindAddress"};
constexpr std::string_view kPresetLists[] = {"tensorOverrides", "metadataOverrides"};

/// Calls `visit(item, name, path)` for each variable that has a name.
template <class Visit>
void for_each_env(const Service& service, const Visit& visit) {
  for_each_item(service.spec, "env", service.spec_path, [&](const JsonValue& item, const kube::FieldPath& path) {
    const JsonValue* name = base::find(item, "name");
    if (name != nullptr && name->IsString()) visit(item, *name, path);
  });
}

/// The path of the field that says the same as a flag: of the service where it has one, else of its models.
std::string path_of_field(const LlamaFlag& flag) {
  const auto* spec = api::schema_of(api::Kind::inference_service).property("spec");
  return (spec->property(flag.instead) != nullptr ? "spec." : "spec.models[].") + std::string(flag.instead);
}

/// What to do in place of a variable that means a flag.
std::string instead_of(const LlamaFlag& flag) {
  if (flag.use == FlagUse::reserved) return std::string(flag.instead);
  if (!flag.instead.empty()) return "set " + path_of_field(flag);
  if (!flag.removed.empty()) return std::string(flag.removed) + " in spec.extraArgs";
  return "put --" + std::string(flag.key) + " into spec.extraArgs";
}

}  // namespace

void flag_unknown(const Service& service, const Report& report) {
  Guesses guesses;
  for_each_unknown(service, false, [&](const ArgumentList& list, const ParsedFlag& flag) {
    const std::string near = guesses.nearest(flag);
    at_word(service, report, list, flag.index, {build(), near.empty() ? "llama-server --help lists them" : near});
  });
}

/// What would be a mistake for the build of the table, for a service whose image may be of another one.
void flag_other_build(const Service& service, const Report& report) {
  if (!service.other_build) return;
  constexpr std::string_view kNoLoad = "the model does not load";
  Guesses guesses;
  for_each_unknown(service, true, [&](const ArgumentList& list, const ParsedFlag& flag) {
    at_word(service, report, list, flag.index,
            {build(), "knows no such flag", "no model starts", guesses.nearest(flag)});
  });
  for_each_removed(service, [&](const ArgumentList& list, const ParsedFlag& flag) {
    at_word(service, report, list, flag.index, {build(), "has it no more", kNoLoad, flag.flag->removed});
  });
  for_each_refused(service, [&](const ArgumentList& list, const ParsedFlag& flag, const std::string& takes) {
    at_word(service, report, list, flag.value_index, {build(), "takes no such value", kNoLoad, "it takes " + takes});
  });
}

void flag_word(const Service& service, const Report& report) {
  report_problem(service, report, FlagProblem::not_a_flag);
}

void flag_value_missing(const Service& service, const Report& report) {
  report_problem(service, report, FlagProblem::value_missing);
}

void flag_value_unexpected(const Service& service, const Report& report) {
  report_problem(service, report, FlagProblem::value_unexpected);
}

void flag_removed(const Service& service, const Report& report) {
  if (service.other_build) return;
  for_each_removed(service, [&](const ArgumentList& list, const ParsedFlag& flag) {
    at_word(service, report, list, flag.index, {build(), flag.flag->removed});
  });
}

void flag_reserved(const Service& service, const Report& report) {
  for_each_flag(service, [&](const ArgumentList& list, const ParsedFlag& flag) {
    if (!is_usable(flag, FlagUse::reserved)) return;
    // The name alone: the value of --api-key=... is nobody's business.
    service.with_path(list, [&](const kube::FieldPath& path) {
      report.at(path.at(flag.index), base::quote_json(flag.name), {flag.flag->instead});
    });
  });
}

void flag_place(const Service& service, const Report& report) {
  for_each_flag(service, [&](const ArgumentList& list, const ParsedFlag& flag) {
    if (list.model != nullptr && is_usable(flag, FlagUse::server)) at_word(service, report, list, flag.index, {});
  });
}

void flag_text(const Service& service, const Report& report) {
  for_each_flag(service, [&](const ArgumentList& list, const ParsedFlag& flag) {
    const bool elsewhere = service.other_build && flag.may_be_known_elsewhere();
    const bool has_value = flag.flag != nullptr && flag.problem == FlagProblem::none && flag.flag->arity > 0;
    if (!has_value && !elsewhere) return;
    const bool in_preset = elsewhere || flag.flag->use == FlagUse::model;
    const auto problem = in_preset ? api::preset_value_problem(flag.value) : api::argument_problem(flag.value);
    if (problem) at_word(service, report, list, flag.value_index, {*problem});
  });
}

void flag_value(const Service& service, const Report& report) {
  if (service.other_build) return;
  for_each_refused(service, [&](const ArgumentList& list, const ParsedFlag& flag, const std::string& takes) {
    at_word(service, report, list, flag.value_index, {"--" + std::string(flag.flag->key), takes});
  });
}

void flag_value_cut(const Service& service, const Report& report) {
  for_each_value(service, [&](const ArgumentList& list, const ParsedFlag& flag) {
    const auto read = api::value_cut(*flag.flag, flag.value);
    if (!read.empty()) at_word(service, report, list, flag.value_index, {read});
  });
}

void flag_beside_field(const Service& service, const Report& report) {
  for_each_flag(service, [&](const ArgumentList& list, const ParsedFlag& flag) {
    if (is_usable(flag, FlagUse::model) && field_of(*flag.flag, *list.owner) != nullptr)
      at_word(service, report, list, flag.index, {flag.name, flag.flag->instead});
  });
}

void flag_moved(const Service& service, const Report& report) {
  for_each_flag(service, [&](const ArgumentList& list, const ParsedFlag& flag) {
    if (list.model != nullptr || !is_usable(flag, FlagUse::model)) return;
    const bool any_has_own = std::ranges::any_of(
        service.models, [&](const ModelItem& model) { return field_of(*flag.flag, *model.json) != nullptr; });
    if (any_has_own)
      at_word(service, report, list, flag.index, {flag.name, flag.flag->instead, path_of_field(*flag.flag)});
  });
}

void flag_twice(const Service& service, const Report& report) {
  std::unordered_set<std::string_view> seen;
  for (const auto& list : service.arguments) {
    if (list.flags.size() < 2) continue;
    seen.clear();
    for (const auto& flag : list.flags) {
      if (flag.flag == nullptr || api::joins_values(*flag.flag)) continue;
      if (!seen.insert(flag.flag->key).second)
        at_word(service, report, list, flag.index, {"--" + std::string(flag.flag->key)});
    }
  }
}

void preset_text(const Service& service, const Report& report) {
  const auto judge = [&](const JsonValue& value, const kube::FieldPath& path) {
    const auto text = base::as_string(&value);
    const auto problem = text ? api::preset_value_problem(*text) : std::nullopt;
    if (problem) report.at(path, &value, {*problem});
  };
  for (const auto field : kPresetFields) {
    if (const JsonValue* value = base::find(service.spec, field)) judge(*value, service.spec_path.child(field));
  }
  for (const auto field : kPresetLists) {
    const JsonValue* list = list_in(service.spec, field);
    if (list == nullptr) continue;
    const auto path = service.spec_path.child(field);
    for (rapidjson::SizeType i = 0; i < list->Size(); ++i) judge((*list)[i], path.at(i));
  }
}

/// llama.cpp's parsers: parse_kv_override and parse_tensor_buffer_overrides in common/arg.cpp.
void override_form(const Service& service, const Report& report) {
  constexpr std::string_view kTypes[] = {"int", "float", "bool", "str"};
  const auto is_metadata = [&](std::string_view text) {
    const auto equals = text.find('=');
    const auto colon = text.find(':', equals == std::string_view::npos ? 0 : equals);
    if (equals == 0 || equals == std::string_view::npos || colon == std::string_view::npos) return false;
    return std::ranges::find(kTypes, text.substr(equals + 1, colon - equals - 1)) != std::end(kTypes);
  };
  const auto is_tensor = [](std::string_view text) {
    const auto equals = text.find('=');
    return equals != std::string_view::npos && equals > 0 && equals + 1 < text.size();
  };
  const auto judge = [&](std::string_view field, const auto& fits, std::string_view form) {
    const JsonValue* list = list_in(service.spec, field);
    if (list == nullptr) return;
    const auto path = service.spec_path.child(field);
    for (rapidjson::SizeType i = 0; i < list->Size(); ++i) {
      const auto text = base::as_string(&(*list)[i]);
      if (text && !fits(*text)) report.at(path.at(i), &(*list)[i], {form});
    }
  };
  judge("metadataOverrides", is_metadata, "key=type:value, with type int, float, bool or str");
  judge("tensorOverrides", is_tensor, "pattern=device");
}

void env_reserved(const Service& service, const Report& report) {
  for_each_env(service, [&](const JsonValue&, const JsonValue& value, const kube::FieldPath& path) {
    const auto name = base::as_string(&value).value_or("");
    if (name == "LLAMA_CACHE") {
      report.at(path.child("name"), &value, {"leave it out: it points into a folder of the Pod's own"});
      return;
    }
    const LlamaFlag* flag = api::find_llama_flag_by_env(name);
    if (flag != nullptr && name.starts_with("LLAMA_")) {
      report.at(path.child("name"), &value, {instead_of(*flag)});
    } else if (name.starts_with("LLAMA_ARG_")) {
      report.at(
          path.child("name"), &value,
          {service.other_build ? "put the flag into spec.extraArgs" : "leave it out: this build knows no such flag"});
    }
  });
}

void env_name(const Service& service, const Report& report) {
  for_each_env(service, [&](const JsonValue&, const JsonValue& name, const kube::FieldPath& path) {
    if (!kube::is_env_name(base::as_string(&name).value_or(""))) report.at(path.child("name"), &name);
  });
}

/// The name is the key of the list in the Deployment: server-side apply refuses it twice.
void env_twice(const Service& service, const Report& report) {
  std::unordered_set<std::string_view> seen;
  for_each_env(service, [&](const JsonValue&, const JsonValue& name, const kube::FieldPath& path) {
    if (!seen.insert(base::as_string(&name).value_or("")).second) report.at(path.child("name"), &name);
  });
}

void env_source(const Service& service, const Report& report) {
  for_each_env(service, [&](const JsonValue& item, const JsonValue&, const kube::FieldPath& path) {
    const JsonValue* from = object_in(item, "valueFrom");
    if (from == nullptr) return;
    const auto sources =
        std::ranges::count_if(from->GetObject(), [](const auto& source) { return !source.value.IsNull(); });
    const bool has_value = !text_in(item, "value").empty();
    // An empty valueFrom beside a value is one way too many for the API server.
    const auto ways = has_value ? std::max<std::ptrdiff_t>(sources, 1) + 1 : sources;
    if (ways != 1) report.at(path.child("valueFrom"), nullptr, {std::to_string(ways)});
  });
}

void env_reference(const Service& service, const Report& report) {
  for_each_env(service, [&](const JsonValue& item, const JsonValue&, const kube::FieldPath& path) {
    if (const JsonValue* from = object_in(item, "valueFrom"))
      judge_pod_field("EnvVarSource", *from, path.child("valueFrom"), report);
  });
}

}  // namespace rules::judge
