#pragma once
#include <chrono>
#include <string>
#include <string_view>

#include "common/base/clock.hpp"

/// The kubelet syncs a Pod's mounted ConfigMap at once when an annotation of the Pod changes, else within a minute or
/// two. It may still read the ConfigMap of a moment ago, so the annotation is changed again, a few times at growing
/// intervals, until the agent has seen the file. Its value carries all that is needed: `<hash>.<try>.<unix seconds>`.
namespace reconciler {

struct Nudge {
  /// What the annotation should become; empty: leave it.
  std::string value;
  /// Look again after this time; zero: no need.
  std::chrono::seconds again{0};
};

/// `annotation` is the Pod's at present; its agent has not seen the preset `wanted`.
[[nodiscard]] Nudge next_nudge(std::string_view annotation, std::string_view wanted, base::WallTime now);

/// Whether the annotation was given for this preset.
[[nodiscard]] bool is_nudged(std::string_view annotation, std::string_view wanted);

}  // namespace reconciler
