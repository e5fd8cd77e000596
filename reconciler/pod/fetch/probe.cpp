#include "reconciler/pod/fetch/probe.hpp"

#include "common/api/source.hpp"

namespace fetch {
namespace {

struct Asker final : Receiver {
  ResponseHead head;
  bool on_head(const ResponseHead& answered) override {
    head = answered;
    return true;
  }
  // The one byte that was asked for, or the start of everything from a host without ranges: not needed.
  bool on_body(std::string_view /*bytes*/) override { return false; }
};

}  // namespace

Try<Identity> probe(Transport& transport, const Remote& remote, const DownloadSettings& settings,
                    const std::stop_token& stop) {
  Request request;
  request.url = remote.url;
  request.bearer = remote.bearer;
  request.aws = remote.aws;
  request.head = remote.aws.has_value();
  if (!request.head) request.range = Span{0, 1};
  Asker asker;
  const auto id = transport.start(request, asker);
  const auto deadline = std::chrono::steady_clock::now() + settings.stall;
  const auto where = api::without_secrets(remote.url);
  for (;;) {
    for (const auto& finished : transport.poll(std::chrono::milliseconds{100})) {
      if (finished.id != id) continue;
      if (finished.failure) return std::unexpected(*finished.failure);
      const auto& head = asker.head;
      if (head.status != 200 && head.status != 206) {
        return give_up(Reason::server_error, "HTTP " + std::to_string(head.status), where);
      }
      const auto size = head.status == 206 && head.content_range ? head.content_range->total : head.content_length;
      return Identity{{}, head.etag, head.last_modified, size, head.sha256};
    }
    if (!stop.stop_requested() && std::chrono::steady_clock::now() < deadline) continue;
    transport.cancel(id);
    return give_up(Reason::stalled, "no answer", where);
  }
}

}  // namespace fetch
