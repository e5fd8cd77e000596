#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/json.hpp"

namespace reconciler {

/// The files of one model on a volume, as they are mounted in Pods.
struct Artifact {
  /// The file to load: the only one, or the first shard.
  std::string path;
  /// The multimodal projector; empty when there is none.
  std::string mmproj;
  std::int64_t size_bytes = 0;
  /// Of the file to load.
  std::string sha256;

  bool operator==(const Artifact&) const = default;
};

/// The last word of model-fetch: the JSON line in its termination message.
struct FetchResult {
  std::string reason;
  std::string message;
  /// There when files are on the volume.
  std::optional<Artifact> artifact;

  bool operator==(const FetchResult&) const = default;
};

/// Nothing when it is no such object.
[[nodiscard]] std::optional<FetchResult> decode_fetch_result(const base::JsonValue& object);
/// Nothing when the text is not such a line.
[[nodiscard]] std::optional<FetchResult> parse_fetch_result(std::string_view text);

}  // namespace reconciler
