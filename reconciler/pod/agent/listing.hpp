#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.hpp"

/// What llama-server in router mode says of its models: the answer of `GET /models` and the lines of
/// `GET /models/sse` (shapes measured on build 11669).
namespace agent {

/// One model's state, as `status.value` names it. A failed load reads "unloaded" with `failed: true`; who tells a
/// failed load from a crash is `Residency`.
enum class ServerState { unloaded, loading, loaded, sleeping };

/// "unloaded", "loading", "loaded", "sleeping".
[[nodiscard]] std::string_view to_string(ServerState state);

/// One entry of `GET /models`.
struct ListedModel {
  std::string name;
  std::vector<std::string> aliases;
  ServerState state = ServerState::unloaded;
  /// The last child ended badly: a failed load, a crash, or an unload that had to kill.
  bool failed = false;
  int exit_code = 0;
  bool operator==(const ListedModel&) const = default;
};

using Listing = std::vector<ListedModel>;

/// Reads the body of `GET /models`. Entries of an unknown shape are an error, unknown states count as unloaded.
[[nodiscard]] base::Result<Listing> parse_listing(std::string_view body);

/// One event of `GET /models/sse`.
struct ModelEvent {
  /// Empty in an event about all models (`models_reload`).
  std::string model;
  ServerState state = ServerState::unloaded;
  int exit_code = 0;
};

/// Reads one line of the event stream; nothing for blank lines, comments and events of an unknown shape.
[[nodiscard]] std::optional<ModelEvent> parse_event_line(std::string_view line);

/// The text of llama-server's error body `{"error":{"message":...}}`, else the body itself, cut to 300 bytes.
[[nodiscard]] std::string error_message(std::string_view body);

}  // namespace agent
