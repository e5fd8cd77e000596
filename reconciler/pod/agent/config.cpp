#include "reconciler/pod/agent/config.hpp"

#include <algorithm>
#include <cmath>

#include "common/base/json.hpp"

namespace agent {
namespace {

/// Seconds, decimals allowed.
std::chrono::milliseconds seconds_at(const base::JsonValue& object, std::string_view key,
                                     std::chrono::milliseconds otherwise) {
  constexpr double kLongest = 86'400;
  const auto* value = base::find(object, key);
  if (value == nullptr || !value->IsNumber()) return otherwise;
  return std::chrono::milliseconds{std::lround(std::clamp(value->GetDouble(), 0.0, kLongest) * 1e3)};
}

}  // namespace

base::Result<Config> parse_config(std::string_view text) {
  const auto document = base::parse_json(text, "agent.json");
  if (!document) return std::unexpected(document.error());
  if (!document->IsObject()) return base::fail("not an object", "agent.json");

  Config config;
  if (const auto* preload = base::find(*document, "preload"); preload != nullptr && preload->IsArray()) {
    for (const auto& name : preload->GetArray()) {
      if (const auto word = base::as_string(&name)) config.preload.emplace_back(*word);
    }
  }
  if (const auto* given = base::find(*document, "scheduling"); given != nullptr && given->IsObject()) {
    auto& scheduling = config.scheduling;
    if (base::string_at(*given, {"policy"}) == "Direct") scheduling.policy = Policy::direct;
    scheduling.min_residency = seconds_at(*given, "minResidencySeconds", scheduling.min_residency);
    scheduling.max_turn = seconds_at(*given, "maxTurnSeconds", scheduling.max_turn);
    scheduling.max_wait = seconds_at(*given, "maxWaitSeconds", scheduling.max_wait);
    scheduling.loading_signal = base::as_bool(base::find(*given, "loadingSignal")).value_or(false);
  }
  return config;
}

}  // namespace agent
