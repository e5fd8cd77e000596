#include "webhook/check/located.hpp"

#include <utility>

#include "common/base/number.hpp"

namespace webhook {
namespace {

/// Takes the next step off a path: "a" of "a.b", "2" of "[2].b", "x/y" of "[x/y]".
std::string_view take_step(std::string_view& path) {
  if (path.starts_with('.')) path.remove_prefix(1);
  if (path.starts_with('[')) {
    const auto end = path.find(']');
    const auto step = path.substr(1, end - 1);
    path.remove_prefix(end == std::string_view::npos ? path.size() : end + 1);
    return step;
  }
  const auto end = path.find_first_of(".[");
  const auto step = path.substr(0, end);
  path.remove_prefix(end == std::string_view::npos ? path.size() : end);
  return step;
}

}  // namespace

std::string name_of(const CheckedObject& object) { return object.kind + " " + object.name; }

Mark locate(const Node& object, std::string_view path) {
  const Node* at = &object;
  Mark mark = object.mark;
  while (!path.empty()) {
    const std::string_view step = take_step(path);
    if (at->kind == Node::Kind::list) {
      const auto index = base::parse_number<std::size_t>(step);
      if (!index || *index >= at->items.size()) return mark;
      at = &at->items[*index];
      mark = at->mark;
    } else {
      const Node::Member* member = at->member(step);
      if (member == nullptr) return mark;
      at = &member->value;
      const bool scalar = at->kind != Node::Kind::list && at->kind != Node::Kind::map;
      mark = path.empty() && scalar && !at->text.empty() ? at->mark : member->mark;
    }
  }
  return mark;
}

LocatedFinding locate(const CheckedObject& object, rules::Finding finding) {
  const Mark mark = locate(*object.node, finding.path);
  return {object.file, mark, std::move(finding), name_of(object)};
}

}  // namespace webhook
