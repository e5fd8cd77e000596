#include "reconciler/reconcile/fetch_result.hpp"

#include "common/base/text.hpp"

namespace reconciler {
namespace {

Artifact decode_files(const base::JsonValue& files) {
  Artifact artifact;
  for (const auto& file : files.GetArray()) {
    const std::string path = base::string_at(file, {"path"});
    artifact.size_bytes += base::int_at(file, {"size"});
    if (base::string_at(file, {"role"}) == "mmproj") {
      artifact.mmproj = path;
    } else if (artifact.path.empty()) {
      artifact.path = path;
      artifact.sha256 = base::string_at(file, {"sha256"});
    }
  }
  return artifact;
}

}  // namespace

std::optional<FetchResult> decode_fetch_result(const base::JsonValue& object) {
  FetchResult result;
  result.reason = base::string_at(object, {"reason"});
  if (result.reason.empty()) return std::nullopt;
  result.message = base::string_at(object, {"message"});
  const auto* files = base::find(object, "files");
  if (files != nullptr && files->IsArray()) {
    if (auto artifact = decode_files(*files); !artifact.path.empty()) result.artifact = std::move(artifact);
  }
  return result;
}

std::optional<FetchResult> parse_fetch_result(std::string_view text) {
  const auto document = base::parse_json(base::trim(text), "termination message");
  return document ? decode_fetch_result(*document) : std::nullopt;
}

}  // namespace reconciler
