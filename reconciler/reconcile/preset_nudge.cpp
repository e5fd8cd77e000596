#include "reconciler/reconcile/preset_nudge.hpp"

#include <charconv>

namespace reconciler {
namespace {

constexpr std::int64_t kTries = 6;
/// Before the second try; doubled for each one after it.
constexpr std::chrono::seconds kFirstInterval{3};

std::string value_of(std::string_view hash, std::int64_t attempt, base::WallTime now) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  return std::string(hash) + "." + std::to_string(attempt) + "." + std::to_string(seconds);
}

/// The number that follows `text`'s first dot, which is cut off with it; 0 when there is none.
std::int64_t take_number(std::string_view& text) {
  std::int64_t number = 0;
  if (text.empty()) return number;
  text.remove_prefix(1);
  const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
  text.remove_prefix(static_cast<std::size_t>(end.ptr - text.data()));
  return number;
}

}  // namespace

bool is_nudged(std::string_view annotation, std::string_view wanted) {
  return annotation.starts_with(wanted) && (annotation.size() == wanted.size() || annotation[wanted.size()] == '.');
}

Nudge next_nudge(std::string_view annotation, std::string_view wanted, base::WallTime now) {
  if (!is_nudged(annotation, wanted)) return {value_of(wanted, 1, now), kFirstInterval};
  annotation.remove_prefix(wanted.size());
  const auto attempt = take_number(annotation);
  const auto given = base::to_wall_time(std::chrono::seconds{take_number(annotation)});
  if (attempt < 1 || attempt >= kTries) return {};
  const auto interval = kFirstInterval * (1 << (attempt - 1));
  if (now < given) return {value_of(wanted, attempt, now), interval};  // the clock was set back
  const auto waited = std::chrono::duration_cast<std::chrono::seconds>(now - given);
  if (waited < interval) return {{}, interval - waited};
  return {value_of(wanted, attempt + 1, now), interval * 2};
}

}  // namespace reconciler
