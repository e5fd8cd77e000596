#include "common/kube/quantity.hpp"

#include <algorithm>

#include "common/base/number.hpp"

namespace kube {
namespace {

/// What stands where in a quantity, as apimachinery's scanner cuts it.
struct Parts {
  bool negative = false;
  /// Whether there is any digit: a suffix alone is zero to the API server's fast path, and an error to its slow one.
  bool has_digits = false;
  std::string_view whole;
  std::string_view fraction;
  std::string_view suffix;
};

enum class Base { ten, two };

struct Suffix {
  std::string_view text;
  Base base;
  int exponent;
};

constexpr Suffix kSuffixes[] = {
    {"", Base::ten, 0},    {"n", Base::ten, -9},  {"u", Base::ten, -6},  {"m", Base::ten, -3},
    {"k", Base::ten, 3},   {"M", Base::ten, 6},   {"G", Base::ten, 9},   {"T", Base::ten, 12},
    {"P", Base::ten, 15},  {"E", Base::ten, 18},  {"Ki", Base::two, 10}, {"Mi", Base::two, 20},
    {"Gi", Base::two, 30}, {"Ti", Base::two, 40}, {"Pi", Base::two, 50}, {"Ei", Base::two, 60},
};

constexpr std::int64_t kNano = -9;
/// apimachinery: what an int64 holds with any number of digits.
constexpr std::int64_t kMaxFastDigits = 18;
constexpr std::int64_t kMaxFastBinaryDigits = 14;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view take_digits(std::string_view& text) {
  const auto end = std::ranges::find_if_not(text, is_digit);
  const auto count = static_cast<std::size_t>(end - text.begin());
  const auto out = text.substr(0, count);
  text.remove_prefix(count);
  return out;
}

std::optional<Parts> split(std::string_view text) {
  Parts out;
  if (text.empty()) return std::nullopt;
  if (text.front() == '-' || text.front() == '+') {
    out.negative = text.front() == '-';
    text.remove_prefix(1);
  }
  const std::string_view number = text;
  text.remove_prefix(std::min(text.find_first_not_of('0'), text.size()));
  out.whole = take_digits(text);
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    out.fraction = take_digits(text);
  }
  out.suffix = text;
  out.has_digits = number.find_first_of("0123456789") < number.size() - text.size();
  text.remove_prefix(std::min(text.find_first_not_of("eEinumkKMGTP"), text.size()));
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  take_digits(text);
  if (!text.empty()) return std::nullopt;
  return out;
}

/// "e3", "E-2": any number, cut to 32 bits as the API server does.
std::optional<std::int64_t> exponent_of(std::string_view suffix) {
  if (suffix.size() < 2 || (suffix.front() != 'e' && suffix.front() != 'E')) return std::nullopt;
  suffix.remove_prefix(1);
  if (suffix.front() == '+') {
    suffix.remove_prefix(1);
    if (suffix.empty() || !is_digit(suffix.front())) return std::nullopt;
  }
  const auto value = base::parse_number<std::int64_t>(suffix);
  if (!value) return std::nullopt;
  return static_cast<std::int32_t>(static_cast<std::uint64_t>(*value));
}

/// Multiplies a decimal number, most significant digit first.
void multiply(std::string& digits, unsigned by) {
  unsigned carry = 0;
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit) {
    carry += static_cast<unsigned>(*digit - '0') * by;
    *digit = static_cast<char>('0' + carry % 10);
    carry /= 10;
  }
  for (; carry > 0; carry /= 10) digits.insert(digits.begin(), static_cast<char>('0' + carry % 10));
}

/// Divides a decimal number; gives the remainder.
unsigned divide(std::string& digits, unsigned by) {
  unsigned remainder = 0;
  for (char& digit : digits) {
    remainder = remainder * 10 + static_cast<unsigned>(digit - '0');
    digit = static_cast<char>('0' + remainder / by);
    remainder %= by;
  }
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
  return remainder;
}

void increment(std::string& digits) {
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit) {
    if (*digit != '9') {
      ++*digit;
      return;
    }
    *digit = '0';
  }
  digits.insert(digits.begin(), '1');
}

std::unexpected<base::Error> not_a_quantity(std::string_view text) {
  return base::fail("is not a quantity", std::string(text.substr(0, 64)),
                    "write a number with an optional suffix, for example 500m, 2, 1.5G or 8Gi");
}

}  // namespace

base::Result<Quantity> Quantity::parse(std::string_view text) {
  const auto parts = split(text);
  if (!parts) return not_a_quantity(text);
  Quantity out;
  out.negative_ = parts->negative;
  out.digits_ = std::string(parts->whole) + std::string(parts->fraction);
  const auto fraction_digits = static_cast<std::int64_t>(parts->fraction.size());
  // Where the number has no digit but zeros, apimachinery counts one.
  const auto digits = std::max<std::int64_t>(1, static_cast<std::int64_t>(parts->whole.size())) + fraction_digits;
  out.exponent_ = -fraction_digits;

  const auto* suffix = std::ranges::find(kSuffixes, parts->suffix, &Suffix::text);
  bool exact_up_to_nano = false;
  if (suffix == std::end(kSuffixes)) {
    const auto exponent = exponent_of(parts->suffix);
    if (!exponent) return not_a_quantity(text);
    out.exponent_ += *exponent;
    out.format_ = Format::decimal_exponent;
    exact_up_to_nano = digits <= kMaxFastDigits && out.exponent_ >= kNano;
  } else if (suffix->base == Base::ten) {
    out.exponent_ += suffix->exponent;
    exact_up_to_nano = digits <= kMaxFastDigits && out.exponent_ >= kNano;
  } else {
    out.format_ = Format::binary_si;
    out.multiply_by_power_of_two(suffix->exponent);
    exact_up_to_nano = fraction_digits == 0 && kMaxFastBinaryDigits - digits - suffix->exponent * 3 / 10 >= 0;
  }
  if (!exact_up_to_nano && !parts->has_digits) return not_a_quantity(text);
  out.normalize();
  if (exact_up_to_nano || out.is_zero()) return out;

  out.round_up_to(kNano);
  if (out.format_ == Format::binary_si) {
    Quantity most;
    most.digits_ = "9223372036854775807";
    if (out.compare_magnitude(most) > 0) {
      out.digits_ = most.digits_;
      out.exponent_ = 0;
    }
    Quantity one;
    one.digits_ = "1";
    if (out.compare_magnitude(one) < 0) out.format_ = Format::decimal_si;
  }
  return out;
}

void Quantity::normalize() {
  digits_.erase(0, std::min(digits_.find_first_not_of('0'), digits_.size()));
  while (!digits_.empty() && digits_.back() == '0') {
    digits_.pop_back();
    ++exponent_;
  }
  if (!digits_.empty()) return;
  negative_ = false;
  exponent_ = 0;
}

void Quantity::multiply_by_power_of_two(int power) {
  for (; power >= 10; power -= 10) multiply(digits_, 1024);
}

void Quantity::round_up_to(std::int64_t exponent) {
  if (exponent_ >= exponent) return;
  const auto dropped = static_cast<std::uint64_t>(exponent - exponent_);
  // Nothing but zeros is cut from a normalized number only when nothing is cut: what is dropped is never zero.
  digits_.resize(digits_.size() > dropped ? digits_.size() - dropped : 0);
  increment(digits_);
  exponent_ = exponent;
  normalize();
}

std::strong_ordering Quantity::compare_magnitude(const Quantity& other) const {
  if (is_zero() || other.is_zero()) return !is_zero() <=> !other.is_zero();
  const auto order = static_cast<std::int64_t>(digits_.size()) + exponent_;
  const auto other_order = static_cast<std::int64_t>(other.digits_.size()) + other.exponent_;
  if (order != other_order) return order <=> other_order;
  // Both begin with the same place, so the digits compare as text.
  return digits_.compare(other.digits_) <=> 0;
}

std::strong_ordering Quantity::operator<=>(const Quantity& other) const {
  if (negative_ != other.negative_) return other.negative_ <=> negative_;
  return negative_ ? other.compare_magnitude(*this) : compare_magnitude(other);
}

std::optional<std::int64_t> Quantity::to_int() const {
  if (is_zero()) return 0;
  if (exponent_ < 0 || exponent_ > 18) return std::nullopt;
  std::string text = digits_ + std::string(static_cast<std::size_t>(exponent_), '0');
  if (negative_) text.insert(text.begin(), '-');
  return base::parse_number<std::int64_t>(text);
}

std::string Quantity::canonical_decimal(Format format) const {
  std::string digits = digits_;
  std::int64_t exponent = exponent_;
  for (; exponent % 3 != 0; --exponent) digits += '0';
  std::string out = (negative_ ? "-" : "") + digits;
  if (format == Format::decimal_si) {
    const auto* suffix = std::ranges::find_if(
        kSuffixes, [&](const Suffix& row) { return row.base == Base::ten && row.exponent == exponent; });
    if (suffix != std::end(kSuffixes)) return out + std::string(suffix->text);
  }
  return exponent == 0 ? out : out + "e" + std::to_string(exponent);
}

std::string Quantity::canonical_binary() const {
  std::string digits = digits_ + std::string(static_cast<std::size_t>(exponent_), '0');
  int power = 0;
  for (std::string next = digits; power < 60 && divide(next, 1024) == 0; power += 10) digits = next;
  const auto* suffix = std::ranges::find_if(
      kSuffixes, [&](const Suffix& row) { return row.base == Base::two && row.exponent == power; });
  return (negative_ ? "-" : "") + digits + (power == 0 ? "" : std::string(suffix->text));
}

std::string Quantity::canonical() const {
  if (is_zero()) return "0";
  if (format_ != Format::binary_si) return canonical_decimal(format_);
  Quantity kibi;
  kibi.digits_ = "1024";
  if (!is_whole() || compare_magnitude(kibi) < 0) return canonical_decimal(Format::decimal_si);
  return canonical_binary();
}

}  // namespace kube
