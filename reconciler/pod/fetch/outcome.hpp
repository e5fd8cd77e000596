#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/pod/fetch/reason.hpp"

namespace fetch {

/// What a file is to the model: its first file, a further file of the set, or the multimodal projector.
enum class Role { model, shard, mmproj };

[[nodiscard]] std::string_view to_string(Role role);

/// A file that is in place and verified.
struct FinishedFile {
  std::string path;
  std::uint64_t size = 0;
  std::string sha256;
  Role role = Role::model;
};

/// How the run ended.
struct Outcome {
  Reason reason = Reason::fetched;
  /// A sentence with the fix.
  std::string message;
  /// The primary model file first.
  std::vector<FinishedFile> files;
  /// Bytes that came over the network in this run.
  std::uint64_t bytes_fetched = 0;
};

[[nodiscard]] Outcome outcome_of(const Failure& failure, std::uint64_t bytes_fetched);

/// The kubelet keeps this much of a termination message.
inline constexpr std::size_t kLongestMessage = 4096;

/// One line of JSON without a line end, at most `kLongestMessage` bytes: the message is shortened, and where a set has
/// too many files, `files` holds the first and the projector, and `moreFiles` counts the rest.
[[nodiscard]] std::string to_json(const Outcome& outcome);

}  // namespace fetch
