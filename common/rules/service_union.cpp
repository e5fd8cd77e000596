#include "common/api/runtimes.hpp"
#include "common/rules/judges.hpp"

namespace rules::judge {
namespace {

/// An empty name counts as absent; a value of another type is named by the schema walk and counts as there.
bool has_model_ref(const Service& service) {
  const base::JsonValue* value = present(service.spec, "modelRef");
  return value != nullptr && base::as_string(value) != "";
}

}  // namespace

void models_required(const Service& service, const Report& report) {
  if (service.router && present(service.spec, "models") == nullptr) report.at(service.models_path, nullptr);
}

void model_ref_forbidden(const Service& service, const Report& report) {
  if (service.router && has_model_ref(service))
    report.at(service.spec_path.child("modelRef"), present(service.spec, "modelRef"));
}

void model_ref_required(const Service& service, const Report& report) {
  if (!service.router && !service.runtime.empty() && !has_model_ref(service))
    report.at(service.spec_path.child("modelRef"), nullptr, {service.runtime});
}

void models_forbidden(const Service& service, const Report& report) {
  if (!service.router && !service.runtime.empty() && present(service.spec, "models") != nullptr)
    report.at(service.models_path, nullptr, {service.runtime});
}

void runtime_known(const Service& service, const Report& report) {
  const base::JsonValue* value = present(service.spec, "runtime");
  if (value == nullptr || !value->IsString() || api::find_runtime(service.runtime) != nullptr) return;
  std::string known;
  for (const auto& runtime : api::runtimes()) known += (known.empty() ? "" : ", ") + std::string(runtime.name);
  report.at(service.spec_path.child("runtime"), value, {known, api::nearest_runtime(service.runtime)});
}

void router_ignored(const Service& service, const Report& report) {
  if (!service.router && !service.runtime.empty() && present(service.spec, "router") != nullptr)
    report.at(service.router_path, nullptr, {service.runtime});
}

}  // namespace rules::judge
