#pragma once
#include <string>
#include <utility>
#include <vector>

#include "reconciler/reconcile/plan.hpp"

namespace reconciler {

/// One `key = value` of a section, in the order in which it is written.
using PresetSettings = std::vector<std::pair<std::string, std::string>>;

/// models.ini: one section for each model whose files are there, in spec order, with all its settings; no `[*]`, so
/// that a change concerns the models that it names and no others (a resident model whose resolved section changes is
/// unloaded). What a preset cannot hold (a line end, `#`, `;`) never gets into it: such a setting is left out, and a
/// model with such a name or path has no section.
[[nodiscard]] std::string render_preset(const Plan& plan);

/// What the fields of the spec say of one model, in LLMKube's order of arguments, without extraArgs and overrides.
[[nodiscard]] PresetSettings field_settings(const Plan& plan, const ServedModel& model);

/// How one model is served, later words winning: the service's fields, its extraArgs, the entry's fields, its
/// extraArgs.
[[nodiscard]] PresetSettings model_settings(const Plan& plan, const ServedModel& model);

/// Where a model's file is, for the arguments of a server of one model. In an ephemeral cache they come before the
/// file: model-fetch finds an empty volume and uses this name.
[[nodiscard]] std::string path_on_command_line(const Plan& plan, const ServedModel& model);

/// The flags of the service's extraArgs that are the router's own: they stay on its command line.
[[nodiscard]] std::vector<std::string> router_arguments(const Plan& plan);

}  // namespace reconciler
