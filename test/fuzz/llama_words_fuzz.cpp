// Any bytes as what llama-server says (a listing, a line of the event stream, a log, metrics) and as the mounted
// preset.
#include <cstdint>
#include <string_view>

#include "reconciler/pod/agent/child_logs.hpp"
#include "reconciler/pod/agent/listing.hpp"
#include "reconciler/pod/agent/llama_server.hpp"
#include "reconciler/pod/agent/model_metrics.hpp"
#include "reconciler/pod/agent/preset.hpp"
#include "test/fuzz/require.hpp"

namespace {

void check_preset(std::string_view text) {
  const auto preset = agent::parse_preset(text);
  if (!preset) return require(!preset.error().to_string().empty());
  require(agent::changed_sections(*preset, *preset).empty());
  for (const auto& section : preset->sections) {
    require(preset->find(section.name) != nullptr);
    const auto model = section.keys.find("model");
    require(model != section.keys.end() && !model->second.empty());
    require(!section.keys.contains("alias"));
    for (const auto& alias : section.aliases) require(!alias.empty() && alias != section.name);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto listing = agent::parse_listing(text)) {
    for (const auto& model : *listing) require(!model.name.empty());
  }
  if (const auto event = agent::parse_event_line(text)) require(event->model != "*");
  require(agent::error_message(text).size() <= 310);
  require(agent::cause_line(text, true).size() <= 410);
  require(agent::cause_line(text, false).size() <= 410);
  (void)agent::requests_in_flight(text);
  agent::ModelMetrics metrics;
  metrics.add("a\"\\\n", text);
  (void)metrics.text();
  check_preset(text);
  return 0;
}
