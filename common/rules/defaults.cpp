#include "common/rules/defaults.hpp"

#include <array>

#include "common/api/inference_service.hpp"
#include "common/kube/field_path.hpp"

namespace rules {
namespace {

using base::JsonValue;

struct Default {
  std::string_view key;
  /// JSON text.
  std::string_view value;
};

/// Of `spec.router`. `preload` stays absent: written down, the first model of today would outlive its place in
/// `models`. The schema carries the same values for an object that reaches the API server without a webhook.
constexpr std::array<Default, 3> kRouter{{
    {"maxLoadedModels", "1"},
    {"stopTimeoutSeconds", "5"},
    {"scheduling", R"({"policy":"Fair","minResidencySeconds":5,"maxTurnSeconds":30,"maxWaitSeconds":600})"},
}};
constexpr std::array<Default, 4> kScheduling{{
    {"policy", R"("Fair")"},
    {"minResidencySeconds", "5"},
    {"maxTurnSeconds", "30"},
    {"maxWaitSeconds", "600"},
}};

template <std::size_t N>
void add_missing(const JsonValue& object, const std::array<Default, N>& defaults, const kube::FieldPath& path,
                 std::vector<PatchOperation>& out) {
  for (const auto& row : defaults) {
    if (base::find(object, row.key) == nullptr)
      out.push_back({path.child(row.key).json_pointer(), std::string(row.value)});
  }
}

const std::string& router_with_all_defaults() {
  static const std::string text = [] {
    std::string out = "{";
    for (const auto& row : kRouter) {
      if (out.size() > 1) out += ',';
      out += base::quote_json(row.key) + ":" + std::string(row.value);
    }
    return out + "}";
  }();
  return text;
}

bool serves_models(const JsonValue& object, const JsonValue& spec) {
  return base::as_string(base::find(object, "kind")) == "InferenceService" &&
         api::is_router_runtime(base::as_string(base::find(spec, "runtime")).value_or(""));
}

}  // namespace

std::vector<PatchOperation> set_defaults(const base::JsonValue& object) {
  std::vector<PatchOperation> out;
  const JsonValue* spec = base::find(object, "spec");
  if (spec == nullptr || !spec->IsObject() || !serves_models(object, *spec)) return out;

  constexpr kube::FieldPath kRoot;
  const kube::FieldPath spec_path = kRoot.child("spec");
  const kube::FieldPath router_path = spec_path.child("router");
  const JsonValue* router = base::find(*spec, "router");
  if (router == nullptr) {
    out.push_back({router_path.json_pointer(), router_with_all_defaults()});
    return out;
  }
  if (!router->IsObject()) return out;
  add_missing(*router, kRouter, router_path, out);
  const JsonValue* scheduling = base::find(*router, "scheduling");
  if (scheduling != nullptr && scheduling->IsObject())
    add_missing(*scheduling, kScheduling, router_path.child("scheduling"), out);
  return out;
}

std::string to_json_patch(const std::vector<PatchOperation>& operations) {
  if (operations.empty()) return {};
  std::string out = "[";
  for (const auto& operation : operations) {
    if (out.size() > 1) out += ',';
    out += R"({"op":"add","path":)" + base::quote_json(operation.path) + R"(,"value":)" + operation.value + "}";
  }
  return out + "]";
}

}  // namespace rules
