#include "reconciler/pod/fetch/spans.hpp"

#include <algorithm>

namespace fetch {

void Spans::add(Span span) {
  if (span.begin >= span.end) return;
  const auto first = std::ranges::lower_bound(spans_, span.begin, {}, &Span::end);
  auto last = first;
  while (last != spans_.end() && last->begin <= span.end) {
    span.begin = std::min(span.begin, last->begin);
    span.end = std::max(span.end, last->end);
    ++last;
  }
  spans_.insert(spans_.erase(first, last), span);
}

std::uint64_t Spans::frontier() const { return spans_.empty() || spans_.front().begin > 0 ? 0 : spans_.front().end; }

std::uint64_t Spans::bytes() const {
  std::uint64_t sum = 0;
  for (const auto& span : spans_) sum += span.size();
  return sum;
}

std::optional<Span> Spans::first_gap(std::uint64_t total, std::uint64_t longest) const {
  std::uint64_t begin = 0;
  std::uint64_t end = total;
  for (const auto& span : spans_) {
    if (span.begin > begin) {
      end = std::min(total, span.begin);
      break;
    }
    begin = span.end;
  }
  if (begin >= end) return std::nullopt;
  return Span{begin, begin + std::min(longest, end - begin)};
}

}  // namespace fetch
