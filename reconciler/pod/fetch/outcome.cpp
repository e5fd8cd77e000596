#include "reconciler/pod/fetch/outcome.hpp"

#include <nlohmann/json.hpp>

#include "common/base/text.hpp"

namespace fetch {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kLongestText = 1024;

Json json_of(const FinishedFile& file) {
  return {{"path", base::to_utf8(file.path)},
          {"size", file.size},
          {"sha256", file.sha256},
          {"role", std::string(to_string(file.role))}};
}

std::string line_of(const Outcome& outcome, bool whole) {
  Json files = Json::array();
  std::size_t more = 0;
  for (const auto& file : outcome.files) {
    if (whole || file.role != Role::shard) {
      files.push_back(json_of(file));
    } else {
      ++more;
    }
  }
  Json line{{"reason", std::string(info_of(outcome.reason).word)},
            {"message", base::shorten(base::to_utf8(outcome.message), kLongestText)},
            {"files", std::move(files)}};
  if (more > 0) line["moreFiles"] = more;
  line["bytesFetched"] = outcome.bytes_fetched;
  return line.dump();
}

}  // namespace

std::string_view to_string(Role role) {
  switch (role) {
    case Role::model:
      return "model";
    case Role::shard:
      return "shard";
    case Role::mmproj:
      return "mmproj";
  }
  return "model";
}

Outcome outcome_of(const Failure& failure, std::uint64_t bytes_fetched) {
  return {failure.reason, failure.error.to_string(), {}, bytes_fetched};
}

std::string to_json(const Outcome& outcome) {
  std::string line = line_of(outcome, true);
  return line.size() <= kLongestMessage ? line : line_of(outcome, false);
}

}  // namespace fetch
