#include <algorithm>

#include "common/api/source.hpp"
#include "reconciler/reconcile/preset.hpp"
#include "reconciler/reconcile/render.hpp"

namespace reconciler {
namespace {

/// llama-server's own word for a switch that is off.
void append_flag(std::vector<std::string>& args, const std::string& key, const std::string& value) {
  if (value == "true") {
    args.push_back("--" + key);
  } else if (value == "false") {
    args.push_back("--no-" + key);
  } else {
    args.push_back("--" + key);
    args.push_back(value);
  }
}

/// The user's --host counts when there is one.
bool names_host(const std::vector<std::string>& args) {
  return std::ranges::any_of(args, [](const auto& arg) { return arg == "--host" || arg.starts_with("--host="); });
}

}  // namespace

std::string path_on_command_line(const Plan& plan, const ServedModel& model) {
  if (plan.cache.kind != CachePlan::Kind::ephemeral || model.on_own_claim || model.object == nullptr)
    return model.artifact ? model.artifact->path : std::string{};
  const auto& spec = model.model().spec;
  const std::string file = spec.files.empty() ? api::file_of_model(model.entry.name) : spec.files.front();
  return std::string(kModelsPath) + "/" + api::cache_key(spec.source) + "/" + file;
}

/// What is here beats every section, so nothing is that concerns a model.
std::vector<std::string> router_command_line(const Plan& plan) {
  const auto& spec = plan.spec();
  std::vector<std::string> args = {
      "--models-preset", "/etc/llmkube/models.ini",
      "--models-max",    std::to_string(spec.router.max_loaded_models),
      "--host",          spec.bind_address.empty() ? plan.settings.bind_address : spec.bind_address,
      "--port",          std::to_string(server_port(plan)),
      "--metrics"};
  for (auto& arg : router_arguments(plan)) args.push_back(std::move(arg));
  return args;
}

/// LLMKube's order, so that a service which moves from it to us or back does not restart for a shuffle.
std::vector<std::string> single_command_line(const Plan& plan) {
  const auto& spec = plan.spec();
  const auto& model = plan.models.front();
  std::vector<std::string> args = {"--model", path_on_command_line(plan, model), "--port",
                                   std::to_string(server_port(plan))};
  if (!names_host(spec.settings.extra_args)) {
    args.emplace_back("--host");
    args.push_back(spec.bind_address.empty() ? "::" : spec.bind_address);
  }
  for (const auto& [key, value] : field_settings(plan, model)) append_flag(args, key, value);
  args.insert(args.end(), spec.settings.extra_args.begin(), spec.settings.extra_args.end());
  args.emplace_back("--metrics");
  return args;
}

}  // namespace reconciler
