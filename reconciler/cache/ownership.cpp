#include "reconciler/cache/ownership.hpp"

#include <bit>
#include <charconv>
#include <functional>
#include <optional>
#include <string_view>

#include "reconciler/reconcile/reconcile.hpp"

namespace reconciler {
namespace {

using Size = rapidjson::SizeType;

std::optional<std::uint64_t> to_number(const std::string& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// Takes a JSON value in the order in which it is written: shape and strings, all that a set of fields is made of.
class Hasher {
 public:
  bool Null() { return mix('n'); }
  bool Bool(bool value) { return mix(value ? 't' : 'f'); }
  bool Int(int value) { return mix(static_cast<std::uint64_t>(value)); }
  bool Uint(unsigned value) { return mix(value); }
  bool Int64(std::int64_t value) { return mix(static_cast<std::uint64_t>(value)); }
  bool Uint64(std::uint64_t value) { return mix(value); }
  bool Double(double value) { return mix(std::hash<double>{}(value)); }
  bool RawNumber(const char* text, Size size, bool) { return mix_text(text, size); }
  bool String(const char* text, Size size, bool) { return mix_text(text, size); }
  bool Key(const char* text, Size size, bool) { return mix_text(text, size); }
  bool StartObject() { return mix('{'); }
  bool EndObject(Size) { return mix('}'); }
  bool StartArray() { return mix('['); }
  bool EndArray(Size) { return mix(']'); }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  bool mix_text(const char* text, Size size) { return mix(std::hash<std::string_view>{}({text, size})); }
  bool mix(std::uint64_t next) {
    value_ = std::rotl((value_ ^ next) * 0x9e3779b97f4a7c15U, 29);
    return true;
  }
  std::uint64_t value_ = 0;
};

std::uint64_t hash_of(const base::JsonValue* fields) {
  Hasher hasher;
  if (fields != nullptr) fields->Accept(hasher);
  return hasher.value();
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
    const auto fields = hash_of(base::find(entry, "fieldsV1"));
    if (manager == kFieldManager && operation == "Apply" && subresource.empty()) {
      ownership.ours = fields;
    } else {
      ownership.others += fields ^ kHash(manager + '\n' + operation + '\n' + subresource);  // in any order
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
