#include "reconciler/pod/agent/listing.hpp"

#include <array>
#include <utility>

#include "common/base/json.hpp"
#include "common/base/text.hpp"

namespace agent {
namespace {

constexpr std::array<std::pair<std::string_view, ServerState>, 4> kStates{{
    {"unloaded", ServerState::unloaded},
    {"loading", ServerState::loading},
    {"loaded", ServerState::loaded},
    {"sleeping", ServerState::sleeping},
}};

std::optional<ServerState> state_of(std::string_view word) {
  for (const auto& [name, state] : kStates) {
    if (name == word) return state;
  }
  return std::nullopt;
}

std::optional<ListedModel> read_model(const base::JsonValue& entry) {
  ListedModel model;
  model.name = base::string_at(entry, {"id"});
  if (model.name.empty()) return std::nullopt;
  if (const auto* aliases = base::find(entry, "aliases"); aliases != nullptr && aliases->IsArray()) {
    for (const auto& alias : aliases->GetArray()) {
      if (const auto text = base::as_string(&alias)) model.aliases.emplace_back(*text);
    }
  }
  model.state = state_of(base::string_at(entry, {"status", "value"})).value_or(ServerState::unloaded);
  model.failed = base::as_bool(base::find_path(entry, {"status", "failed"})).value_or(false);
  model.exit_code = static_cast<int>(base::int_at(entry, {"status", "exit_code"}));
  return model;
}

}  // namespace

std::string_view to_string(ServerState state) {
  for (const auto& [name, known] : kStates) {
    if (known == state) return name;
  }
  return "unloaded";
}

base::Result<Listing> parse_listing(std::string_view body) {
  auto document = base::parse_json(body, "GET /models");
  if (!document) return std::unexpected(document.error());
  const auto* data = base::find(*document, "data");
  if (data == nullptr || !data->IsArray()) return base::fail("no array \"data\" in the answer", "GET /models");
  Listing listing;
  for (const auto& entry : data->GetArray()) {
    auto model = read_model(entry);
    if (!model) return base::fail("an entry without \"id\"", "GET /models");
    listing.push_back(std::move(*model));
  }
  return listing;
}

std::optional<ModelEvent> parse_event_line(std::string_view line) {
  constexpr std::string_view kData = "data:";
  if (!line.starts_with(kData)) return std::nullopt;
  const auto document = base::parse_json(base::trim(line.substr(kData.size())), "GET /models/sse");
  if (!document) return std::nullopt;

  ModelEvent event;
  event.model = base::string_at(*document, {"model"});
  if (event.model == "*") return ModelEvent{};
  const auto state = state_of(base::string_at(*document, {"data", "status"}));
  if (event.model.empty() || !state) return std::nullopt;
  event.state = *state;
  event.exit_code = static_cast<int>(base::int_at(*document, {"data", "exit_code"}));
  return event;
}

std::string error_message(std::string_view body) {
  constexpr std::size_t kLongest = 300;
  if (const auto document = base::parse_json(body, "answer")) {
    const auto message = base::string_at(*document, {"error", "message"});
    if (!message.empty()) return base::shorten(message, kLongest);
  }
  return base::shorten(base::trim(body), kLongest);
}

}  // namespace agent
