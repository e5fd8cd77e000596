#include "common/rules/validate.hpp"

#include "common/api/inference_service.hpp"

namespace rules {
namespace {

using base::JsonValue;

/// The union of design: a router runtime has `models` and no `modelRef`, every other one the reverse.
void judge_union(const JsonValue& spec, std::vector<Finding>& out) {
  const std::string_view runtime = base::as_string(base::find(spec, "runtime")).value_or("llamacpp");
  const JsonValue* models = base::find(spec, "models");
  const JsonValue* model_ref = base::find(spec, "modelRef");
  const bool has_model_ref = model_ref != nullptr && base::as_string(model_ref) != "";
  if (api::is_router_runtime(runtime)) {
    if (models == nullptr)
      out.push_back({Severity::error, "models-required", "spec.models", "", "a router runtime serves a list of models",
                     "list 1 to 64 entries, each with the name of a Model", Reason::required});
    if (has_model_ref)
      out.push_back({Severity::error, "model-ref-forbidden", "spec.modelRef", base::to_text(*model_ref),
                     "a router runtime takes its models from spec.models", "move the name to spec.models",
                     Reason::forbidden});
    return;
  }
  if (!has_model_ref)
    out.push_back({Severity::error, "model-ref-required", "spec.modelRef", "", "this runtime serves one Model",
                   "name it, or set runtime: llamacpp-router and list several in spec.models", Reason::required});
  if (models != nullptr)
    out.push_back({Severity::error, "models-forbidden", "spec.models", "",
                   "only a router runtime serves several models",
                   "set runtime: llamacpp-router, or name one Model in spec.modelRef", Reason::forbidden});
}

}  // namespace

std::vector<Finding> validate(const base::JsonValue& object, const Context& context) {
  std::vector<Finding> out;
  const JsonValue* spec = base::find(object, "spec");
  if (context.semantic && spec != nullptr && base::as_string(base::find(object, "kind")) == "InferenceService")
    judge_union(*spec, out);
  return out;
}

}  // namespace rules
