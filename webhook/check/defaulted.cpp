#include "webhook/check/defaulted.hpp"

#include <algorithm>
#include <iterator>
#include <string>

#include "common/api/schema.hpp"
#include "common/rules/defaults.hpp"
#include "webhook/check/json_reader.hpp"
#include "webhook/check/scalar.hpp"

namespace webhook {
namespace {

using api::Schema;

/// A JSON text that we made.
Node node_of(const std::string& json) {
  // The reader takes objects; a default may be any value.
  Documents read = read_json("{\"value\":" + json + "}");
  return read.roots.empty() ? Node{} : std::move(read.roots.front().members.front().value);
}

void fill(const Schema& schema, Node& node) {
  if (node.kind == Node::Kind::list && schema.items != nullptr) {
    for (auto& item : node.items) fill(*schema.items, item);
  }
  if (node.kind != Node::Kind::map) return;
  // The API server takes a field that is null for absent.
  std::erase_if(node.members, [](const Node::Member& member) { return member.value.kind == Node::Kind::null; });
  for (const auto& property : schema.properties) {
    if (property.schema->default_json.empty()) continue;
    if (node.find(property.name) != nullptr) continue;
    node.members.push_back({std::string(property.name), {}, node_of(property.schema->default_json)});
  }
  for (auto& member : node.members) {
    if (const Schema* child = schema.property(member.key)) {
      fill(*child, member.value);
    } else if (schema.values != nullptr) {
      fill(*schema.values, member.value);
    }
  }
}

/// Adds at a pointer whose steps are all keys of maps, as those of our defaults are.
void add_at(Node& object, std::string_view pointer, const std::string& value) {
  Node* at = &object;
  while (!pointer.empty()) {
    pointer.remove_prefix(1);
    const auto end = std::min(pointer.find('/'), pointer.size());
    const std::string key(pointer.substr(0, end));
    pointer.remove_prefix(end);
    if (pointer.empty()) {
      at->members.push_back({key, {}, node_of(value)});
      return;
    }
    auto member = std::ranges::find(at->members, key, &Node::Member::key);
    if (member == at->members.end()) return;
    at = &member->value;
  }
}

/// JSON's quotes, with escapes for what YAML 1.1 takes for a control character or a line's end.
std::string quote_yaml(const std::string& text) {
  struct Escape {
    std::string_view bytes;
    std::string_view written;
  };
  constexpr Escape kEscapes[] = {{"\x7F", "\\x7F"},
                                 {"\xE2\x80\xA8", "\\L"},
                                 {"\xE2\x80\xA9", "\\P"},
                                 {"\xEF\xBF\xBE", "\\uFFFE"},
                                 {"\xEF\xBF\xBF", "\\uFFFF"}};
  constexpr std::string_view kHex = "0123456789ABCDEF";
  const std::string json = base::quote_json(text);
  std::string out;
  for (std::string_view rest = json; !rest.empty();) {
    const auto* escape = std::ranges::find_if(kEscapes, [&](const auto& row) { return rest.starts_with(row.bytes); });
    const auto second = rest.size() > 1 ? static_cast<unsigned char>(rest[1]) : 0U;
    if (escape != std::end(kEscapes)) {
      out += escape->written;
      rest.remove_prefix(escape->bytes.size());
    } else if (rest.front() == '\xC2' && second >= 0x80U && second < 0xA0U) {
      out += {'\\', 'x', kHex[second >> 4U], kHex[second & 0xFU]};
      rest.remove_prefix(2);
    } else {
      out += rest.front();
      rest.remove_prefix(1);
    }
  }
  return out;
}

/// Plain where that reads back as the same text, else quoted.
std::string quoted(const std::string& text) {
  constexpr std::string_view kSafe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./";
  const bool safe = !text.empty() && text.find_first_not_of(kSafe) == std::string::npos && text.front() != '-' &&
                    resolve_plain_scalar(text).kind == Node::Kind::string && text.find_first_of("eE") != 0;
  const bool number_like = !text.empty() && (text.front() == '.' || (text.front() >= '0' && text.front() <= '9'));
  return safe && !number_like ? text : quote_yaml(text);
}

std::string scalar_text(const Node& node) {
  switch (node.kind) {
    case Node::Kind::null:
      return "null";
    case Node::Kind::string:
      return quoted(node.text);
    default:
      return node.text;
  }
}

bool is_block(const Node& node) {
  return (node.kind == Node::Kind::map && !node.members.empty()) ||
         (node.kind == Node::Kind::list && !node.items.empty());
}

std::string flow_text(const Node& node) {
  if (node.kind == Node::Kind::map) return "{}";
  if (node.kind == Node::Kind::list) return "[]";
  return scalar_text(node);
}

void write(const Node& node, std::size_t indent, bool after_dash, std::ostream& out) {
  bool first = after_dash;
  const auto begin = [&] {
    if (!first) out << std::string(indent, ' ');
    first = false;
  };
  for (const auto& member : node.members) {
    begin();
    out << quoted(member.key) << ':';
    if (is_block(member.value)) {
      out << '\n';
      write(member.value, indent + 2, false, out);
    } else {
      out << ' ' << flow_text(member.value) << '\n';
    }
  }
  for (const auto& item : node.items) {
    begin();
    out << "- ";
    if (is_block(item)) {
      write(item, indent + 2, true, out);
    } else {
      out << flow_text(item) << '\n';
    }
  }
}

}  // namespace

void set_cluster_defaults(api::Kind kind, Node& object) {
  if (object.kind != Node::Kind::map) return;
  fill(api::schema_of(kind), object);
  for (const auto& operation : rules::set_defaults(to_json(object))) add_at(object, operation.path, operation.value);
}

void write_yaml(const Node& node, std::ostream& out) {
  if (is_block(node)) {
    write(node, 0, false, out);
  } else {
    out << flow_text(node) << '\n';
  }
}

}  // namespace webhook
