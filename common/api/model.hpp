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
  std::string memory;
  /// "nvidia", "amd" or "intel".
  std::string vendor = "nvidia";
  /// Whether the manifest names the vendor, or it is the default.
  bool vendor_is_set = false;
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
  bool accelerator_is_set = false;
  std::optional<GpuHardware> gpu;
  std::string memory_budget;
  std::optional<double> memory_fraction;

  bool operator==(const Hardware&) const = default;
};

struct ModelSpec {
  /// As written; its SHA-256 is the cache key (source.hpp).
  std::string source;
  std::string sha256;
  std::vector<std::string> files;
  std::string mmproj;
  /// "gguf", "mlx", "safetensors", "pytorch" or "custom".
  std::string format = "gguf";
  std::string quantization;
  /// "IfNotPresent" or "OnChange".
  std::string refresh_policy = "IfNotPresent";
  bool prefetch = false;
  /// JSON text of []Toleration; empty when absent.
  std::string prefetch_tolerations;
  /// The name in `sourceSecretRef`.
  std::string source_secret;
  base::Rare<Hardware> hardware;
  /// Of the fetch; quantities as written.
  std::string cpu;
  std::string memory;

  bool operator==(const ModelSpec&) const = default;
};

/// What LLMKube or we wrote into the status that decides where a file lies in a cache.
struct ModelStatus {
  /// `status.gguf.modelName`: LLMKube names a single file after it.
  std::string gguf_model_name;
  std::string path;
  std::string cache_key;

  bool operator==(const ModelStatus&) const = default;
};

struct Model {
  kube::ObjectMeta metadata;
  ModelSpec spec;
  ModelStatus status;

  bool operator==(const Model&) const = default;
};

[[nodiscard]] Model decode_model(const base::JsonValue& object);

}  // namespace api
