// Two texts as quantities: what is taken has a canonical form of the same value, and comparing is an order.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/kube/quantity.hpp"
#include "test/fuzz/require.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto cut = text.find('\n');
  const auto a = kube::Quantity::parse(text.substr(0, cut));
  if (!a) return 0;
  const auto again = kube::Quantity::parse(a->canonical());
  require(again && *again == *a);
  require(!a->to_int() || a->is_whole());
  require(a->is_zero() == (*a == kube::Quantity{}));
  if (cut == std::string_view::npos) return 0;
  const auto b = kube::Quantity::parse(text.substr(cut + 1));
  if (!b) return 0;
  require((*a < *b) == (*b > *a));
  require((*a == *b) == (*b == *a));
  const auto x = a->to_int();
  const auto y = b->to_int();
  if (x && y) require((*x <=> *y) == (*a <=> *b));
  return 0;
}
