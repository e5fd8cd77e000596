#include "reconciler/reconcile/preset.hpp"

#include <algorithm>
#include <set>

#include "common/api/llama_flags.hpp"
#include "common/api/preset.hpp"
#include "common/base/text.hpp"
#include "reconciler/reconcile/model_fields.hpp"
#include "reconciler/reconcile/names.hpp"

namespace reconciler {
namespace {

void set(PresetSettings& settings, std::string key, std::string value) {
  if (value.empty()) return;
  const auto there = std::ranges::find(settings, key, &PresetSettings::value_type::first);
  if (there != settings.end()) {
    there->second = std::move(value);
  } else {
    settings.emplace_back(std::move(key), std::move(value));
  }
}

/// Whether a flag is a key of the preset. For an image of another build, what the table does not know is the user's
/// word.
bool is_key(const api::ParsedFlag& flag, bool other_build) {
  if (flag.problem != api::FlagProblem::none) return other_build && flag.may_be_known_elsewhere();
  return flag.flag->use == api::FlagUse::model && (other_build || flag.flag->removed.empty());
}

/// The flags of one argument list that concern a model, each key once.
PresetSettings argument_settings(const std::vector<std::string>& args, bool other_build) {
  PresetSettings settings;
  for (auto& flag : api::parse_llama_flags(args)) {
    if (!is_key(flag, other_build)) continue;
    const std::string key = flag.key();
    const auto there = std::ranges::find(settings, key, &PresetSettings::value_type::first);
    const bool joins = there != settings.end() && flag.flag != nullptr && api::joins_values(*flag.flag);
    set(settings, key, joins ? there->second + "," + flag.value : std::move(flag.value));
  }
  return settings;
}

void set_all(PresetSettings& settings, PresetSettings more) {
  for (auto& [key, value] : more) set(settings, std::move(key), std::move(value));
}

bool holds(const std::string& value) { return !value.empty() && !api::preset_value_problem(value); }

std::string aliases_of(const api::ModelEntry& entry) {
  std::vector<std::string> aliases;
  for (const auto& alias : entry.aliases) {
    if (!alias.empty() && !api::preset_alias_problem(alias)) aliases.push_back(alias);
  }
  return base::join(aliases, ",");
}

/// A section without `model` hangs llama-server for ever, so there is none without its file.
std::string render_section(const Plan& plan, const ServedModel& model) {
  const auto& name = model.entry.name;
  if (!model.artifact || name.empty() || api::preset_name_problem(name) || !holds(model.artifact->path)) return {};
  const auto& router = plan.spec().router;
  PresetSettings settings = {{"model", model.artifact->path}};
  set(settings, "alias", aliases_of(model.entry));
  set_all(settings, model_settings(plan, model));
  set(settings, "stop-timeout", std::to_string(router.stop_timeout_seconds));
  if (router.idle_unload_seconds) set(settings, "sleep-idle-seconds", std::to_string(*router.idle_unload_seconds));
  set(settings, "log-file", std::string(names::kChildLogs) + "/" + name + ".log");
  std::string section = "[" + name + "]\n";
  for (const auto& [key, value] : settings) {
    if (holds(value)) section += key + " = " + value + "\n";
  }
  return section;
}

}  // namespace

PresetSettings field_settings(const Plan& plan, const ServedModel& model) {
  PresetSettings settings;
  for (const auto& row : model_fields()) set(settings, std::string(row.key), row.value({plan, model}));
  return settings;
}

PresetSettings model_settings(const Plan& plan, const ServedModel& model) {
  PresetSettings settings = field_settings(plan, model);
  const bool other_build = api::may_be_other_build(plan.image);
  set_all(settings, argument_settings(plan.spec().settings.extra_args, other_build));
  for (const auto& row : override_fields()) set(settings, std::string(row.key), row.value({plan, model}));
  set_all(settings, argument_settings(model.entry.settings.extra_args, other_build));
  return settings;
}

std::string render_preset(const Plan& plan) {
  if (!plan.router) return {};
  std::string preset;
  std::set<std::string> named;
  for (const auto& model : plan.models) {
    const auto section = render_section(plan, model);
    if (section.empty() || !named.insert(model.entry.name).second) continue;
    if (!preset.empty()) preset += "\n";
    preset += section;
  }
  return preset;
}

std::vector<std::string> router_arguments(const Plan& plan) {
  const auto& args = plan.spec().settings.extra_args;
  std::vector<std::string> own;
  for (const auto& flag : api::parse_llama_flags(args)) {
    if (flag.problem != api::FlagProblem::none || flag.flag->use != api::FlagUse::server) continue;
    if (flag.flag->key == "metrics") continue;  // always on
    own.push_back(flag.name);
    if (flag.flag->arity > 0) own.push_back(flag.value);
  }
  return own;
}

}  // namespace reconciler
