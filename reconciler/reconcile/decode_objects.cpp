#include "common/api/inference_service.hpp"
#include "common/api/model.hpp"
#include "common/base/text.hpp"
#include "common/rules/validate.hpp"
#include "reconciler/reconcile/observed.hpp"

namespace reconciler {
namespace {

std::string mistakes_of(const base::JsonValue& object, const rules::Site& site) {
  return base::join(rules::error_lines(rules::validate(object, site)), "\n");
}

}  // namespace

std::string status_text(const base::JsonValue& object) {
  const auto* status = base::find(object, "status");
  return status != nullptr && status->IsObject() ? base::to_text(*status) : "{}";
}

bool advertises_some(const base::JsonValue& object) {
  const auto* advertised = base::find_path(object, {"status", "advertisedModels"});
  return advertised != nullptr && advertised->IsArray() && !advertised->Empty();
}

ServiceObject decode_service(const base::JsonValue& object, const rules::Site& site) {
  ServiceObject service;
  service.view = std::make_shared<const api::InferenceService>(api::decode_inference_service(object));
  service.meta = service.view->metadata;
  service.mistakes = mistakes_of(object, site);
  service.status = status_text(object);
  service.advertises = advertises_some(object);
  return service;
}

ModelObject decode_model(const base::JsonValue& object) {
  ModelObject model;
  model.view = std::make_shared<const api::Model>(api::decode_model(object));
  model.meta = model.view->metadata;
  model.mistakes = mistakes_of(object, {});
  model.status = status_text(object);
  return model;
}

}  // namespace reconciler
