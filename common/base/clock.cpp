#include "common/base/clock.hpp"

#include <algorithm>
#include <cstdio>

#include "common/base/number.hpp"

namespace base {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::hh_mm_ss;
using std::chrono::microseconds;
using std::chrono::seconds;
using std::chrono::year_month_day;

std::string format_seconds(WallTime time) {
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{floor<seconds>(time - day)};
  char out[32];
  const int length = std::snprintf(out, sizeof out, "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
                                   static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                                   static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                                   static_cast<int>(clock.seconds().count()));
  return {out, static_cast<std::size_t>(length)};
}

/// Takes exactly `width` digits off the front of `text`.
std::optional<int> take_digits(std::string_view& text, std::size_t width) {
  const auto value = text.size() < width ? std::nullopt : parse_number<unsigned>(text.substr(0, width));
  if (!value) return std::nullopt;
  text.remove_prefix(width);
  return static_cast<int>(*value);
}

bool take(std::string_view& text, char expected) {
  if (text.empty() || text.front() != expected) return false;
  text.remove_prefix(1);
  return true;
}

/// The fraction after the dot, to microseconds; further digits are dropped.
std::optional<microseconds> take_fraction(std::string_view& text) {
  int value = 0;
  int digits = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    if (digits < 6) value = value * 10 + (text.front() - '0');
    ++digits;
    text.remove_prefix(1);
  }
  if (digits == 0) return std::nullopt;
  for (; digits < 6; ++digits) value *= 10;
  return microseconds{value};
}

std::optional<seconds> take_offset(std::string_view& text) {
  if (take(text, 'Z') || take(text, 'z')) return seconds{0};
  const bool west = !text.empty() && text.front() == '-';
  if (!take(text, '+') && !take(text, '-')) return std::nullopt;
  const auto hours = take_digits(text, 2);
  if (!hours || !take(text, ':')) return std::nullopt;
  const auto minutes = take_digits(text, 2);
  if (!minutes) return std::nullopt;
  const seconds offset{*hours * 3600 + *minutes * 60};
  return west ? -offset : offset;
}

}  // namespace

WallTime to_wall_time(std::chrono::seconds since_epoch) {
  static constexpr std::chrono::sys_seconds kEnd{std::chrono::sys_days{std::chrono::year{2200} / 1 / 1}};
  return WallTime{std::clamp(since_epoch, seconds{0}, kEnd.time_since_epoch() - seconds{1})};
}

std::string format_rfc3339(WallTime time) { return format_seconds(time) + "Z"; }

std::string format_rfc3339_micro(WallTime time) {
  const auto fraction = floor<microseconds>(time) - floor<seconds>(time);
  char out[16];
  std::snprintf(out, sizeof out, ".%06dZ", static_cast<int>(fraction.count()));
  return format_seconds(time) + out;
}

std::optional<WallTime> parse_rfc3339(std::string_view text) {
  const auto year = take_digits(text, 4);
  if (!year || !take(text, '-')) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day || !(take(text, 'T') || take(text, 't'))) return std::nullopt;
  const auto hour = take_digits(text, 2);
  if (!hour || !take(text, ':')) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || !take(text, ':')) return std::nullopt;
  const auto second = take_digits(text, 2);
  if (!second) return std::nullopt;
  microseconds fraction{0};
  if (take(text, '.')) {
    const auto taken = take_fraction(text);
    if (!taken) return std::nullopt;
    fraction = *taken;
  }
  const auto offset = take_offset(text);
  if (!offset || !text.empty()) return std::nullopt;
  const year_month_day date{std::chrono::year{*year}, std::chrono::month{static_cast<unsigned>(*month)},
                            std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const std::chrono::sys_seconds whole = std::chrono::sys_days{date} + std::chrono::hours{*hour} +
                                         std::chrono::minutes{*minute} + seconds{*second} - *offset;
  return to_wall_time(whole.time_since_epoch()) + fraction;
}

}  // namespace base
