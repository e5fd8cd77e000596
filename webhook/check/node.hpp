#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/json.hpp"

namespace webhook {

/// A place in a file, counted from 1.
struct Mark {
  std::size_t line = 1;
  std::size_t column = 1;

  bool operator==(const Mark&) const = default;
};

/// A value as it stands in a file: what JSON would say, and where it stands.
struct Node {
  enum class Kind { null, boolean, integer, number, string, list, map };
  struct Member;

  Kind kind = Kind::null;
  Mark mark;
  /// A string's text; for numbers and booleans what JSON writes.
  std::string text;
  std::vector<Node> items;
  std::vector<Member> members;

  /// The last member of that key, or null.
  [[nodiscard]] const Node* find(std::string_view key) const;
  [[nodiscard]] const Member* member(std::string_view key) const;
};

struct Node::Member {
  std::string key;
  Mark mark;
  Node value;
};

/// Something that the file itself gets wrong.
struct FileProblem {
  Mark mark;
  /// The key that stands twice; empty for a text that cannot be read.
  std::string key;
  std::string what;
  /// With a key: its whole path in the document.
  std::string path{};
};

/// The path of what is read now: of the key or item at the end of the maps and lists that are open, from the outermost
/// to the innermost. An Open has a `node` and the `key` that was read last.
template <class Open>
std::string path_of(const std::vector<Open>& open) {
  std::string out;
  for (const auto& at : open) {
    if (at.node.kind == Node::Kind::list) {
      out += '[' + std::to_string(at.node.items.size()) + ']';
    } else if (at.key.find_first_of("./[") != std::string::npos) {
      out += '[' + at.key + ']';
    } else {
      out += (out.empty() ? "" : ".") + at.key;
    }
  }
  return out;
}

/// The documents of a file. What follows a text that cannot be read is lost.
struct Documents {
  std::vector<Node> roots;
  std::vector<FileProblem> problems;
  bool unreadable = false;
  /// Of JSON: behind the last value that was read.
  std::size_t json_end = 0;
};

/// The value as JSON, in the document's memory.
[[nodiscard]] base::JsonDocument to_json(const Node& node);

}  // namespace webhook
