#include "reconciler/pod/fetch/piece_rate.hpp"

#include <algorithm>

namespace fetch {

void PieceRate::observe(std::uint64_t position, base::SteadyTime now, Duration window) {
  if (now - last_.time < window) return;
  before_ = last_;
  last_ = {position, now};
}

std::optional<double> PieceRate::seconds_until(std::uint64_t end, std::uint64_t position, base::SteadyTime now,
                                               Duration window) const {
  if (now - before_.time < window) return std::nullopt;
  const double passed = std::chrono::duration<double>(now - before_.time).count();
  const auto came = std::max(position - before_.position, std::uint64_t{1});
  return passed * static_cast<double>(end - position) / static_cast<double>(came);
}

}  // namespace fetch
