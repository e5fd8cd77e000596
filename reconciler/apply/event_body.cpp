#include "reconciler/apply/event_body.hpp"

#include <atomic>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "common/api/crd.hpp"
#include "common/base/text.hpp"

namespace reconciler {
namespace {

constexpr std::size_t kLongestMessage = 1024;  // the API server refuses longer ones

/// Unique among the events of one object: the time, and a count for those of one microsecond.
std::string event_name(const std::string& object, base::WallTime now) {
  static std::atomic<unsigned> count = 0;
  const auto ticks = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count();
  std::array<char, 40> suffix{};
  std::snprintf(suffix.data(), suffix.size(), ".%llx%03x", static_cast<unsigned long long>(ticks), count++ % 4096);
  return object.substr(0, 200) + suffix.data();
}

}  // namespace

std::string event_body(const Key& key, const ObjectMeta& meta, const Event& event, base::WallTime now) {
  const auto time = base::format_rfc3339(now);
  const nlohmann::json body = {
      {"apiVersion", "v1"},
      {"kind", "Event"},
      {"metadata", {{"name", event_name(key.name, now)}, {"namespace", key.namespace_}}},
      {"involvedObject",
       {{"apiVersion", api::kApiVersion},
        {"kind", key.kind == Key::Kind::service ? "InferenceService" : "Model"},
        {"name", key.name},
        {"namespace", key.namespace_},
        {"uid", meta.uid},
        {"resourceVersion", meta.resource_version}}},
      {"type", event.warning ? "Warning" : "Normal"},
      {"reason", event.reason},
      {"message", base::shorten(base::to_utf8(event.message), kLongestMessage)},
      {"source", {{"component", kFieldManager}}},
      {"firstTimestamp", time},
      {"lastTimestamp", time},
      {"count", 1},
  };
  return body.dump();
}

}  // namespace reconciler
