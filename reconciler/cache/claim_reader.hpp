#pragma once
#include <expected>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "common/base/clock.hpp"
#include "common/net/api_client.hpp"
#include "reconciler/reconcile/observed.hpp"

namespace reconciler {

/// Claims of users, without our label, that a service names: read when needed and remembered for a few seconds, rather
/// than watching all claims of a cluster. Thread-safe.
class ClaimReader {
 public:
  ClaimReader(net::ApiClient& api, const base::Clock& clock) : api_(api), clock_(clock) {}

  /// Nothing when it is not there. What cannot be read may be there all the same: then nothing can be decided.
  [[nodiscard]] std::expected<std::optional<ClaimView>, net::NotNow> read(const std::string& namespace_,
                                                                          const std::string& name);

 private:
  struct Answer {
    base::SteadyTime at;
    std::optional<ClaimView> claim;
  };

  net::ApiClient& api_;
  const base::Clock& clock_;
  std::mutex mutex_;  // guards answers_
  std::map<std::pair<std::string, std::string>, Answer> answers_;
};

}  // namespace reconciler
