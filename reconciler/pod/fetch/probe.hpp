#pragma once
#include <stop_token>

#include "reconciler/pod/fetch/download.hpp"

namespace fetch {

/// Asks what the host means by a URL at present, without its bytes: one request, no retry.
[[nodiscard]] Try<Identity> probe(Transport& transport, const Remote& remote, const DownloadSettings& settings,
                                  const std::stop_token& stop);

}  // namespace fetch
