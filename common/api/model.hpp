#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/json.hpp"
#include "common/base/rare.hpp"
#include "common/kube/object_meta.hpp"

/// Model as a typed view. As with InferenceService, decoding never fails.
namespace api {

struct GpuSharding {
  /// "layer", "tensor", "row", "pipeline" or "none".
  std::string strategy = "layer";
  std::vector<std::string> layer_split;

  bool operator==(const GpuSharding&) const = default;
};

/// `spec.hardware.gpu`.
struct GpuHardware {
  bool enabled = false;
  std::optional<std::int64_t> count;
  /// -1 and 0 mean all layers.
  std::optional<std::int64_t> layers;
  /// "nvidia", "amd" or "intel".
  std::string vendor = "nvidia";
  std::string resource_name;
  std::string toleration_key;
  /// "vulkan", "rocm" or empty.
  std::string runtime;
  std::optional<GpuSharding> sharding;
  /// JSON text of []PodResourceClaim; empty when absent.
  std::string resource_claims;

  bool operator==(const GpuHardware&) const = default;
};

struct Hardware {
  /// "cpu", "metal", "cuda", "rocm", "intel" or "vulkan".
  std::string accelerator = "cpu";
  std::optional<GpuHardware> gpu;

  bool operator==(const Hardware&) const = default;
};

struct ModelSpec {
  /// As written; its SHA-256 is the cache key (source.hpp).
  std::string source;
  std::string sha256;
  std::vector<std::string> files;
  std::string mmproj;
  /// "IfNotPresent" or "OnChange".
  std::string refresh_policy = "IfNotPresent";
  /// JSON text of []Toleration; empty when absent.
  std::string prefetch_tolerations;
  /// The name in `sourceSecretRef`.
  std::string source_secret;
  base::Rare<Hardware> hardware;
  /// What the service's Pod should ask for; quantities as written.
  std::string cpu;
  std::string memory;

  bool operator==(const ModelSpec&) const = default;
};

struct Model {
  kube::ObjectMeta metadata;
  ModelSpec spec;

  bool operator==(const Model&) const = default;
};

[[nodiscard]] Model decode_model(const base::JsonValue& object);

}  // namespace api
