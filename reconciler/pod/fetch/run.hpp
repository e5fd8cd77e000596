#pragma once
#include <stop_token>

#include "reconciler/pod/fetch/options.hpp"
#include "reconciler/pod/fetch/outcome.hpp"
#include "reconciler/pod/fetch/progress.hpp"

namespace fetch {

/// Puts the files of one Model on a volume and says how it went: the whole of model-fetch but for flags and signals.
///
/// Good files that are there end it at once, without a network and without a writable volume. Else, under the lock of
/// the key: download into a partial, verify, publish by rename, file by file; the primary last, so that a set is
/// complete when it shows.
[[nodiscard]] Outcome run(const Options& options, Progress& progress, const std::stop_token& stop);

}  // namespace fetch
