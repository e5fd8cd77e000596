#include "reconciler/cache/ownership.hpp"

#include <algorithm>
#include <bit>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/number.hpp"
#include "reconciler/reconcile/reconcile.hpp"

namespace reconciler {
namespace {

using Size = rapidjson::SizeType;

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

bool is_our_entry(const base::JsonValue& entry) {
  return base::string_at(entry, {"manager"}) == kFieldManager && base::string_at(entry, {"operation"}) == "Apply" &&
         base::string_at(entry, {"subresource"}).empty();
}

std::string_view text_of(const base::JsonValue& name) { return {name.GetString(), name.GetStringLength()}; }

/// Sums over an object's members, in any order, and hashes of a list's items, in theirs.
class Content {
 public:
  void add_member(std::string_view name, std::uint64_t value) {
    value_ += std::rotl((std::hash<std::string_view>{}(name) ^ std::rotl(value, 17)) * kFactor, 29);
  }
  void add_item(std::uint64_t value) { value_ = std::rotl((value_ ^ value) * kFactor, 31) + 1; }
  /// Differs from every other content.
  void spoil() { add_item(kFactor); }
  [[nodiscard]] std::uint64_t of(char kind) const { return (value_ + static_cast<unsigned char>(kind)) * kFactor; }

 private:
  static constexpr std::uint64_t kFactor = 0x9e3779b97f4a7c15U;
  std::uint64_t value_ = 1;
};

std::uint64_t content_of(const base::JsonValue& value) {
  Content content;
  if (value.IsObject()) {
    for (const auto& member : value.GetObject()) content.add_member(text_of(member.name), content_of(member.value));
    return content.of('{');
  }
  if (!value.IsArray()) return hash_of(&value);
  for (const auto& item : value.GetArray()) content.add_item(content_of(item));
  return content.of('[');
}

/// Whether `k:{"name":"a"}` or `v:"a"` names this item.
bool names_item(const std::pair<char, base::JsonDocument>& selector, const base::JsonValue& item) {
  const auto& [kind, wanted] = selector;
  if (kind == 'v') return item == wanted;
  if (!item.IsObject() || !wanted.IsObject()) return false;
  for (const auto& member : wanted.GetObject()) {
    const auto* value = base::find(item, text_of(member.name));
    if (value == nullptr || *value != member.value) return false;
  }
  return true;
}

std::uint64_t content_of_fields(const base::JsonValue& value, const base::JsonValue& fields);

/// Of a list whose items are fields of their own: those that are ours, in the order in which they stand.
std::uint64_t content_of_items(const base::JsonValue& list, const base::JsonValue& fields) {
  Content content;
  std::vector<std::pair<std::pair<char, base::JsonDocument>, const base::JsonValue*>> ours;
  for (const auto& member : fields.GetObject()) {
    const auto name = text_of(member.name);
    if (name == ".") continue;
    auto key = name.starts_with("k:") || name.starts_with("v:") ? base::parse_json(name.substr(2), "managedFields")
                                                                : base::Result<base::JsonDocument>{};
    if (!key || key->IsNull()) {
      content.spoil();
    } else {
      ours.emplace_back(std::pair{name.front(), std::move(*key)}, &member.value);
    }
  }
  std::size_t found = 0;
  for (const auto& item : list.GetArray()) {
    const auto at =
        std::find_if(ours.begin(), ours.end(), [&](const auto& one) { return names_item(one.first, item); });
    if (at == ours.end()) continue;
    content.add_item(content_of_fields(item, *at->second));
    ++found;
  }
  if (found != ours.size()) content.spoil();
  return content.of('[');
}

/// `fields` is a part of fieldsV1: {"f:name": {...}} of a map, {"k:{...}": {...}} of a list, {} of what is held whole.
std::uint64_t content_of_fields(const base::JsonValue& value, const base::JsonValue& fields) {
  if (!fields.IsObject() || fields.ObjectEmpty()) return content_of(value);
  if (value.IsArray()) return content_of_items(value, fields);
  Content content;
  for (const auto& member : fields.GetObject()) {
    const auto name = text_of(member.name);
    if (name == ".") continue;
    const auto* below = name.starts_with("f:") ? base::find(value, name.substr(2)) : nullptr;
    if (below == nullptr) {
      content.spoil();
    } else {
      content.add_member(name.substr(2), content_of_fields(*below, member.value));
    }
  }
  return content.of('{');
}

}  // namespace

Ownership read_ownership(const base::JsonValue& object) {
  Ownership ownership;
  const auto* entries = base::find_path(object, {"metadata", "managedFields"});
  if (entries == nullptr || !entries->IsArray()) return ownership;
  constexpr std::hash<std::string> kHash;
  for (const auto& entry : entries->GetArray()) {
    const auto subresource = base::string_at(entry, {"subresource"});
    if (subresource == "status") continue;
    const auto fields = hash_of(base::find(entry, "fieldsV1"));
    if (is_our_entry(entry)) {
      ownership.ours = fields;
    } else {
      const auto manager = base::string_at(entry, {"manager"});
      const auto operation = base::string_at(entry, {"operation"});
      ownership.others += fields ^ kHash(manager + '\n' + operation + '\n' + subresource);  // in any order
    }
  }
  return ownership;
}

std::uint64_t content_of_ours(const base::JsonValue& object) {
  const auto* entries = base::find_path(object, {"metadata", "managedFields"});
  if (entries == nullptr || !entries->IsArray()) return 0;
  for (const auto& entry : entries->GetArray()) {
    const auto* fields = base::find(entry, "fieldsV1");
    if (fields != nullptr && is_our_entry(entry)) return content_of_fields(object, *fields);
  }
  return 0;
}

std::uint64_t content_to_apply(const base::JsonValue& body) {
  const auto members_but = [](const base::JsonValue& value, std::initializer_list<std::string_view> left_out,
                              auto content_of_member) {
    Content content;
    for (const auto& member : value.GetObject()) {
      const auto name = text_of(member.name);
      if (std::find(left_out.begin(), left_out.end(), name) == left_out.end())
        content.add_member(name, content_of_member(name, member.value));
    }
    return content.of('{');
  };
  if (!body.IsObject()) return 0;
  return members_but(body, {"apiVersion", "kind"}, [&](std::string_view name, const base::JsonValue& value) {
    if (name != "metadata" || !value.IsObject()) return content_of(value);
    return members_but(value, {"name", "namespace"},
                       [](std::string_view, const base::JsonValue& below) { return content_of(below); });
  });
}

bool is_earlier(const std::string& a, const std::string& b) {
  const auto left = base::parse_number<std::uint64_t>(a);
  const auto right = base::parse_number<std::uint64_t>(b);
  return left && right && *left < *right;
}

}  // namespace reconciler
