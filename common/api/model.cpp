#include "common/api/model.hpp"

#include "common/api/decode.hpp"

namespace api {
namespace {

using base::JsonValue;

std::optional<GpuSharding> decode_sharding(const JsonValue& gpu) {
  const JsonValue* from = decode::object(gpu, "sharding");
  if (from == nullptr) return std::nullopt;
  GpuSharding out;
  out.strategy = decode::text(*from, "strategy", out.strategy);
  out.layer_split = decode::texts(*from, "layerSplit");
  return out;
}

std::optional<GpuHardware> decode_gpu(const JsonValue& hardware) {
  const JsonValue* from = decode::object(hardware, "gpu");
  if (from == nullptr) return std::nullopt;
  GpuHardware out;
  out.enabled = decode::flag(*from, "enabled");
  out.count = decode::integer(*from, "count");
  out.layers = decode::integer(*from, "layers");
  out.vendor = decode::text(*from, "vendor", out.vendor);
  out.resource_name = decode::text(*from, "resourceName");
  out.toleration_key = decode::text(*from, "tolerationKey");
  out.runtime = decode::text(*from, "runtime");
  out.sharding = decode_sharding(*from);
  out.resource_claims = decode::json(*from, "resourceClaims");
  return out;
}

std::optional<Hardware> decode_hardware(const JsonValue& spec) {
  const JsonValue* from = decode::object(spec, "hardware");
  if (from == nullptr) return std::nullopt;
  Hardware out;
  out.accelerator = decode::text(*from, "accelerator", out.accelerator);
  out.gpu = decode_gpu(*from);
  return out;
}

ModelSpec decode_spec(const JsonValue& from) {
  ModelSpec out;
  out.source = decode::text(from, "source");
  out.sha256 = decode::text(from, "sha256");
  out.files = decode::texts(from, "files");
  out.mmproj = decode::text(from, "mmproj");
  out.refresh_policy = decode::text(from, "refreshPolicy", out.refresh_policy);
  out.prefetch_tolerations = decode::json(from, "prefetchTolerations");
  if (const JsonValue* secret = decode::object(from, "sourceSecretRef"))
    out.source_secret = decode::text(*secret, "name");
  out.hardware = decode_hardware(from);
  if (const JsonValue* resources = decode::object(from, "resources")) {
    out.cpu = decode::text(*resources, "cpu");
    out.memory = decode::text(*resources, "memory");
  }
  return out;
}

}  // namespace

Model decode_model(const base::JsonValue& object) {
  Model out;
  out.metadata = kube::decode_object_meta(object);
  if (const JsonValue* spec = decode::object(object, "spec")) out.spec = decode_spec(*spec);
  return out;
}

}  // namespace api
