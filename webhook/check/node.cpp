#include "webhook/check/node.hpp"

#include <cstdlib>
#include <ranges>

#include "common/base/number.hpp"

namespace webhook {
namespace {

using Allocator = base::JsonDocument::AllocatorType;

base::JsonValue text_value(std::string_view text, Allocator& allocator) {
  return {text.data(), static_cast<rapidjson::SizeType>(text.size()), allocator};
}

base::JsonValue integer_value(const std::string& text) {
  if (const auto number = base::parse_number<std::int64_t>(text)) return base::JsonValue(*number);
  if (const auto large = base::parse_number<std::uint64_t>(text)) return base::JsonValue(*large);
  return base::JsonValue(std::strtod(text.c_str(), nullptr));
}

base::JsonValue value_of(const Node& node, Allocator& allocator) {
  switch (node.kind) {
    case Node::Kind::null:
      return base::JsonValue(rapidjson::kNullType);
    case Node::Kind::boolean:
      return base::JsonValue(node.text == "true");
    case Node::Kind::integer:
      return integer_value(node.text);
    case Node::Kind::number:
      return base::JsonValue(std::strtod(node.text.c_str(), nullptr));
    case Node::Kind::string:
      return text_value(node.text, allocator);
    case Node::Kind::list: {
      base::JsonValue list(rapidjson::kArrayType);
      list.Reserve(static_cast<rapidjson::SizeType>(node.items.size()), allocator);
      for (const auto& item : node.items) list.PushBack(value_of(item, allocator), allocator);
      return list;
    }
    case Node::Kind::map:
      break;
  }
  base::JsonValue object(rapidjson::kObjectType);
  for (const auto& member : node.members)
    object.AddMember(text_value(member.key, allocator), value_of(member.value, allocator), allocator);
  return object;
}

}  // namespace

const Node::Member* Node::member(std::string_view key) const {
  for (const auto& candidate : members | std::views::reverse) {
    if (candidate.key == key) return &candidate;
  }
  return nullptr;
}

const Node* Node::find(std::string_view key) const {
  const Member* found = member(key);
  return found == nullptr ? nullptr : &found->value;
}

base::JsonDocument to_json(const Node& node) {
  base::JsonDocument document;
  base::JsonValue value = value_of(node, document.GetAllocator());
  static_cast<base::JsonValue&>(document).Swap(value);
  return document;
}

}  // namespace webhook
