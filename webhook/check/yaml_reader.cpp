#include "webhook/check/yaml_reader.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <ranges>
#include <sstream>
#include <unordered_map>
#include <unordered_set>

#include "common/base/json.hpp"
#include "webhook/check/chunks.hpp"
#include "webhook/check/scalar.hpp"

namespace webhook {
namespace {

/// A file whose aliases copy more values than this ("billion laughs") is not read on.
constexpr std::size_t kMaxCopied = 200'000;

constexpr std::string_view kMergeTag = "tag:yaml.org,2002:merge";
constexpr std::string_view kNoMerge = "<< takes a map or a list of maps";

/// YAML's own tags of values that are no texts; an integer is a float too.
struct Type {
  std::string_view tag;
  std::array<Node::Kind, 2> kinds;
};
constexpr Type kTypes[] = {{"tag:yaml.org,2002:bool", {Node::Kind::boolean, Node::Kind::boolean}},
                           {"tag:yaml.org,2002:int", {Node::Kind::integer, Node::Kind::integer}},
                           {"tag:yaml.org,2002:float", {Node::Kind::integer, Node::Kind::number}},
                           {"tag:yaml.org,2002:null", {Node::Kind::null, Node::Kind::null}}};

/// Numbers to go-yaml, and so refused where kubectl writes JSON; as keys they are texts.
constexpr std::string_view kNoNumbers[] = {".nan",  ".NaN",  ".NAN",  ".inf",  ".Inf",  ".INF",
                                           "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF"};

struct TooLarge {};

/// yaml-cpp 0.7 gives empty documents for ever on some broken texts (`\t,"a":{"b`): it stands at one place.
struct Stuck {
  Mark mark;
};

/// A second document begins in a chunk, behind `...`: kubectl reads none.
struct Ended {};

std::size_t size_of(const Node& node) {
  std::size_t out = 1;
  for (const auto& item : node.items) out += size_of(item);
  for (const auto& member : node.members) out += size_of(member.value);
  return out;
}

/// Builds nodes from yaml-cpp's events.
class Builder final : public YAML::EventHandler {
 public:
  explicit Builder(Documents& out) : out_(out) {}

  void begin(const Chunk& chunk) {
    chunk_start_ = chunk.mark;
    has_ended_ = false;
    open_.clear();
    anchors_.clear();
  }

  /// Whether the chunk's document was read to its end.
  [[nodiscard]] bool has_ended() const { return has_ended_; }

  [[nodiscard]] Mark mark_of(const YAML::Mark& mark) const {
    // yaml-cpp gives -1 where it knows no place.
    if (mark.line < 0 || mark.column < 0) return chunk_start_;
    const auto line = static_cast<std::size_t>(mark.line);
    const auto column = static_cast<std::size_t>(mark.column);
    return {chunk_start_.line + line, line == 0 ? chunk_start_.column + column : column + 1};
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    const Mark start = mark_of(mark);
    if (has_ended_ && start == document_start_) throw Stuck{start};
    if (has_ended_) throw Ended{};
    document_start_ = start;
  }
  void OnDocumentEnd() override { has_ended_ = true; }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node node;
    node.mark = mark_of(mark);
    add(std::move(node), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto anchored = anchors_.find(anchor);
    if (anchored == anchors_.end()) {
      problem(mark_of(mark), "the alias stands within what it names");
      add({}, 0);
      return;
    }
    copied_ += anchored->second.size;
    if (copied_ > kMaxCopied) throw TooLarge{};
    Node copy = anchored->second.node;
    copy.mark = mark_of(mark);
    if (is_merged_next() && copy.kind != Node::Kind::map) problem(copy.mark, kNoMerge);
    add(std::move(copy), 0);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node node;
    const auto type = std::ranges::find(kTypes, tag, &Type::tag);
    if (tag == "?" || type != std::end(kTypes)) {
      node = resolve_plain_scalar(value);
      if (type != std::end(kTypes) && std::ranges::find(type->kinds, node.kind) == type->kinds.end())
        problem(mark_of(mark), base::quote_json(value) + " is not of the type that its tag says");
      if (std::ranges::find(kNoNumbers, value) != std::end(kNoNumbers) && !is_key_next())
        problem(mark_of(mark), value + " is a number that JSON has not; put it in quotes if it is a text");
    } else {
      node.kind = Node::Kind::string;
      node.text = value;
    }
    node.mark = mark_of(mark);
    add(std::move(node), anchor, (tag == "?" || tag == kMergeTag) && value == "<<");
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    open(Node::Kind::list, mark, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    open(Node::Kind::map, mark, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Anchored {
    Node node;
    std::size_t size = 0;
  };

  /// A list or map that is being read.
  struct Open {
    Node node;
    YAML::anchor_t anchor = 0;
    bool has_key = false;
    bool key_is_merge = false;
    std::string key;
    Mark key_mark;
    bool has_merged = false;
    std::unordered_set<std::string> keys;
  };

  void open(Node::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    Open opened;
    opened.node.kind = kind;
    opened.node.mark = mark_of(mark);
    opened.anchor = anchor;
    open_.push_back(std::move(opened));
  }

  void close() {
    Open closed = std::move(open_.back());
    open_.pop_back();
    if (closed.has_merged) keep_last(closed.node.members);
    add(std::move(closed.node), closed.anchor);
  }

  /// Of members of one key, the last one.
  static void keep_last(std::vector<Node::Member>& members) {
    std::unordered_map<std::string_view, std::size_t> last;
    for (std::size_t i = 0; i < members.size(); ++i) last[members[i].key] = i;
    std::vector<bool> stays(members.size());
    for (const auto& [key, index] : last) stays[index] = true;
    std::size_t index = 0;
    std::erase_if(members, [&](const Node::Member& /*member*/) { return !stays[index++]; });
  }

  void problem(Mark mark, std::string_view what) { out_.problems.push_back({mark, "", std::string(what)}); }

  /// Whether what comes next is a key.
  [[nodiscard]] bool is_key_next() const {
    return !open_.empty() && open_.back().node.kind == Node::Kind::map && !open_.back().has_key;
  }

  /// Whether what comes next is the value of a `<<`.
  [[nodiscard]] bool is_merged_next() const {
    return !open_.empty() && open_.back().has_key && open_.back().key_is_merge;
  }

  void add(Node node, YAML::anchor_t anchor, bool is_merge = false) {
    if (anchor != 0) anchors_[anchor] = {node, size_of(node)};
    if (open_.empty()) {
      out_.roots.push_back(std::move(node));
    } else if (open_.back().node.kind == Node::Kind::list) {
      open_.back().node.items.push_back(std::move(node));
    } else if (open_.back().has_key) {
      add_value(open_.back(), std::move(node));
    } else {
      add_key(open_.back(), node, is_merge);
    }
  }

  void add_key(Open& map, const Node& node, bool is_merge) {
    const auto key = key_of(node);
    if (!key) problem(node.mark, "a key must be a text, number or boolean");
    map.has_key = true;
    map.key_is_merge = is_merge;
    map.key = key.value_or("");
    map.key_mark = node.mark;
    if (key && !is_merge && !map.keys.insert(*key).second)
      out_.problems.push_back({node.mark, *key, "", path_of(open_)});
  }

  void add_value(Open& map, Node node) {
    map.has_key = false;
    if (map.key_is_merge) {
      merge(map, std::move(node));
    } else {
      map.node.members.push_back({std::move(map.key), map.key_mark, std::move(node)});
    }
  }

  /// As go-yaml: `<<` sets keys where it stands, over those before it and under those behind it; of a list of maps, the
  /// first one that has a key gives its value.
  void merge(Open& map, Node source) {
    map.has_merged = true;
    if (source.kind == Node::Kind::map) {
      std::ranges::move(source.members, std::back_inserter(map.node.members));
    } else if (source.kind == Node::Kind::list) {
      for (auto& item : source.items | std::views::reverse) {
        if (item.kind != Node::Kind::map) problem(item.mark, kNoMerge);
        std::ranges::move(item.members, std::back_inserter(map.node.members));
      }
    } else {
      problem(source.mark, kNoMerge);
    }
  }

  Documents& out_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  std::size_t copied_ = 0;
  Mark chunk_start_;
  Mark document_start_;
  bool has_ended_ = false;
};

/// Behind every chunk: a quote that is still open then is told from one that ends.
constexpr std::string_view kEnd = "...\n";

void read_chunk(const Chunk& chunk, Builder& builder) {
  std::string text(chunk.text);
  if (!text.ends_with('\n')) text += '\n';
  text += kEnd;
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  try {
    // Asked twice, it stands still where it could read nothing.
    for (int i = 0; i < 2 && parser.HandleNextDocument(builder); ++i) {
    }
  } catch (const Ended&) {
  } catch (const YAML::Exception&) {
    if (!builder.has_ended()) throw;
  }
}

std::string words_of(const YAML::Exception& error) {
  // Of kEnd, where the chunk has no such line itself.
  if (error.msg == YAML::ErrorMsg::DOC_IN_SCALAR) return "a quote that opens above is not closed";
  if (error.msg == YAML::ErrorMsg::BAD_FILE) return "nested too deeply";
  return error.msg;
}

}  // namespace

Documents read_yaml(std::string_view text, Mark start) {
  Documents out;
  const auto unreadable = [&](Mark mark, std::string what) {
    out.unreadable = true;
    out.problems.push_back({mark, "", std::move(what)});
  };
  Builder builder(out);
  Chunks chunks(text, start);
  try {
    while (const auto chunk = chunks.next()) {
      builder.begin(*chunk);
      if (const auto problem = unreadable_in(*chunk)) {
        unreadable(problem->mark, problem->what);
        break;
      }
      read_chunk(*chunk, builder);
    }
  } catch (const YAML::Exception& error) {
    unreadable(builder.mark_of(error.mark), "not YAML: " + words_of(error));
  } catch (const Stuck& stuck) {
    unreadable(stuck.mark, "not YAML: no value can be read here");
  } catch (const TooLarge&) {
    unreadable({}, "not read: its aliases make it too large");
  } catch (const std::exception& error) {
    unreadable({}, std::string("not YAML: ") + error.what());
  }
  return out;
}

}  // namespace webhook
