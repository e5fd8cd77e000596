#include "reconciler/cache/claim_reader.hpp"

#include "reconciler/cache/resource.hpp"

namespace reconciler {
namespace {

constexpr std::chrono::seconds kFresh{5};

}  // namespace

std::optional<ClaimView> ClaimReader::read(const std::string& namespace_, const std::string& name) {
  const auto now = clock_.steady();
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(answers_, [&](const auto& entry) { return now - entry.second.at > kFresh; });
    if (const auto found = answers_.find({namespace_, name}); found != answers_.end()) return found->second.claim;
  }
  const auto path = object_path(Resource::claim, namespace_, name);
  const auto response = api_.get(path);
  if (!response || (!response->ok() && response->status != 404)) return std::nullopt;
  std::optional<ClaimView> claim;
  if (response->ok())
    if (const auto object = base::parse_json(response->body, path)) claim = decode_claim(*object);
  const std::lock_guard lock(mutex_);
  answers_[{namespace_, name}] = {now, claim};
  return claim;
}

}  // namespace reconciler
