#include "reconciler/cache/claim_reader.hpp"

#include "reconciler/cache/resource.hpp"

namespace reconciler {
namespace {

constexpr std::chrono::seconds kFresh{5};

}  // namespace

std::expected<std::optional<ClaimView>, net::NotNow> ClaimReader::read(const std::string& namespace_,
                                                                       const std::string& name) {
  const auto now = clock_.steady();
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(answers_, [&](const auto& entry) { return now - entry.second.at > kFresh; });
    if (const auto found = answers_.find({namespace_, name}); found != answers_.end()) return found->second.claim;
  }
  const auto path = object_path(Resource::claim, namespace_, name);
  const auto response = api_.get(path);
  if (auto failure = net::not_now(response, path)) return std::unexpected(std::move(*failure));
  std::optional<ClaimView> claim;
  if (response->ok()) {
    const auto object = base::parse_json(response->body, path);
    if (!object) return std::unexpected(net::NotNow{object.error()});
    claim = decode_claim(*object);
  } else if (response->status != 404) {
    return std::unexpected(net::NotNow{net::to_error(*response, path)});
  }
  const std::lock_guard lock(mutex_);
  answers_[{namespace_, name}] = {now, claim};
  return claim;
}

}  // namespace reconciler
