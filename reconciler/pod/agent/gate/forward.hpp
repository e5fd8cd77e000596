#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "common/net/head.hpp"

/// The heads of messages as they pass through the gate, and what of llama-server's answers is its own word. All
/// functions are pure.
namespace agent {

/// The request as it goes to llama-server: the same, but for the headers of the hop. `body_size` replaces a chunked
/// framing. The connection is for this request only: an idle one would hold one of llama-server's threads.
[[nodiscard]] std::string forward_request_head(const net::RequestHead& head, std::size_t body_size);
/// The answer as it goes to the client.
[[nodiscard]] std::string forward_response_head(const net::ResponseHead& head, bool close, int client_minor);

/// llama-server's answer to a request whose load failed ("model name=a failed to load", build 11669), head and body,
/// with the cause that it leaves out. Nothing when it says something else, or no cause is known.
[[nodiscard]] std::optional<std::string> explain_failed_load(const net::ResponseHead& head, std::string_view body,
                                                             std::string_view cause);

/// Is it llama-server itself that answers, because it could not reach the model's process? Then the whole body is plain
/// text ("proxy error: Failed to read connection", build 11669), while models' own errors are JSON. It says so with
/// 500, or in a stream whose head the process had sent. Nothing while too little of `body`, as it came, is here to
/// tell.
[[nodiscard]] std::optional<bool> tells_lost_process(const net::ResponseHead& head, std::string_view body);

}  // namespace agent
