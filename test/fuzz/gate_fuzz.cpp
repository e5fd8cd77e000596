// Any bytes as a request at the gate: what it reads of the body is what a whole JSON parser reads, what it forwards is
// read back the same, and a chunked body ends at the same byte however it is cut.
#include <rapidjson/document.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/json.hpp"
#include "common/base/wire_text.hpp"
#include "reconciler/pod/agent/gate/asked_model.hpp"
#include "reconciler/pod/agent/gate/chunks.hpp"
#include "reconciler/pod/agent/gate/forward.hpp"
#include "reconciler/pod/agent/gate/gate_rules.hpp"
#include "test/fuzz/require.hpp"

namespace {

constexpr std::size_t kLongestName = 1024;

/// The last member of a name counts, as for llama-server's parser.
const base::JsonValue* last_member(const base::JsonValue& object, std::string_view name) {
  const base::JsonValue* found = nullptr;
  for (const auto& member : object.GetObject()) {
    if (base::as_string(&member.name) == name) found = &member.value;
  }
  return found;
}

void check_body(std::string_view body) {
  const auto asked = agent::read_asked(body, "application/json");
  require(!asked.model || asked.model->size() <= kLongestName);
  (void)agent::read_asked(body, "multipart/form-data; boundary=x");
  const auto document = base::parse_json(body, "body");
  if (!document) return;
  if (!document->IsObject()) return require(!asked.model);
  const auto name = base::as_string(last_member(*document, "model"));
  // Written with escapes, a shorter name may be too long, too.
  if (!name || name->size() <= kLongestName / 6) require(asked.model == name);
  const auto* stream = last_member(*document, "stream");
  require(asked.stream == (stream != nullptr && stream->IsTrue()));
}

void check_chunks(std::string_view bytes, std::size_t cut) {
  agent::ChunkScanner whole;
  std::string payload;
  const auto end = whole.feed(bytes, &payload);
  require(end <= bytes.size() && payload.size() <= end);
  agent::ChunkScanner pieces;
  std::string again;
  std::size_t taken = 0;
  for (std::size_t at = 0; at < bytes.size(); at += cut) taken += pieces.feed(bytes.substr(at, cut), &again);
  require(taken == end && again == payload && pieces.done() == whole.done() && pieces.broken() == whole.broken());
}

/// No line is left that `Connection` named, but those that it cannot mean. What it says may be no name at all, and
/// stand in a value: so names are compared, as they are read back.
void check_named(const net::Head& head, const net::Head& forwarded) {
  const auto words = head.list("connection");
  const auto meant = [&](std::string_view name) {
    return std::ranges::any_of(words, [&](auto word) { return base::same_word(word, name); });
  };
  for (const auto& [name, value] : forwarded.lines) {
    const bool kept = base::same_word(name, "connection") || base::same_word(name, "close") ||
                      base::same_word(name, "host") || base::same_word(name, "content-length") ||
                      base::same_word(name, "transfer-encoding");
    require(kept || !meant(name));
  }
}

void check_head(std::string_view bytes) {
  const auto size = net::head_size(bytes);
  if (!size) return;
  require(*size <= bytes.size());
  const auto head = net::read_request_head(bytes.substr(0, *size));
  if (const auto answer = net::read_response_head(bytes.substr(0, *size))) {
    require(answer->status >= 100 && answer->status <= 999);
    const auto forwarded = agent::forward_response_head(*answer, true, 1);
    require(net::head_size(forwarded) == forwarded.size());
    const auto again = net::read_response_head(forwarded);
    require(again.has_value());
    check_named(*answer, *again);
    // What was told of the beginning holds for the whole.
    const auto body = bytes.substr(*size);
    const auto early = agent::tells_lost_process(*answer, body.substr(0, body.size() / 2));
    require(!early || early == agent::tells_lost_process(*answer, body));
  }
  if (!head) return;
  (void)agent::judge(head->method, base::decode_percent(head->path()), head->query());
  const auto forwarded = agent::forward_request_head(*head, 7);
  require(net::head_size(forwarded) == forwarded.size());
  const auto again = net::read_request_head(forwarded);
  require(again.has_value());
  check_named(*head, *again);
  require(again->method == head->method && again->target == head->target && !again->chunked && !again->keep_alive);
  require(again->length == std::optional<std::uint64_t>(7) || again->length == std::nullopt);
  // A second time changes nothing more: no header of the hop is left.
  require(agent::forward_request_head(*again, 7) == forwarded);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_body(bytes);
  check_head(bytes);
  check_chunks(bytes, 1 + size / 3);
  if (size < 400) check_chunks(bytes, 1);
  return 0;
}
