#include "reconciler/cache/kept.hpp"

#include <utility>

#include "common/api/inference_service.hpp"
#include "common/api/model.hpp"
#include "reconciler/reconcile/reconcile.hpp"

namespace reconciler {
namespace {

std::string spec_of(const base::JsonValue& object) {
  const auto* spec = base::find(object, "spec");
  return spec == nullptr ? "null" : base::to_text(*spec);
}

std::string phase_of(const base::JsonValue& object) { return base::string_at(object, {"status", "phase"}); }

/// What decoders read, but for the metadata.
base::JsonDocument document(const std::string& spec, const std::string& status) {
  auto parsed = base::parse_json(R"({"spec":)" + spec + R"(,"status":)" + status + "}", "what is kept");
  return parsed ? std::move(*parsed) : base::JsonDocument{};
}

}  // namespace

KeptService keep_service(const base::JsonValue& object, const rules::Site& site, const KeptService* same) {
  if (same != nullptr) {
    KeptService kept = *same;
    kept.meta = kube::decode_object_meta(object);
    kept.status = status_text(object);
    kept.phase = phase_of(object);
    return kept;
  }
  auto decoded = decode_service(object, site);
  return {std::move(decoded.meta),
          std::move(decoded.mistakes),
          decoded.view->spec.runtime,
          models_of(*decoded.view),
          spec_of(object),
          std::move(decoded.status),
          phase_of(object)};
}

KeptModel keep_model(const base::JsonValue& object, const KeptModel* same) {
  if (same != nullptr)
    return {kube::decode_object_meta(object), same->mistakes, same->spec, status_text(object), phase_of(object)};
  auto decoded = decode_model(object);
  return {std::move(decoded.meta), std::move(decoded.mistakes), spec_of(object), std::move(decoded.status),
          phase_of(object)};
}

ServiceObject view_of(const KeptService& kept) {
  const auto object = document(kept.spec, kept.status);
  auto view = std::make_shared<api::InferenceService>(api::decode_inference_service(object));
  view->metadata = kept.meta;
  return {std::move(view), kept.meta, kept.mistakes, kept.status, advertises_some(object)};
}

ModelObject view_of(const KeptModel& kept) {
  auto view = std::make_shared<api::Model>(api::decode_model(document(kept.spec, kept.status)));
  view->metadata = kept.meta;
  return {std::move(view), kept.meta, kept.mistakes, kept.status};
}

}  // namespace reconciler
