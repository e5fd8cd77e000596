#include "reconciler/cache/ownership.hpp"

#include <charconv>
#include <functional>
#include <optional>

#include "reconciler/reconcile/reconcile.hpp"

namespace reconciler {
namespace {

std::optional<std::uint64_t> to_number(const std::string& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

Ownership read_ownership(const base::JsonValue& object) {
  Ownership ownership;
  const auto* entries = base::find_path(object, {"metadata", "managedFields"});
  if (entries == nullptr || !entries->IsArray()) return ownership;
  constexpr std::hash<std::string> kHash;
  for (const auto& entry : entries->GetArray()) {
    const auto manager = base::string_at(entry, {"manager"});
    const auto operation = base::string_at(entry, {"operation"});
    const auto subresource = base::string_at(entry, {"subresource"});
    if (subresource == "status") continue;
    const auto* fields = base::find(entry, "fieldsV1");
    const std::string text = fields == nullptr ? std::string{} : base::to_text(*fields);
    if (manager == kFieldManager && operation == "Apply" && subresource.empty()) {
      ownership.ours = kHash(text);
    } else {
      ownership.others += kHash(manager + '\n' + operation + '\n' + subresource + '\n' + text);  // in any order
    }
  }
  return ownership;
}

bool is_earlier(const std::string& a, const std::string& b) {
  const auto left = to_number(a);
  const auto right = to_number(b);
  return left && right && *left < *right;
}

}  // namespace reconciler
