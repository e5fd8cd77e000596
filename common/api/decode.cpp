#include "common/api/decode.hpp"

namespace api::decode {

std::string text(const base::JsonValue& object, std::string_view key, std::string_view otherwise) {
  return std::string(base::as_string(base::find(object, key)).value_or(otherwise));
}

std::optional<std::int64_t> integer(const base::JsonValue& object, std::string_view key) {
  return base::as_int(base::find(object, key));
}

std::optional<double> number(const base::JsonValue& object, std::string_view key) {
  const base::JsonValue* value = base::find(object, key);
  if (value == nullptr || !value->IsNumber()) return std::nullopt;
  return value->GetDouble();
}

std::optional<bool> boolean(const base::JsonValue& object, std::string_view key) {
  return base::as_bool(base::find(object, key));
}

bool flag(const base::JsonValue& object, std::string_view key, bool otherwise) {
  return boolean(object, key).value_or(otherwise);
}

std::vector<std::string> texts(const base::JsonValue& object, std::string_view key) {
  std::vector<std::string> out;
  const base::JsonValue* list = base::find(object, key);
  if (list == nullptr || !list->IsArray()) return out;
  out.reserve(list->Size());
  for (const auto& item : list->GetArray()) {
    if (const auto word = base::as_string(&item)) out.emplace_back(*word);
  }
  return out;
}

std::string json(const base::JsonValue& object, std::string_view key) {
  const base::JsonValue* value = base::find(object, key);
  if (value == nullptr || !(value->IsObject() || value->IsArray())) return {};
  return base::to_text(*value);
}

const base::JsonValue* object(const base::JsonValue& parent, std::string_view key) {
  const base::JsonValue* value = base::find(parent, key);
  return value != nullptr && value->IsObject() ? value : nullptr;
}

}  // namespace api::decode
