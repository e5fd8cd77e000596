#include "webhook/check/json_reader.hpp"

#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <unordered_set>

#include "webhook/check/scalar.hpp"

namespace webhook {
namespace {

constexpr std::size_t kMaxDepth = 500;
constexpr std::string_view kBlanks = " \t\r\n";

/// Turns offsets into lines and columns.
class Lines {
 public:
  explicit Lines(std::string_view text) {
    starts_.push_back(0);
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\n') starts_.push_back(i + 1);
    }
  }

  [[nodiscard]] Mark mark(std::size_t offset) const {
    const auto after = std::ranges::upper_bound(starts_, offset);
    const auto line = static_cast<std::size_t>(after - starts_.begin());
    return {line, offset - starts_[line - 1] + 1};
  }

 private:
  std::vector<std::size_t> starts_;
};

/// Builds nodes from RapidJSON's events; the place of a value is read off the stream behind it.
class Builder : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Builder> {
 public:
  Builder(std::string_view text, const Lines& lines, const rapidjson::MemoryStream& stream, Documents& out)
      : text_(text), lines_(lines), stream_(stream), out_(out) {}

  bool Null() { return add(scalar(Node::Kind::null, "")); }
  bool Bool(bool value) { return add(scalar(Node::Kind::boolean, value ? "true" : "false")); }
  bool RawNumber(const char* text, rapidjson::SizeType length, bool /*copy*/) {
    const std::string number(text, length);
    if (number.find_first_of(".eE") == std::string::npos) return add(scalar(Node::Kind::integer, number));
    Node node = resolve_float(number).value_or(scalar(Node::Kind::number, number));
    node.mark = lines_.mark(word_start());
    return add(std::move(node));
  }
  bool String(const char* text, rapidjson::SizeType length, bool /*copy*/) {
    Node node;
    node.kind = Node::Kind::string;
    node.text.assign(text, length);
    node.mark = lines_.mark(string_start());
    return add(std::move(node));
  }
  bool Key(const char* text, rapidjson::SizeType length, bool /*copy*/) {
    Open& map = open_.back();
    map.key.assign(text, length);
    map.key_mark = lines_.mark(string_start());
    if (!map.keys.insert(map.key).second) out_.problems.push_back({map.key_mark, map.key, "", path_of(open_)});
    return true;
  }
  bool StartObject() { return open(Node::Kind::map); }
  bool EndObject(rapidjson::SizeType /*count*/) { return close(); }
  bool StartArray() { return open(Node::Kind::list); }
  bool EndArray(rapidjson::SizeType /*count*/) { return close(); }

 private:
  struct Open {
    Node node;
    std::string key;
    Mark key_mark;
    std::unordered_set<std::string> keys;
  };

  [[nodiscard]] std::size_t end() const { return std::min(stream_.Tell(), text_.size()); }

  /// Back from behind a number or word to its first letter.
  [[nodiscard]] std::size_t word_start() const {
    const auto before = text_.substr(0, end()).find_last_of(" \t\r\n,:[{");
    return before == std::string_view::npos ? 0 : before + 1;
  }

  /// Back from behind a string to its opening quote.
  [[nodiscard]] std::size_t string_start() const {
    std::size_t at = end() >= 2 ? end() - 2 : 0;
    while (at > 0) {
      const auto quote = text_.rfind('"', at);
      if (quote == std::string_view::npos || quote == 0) return 0;
      const auto last_other = text_.find_last_not_of('\\', quote - 1);
      const std::size_t slashes = last_other == std::string_view::npos ? quote : quote - 1 - last_other;
      if (slashes % 2 == 0) return quote;
      at = quote - 1;
    }
    return at;
  }

  [[nodiscard]] Node scalar(Node::Kind kind, std::string text) const {
    Node node;
    node.kind = kind;
    node.text = std::move(text);
    node.mark = lines_.mark(word_start());
    return node;
  }

  bool open(Node::Kind kind) {
    if (open_.size() >= kMaxDepth) return false;
    Open opened;
    opened.node.kind = kind;
    opened.node.mark = lines_.mark(end() > 0 ? end() - 1 : 0);
    open_.push_back(std::move(opened));
    return true;
  }

  bool close() {
    Node node = std::move(open_.back().node);
    open_.pop_back();
    return add(std::move(node));
  }

  bool add(Node node) {
    if (open_.empty()) {
      out_.roots.push_back(std::move(node));
    } else if (open_.back().node.kind == Node::Kind::list) {
      open_.back().node.items.push_back(std::move(node));
    } else {
      open_.back().node.members.push_back({std::move(open_.back().key), open_.back().key_mark, std::move(node)});
    }
    return true;
  }

  std::string_view text_;
  const Lines& lines_;
  const rapidjson::MemoryStream& stream_;
  Documents& out_;
  std::vector<Open> open_;
};

}  // namespace

bool looks_like_json(std::string_view text) {
  const auto first = text.find_first_not_of(kBlanks);
  return first != std::string_view::npos && text[first] == '{';
}

Documents read_json(const std::string& text) {
  Documents out;
  const Lines lines(text);
  // Bounded: where a text ends within a character, the validation takes bytes beyond the zero that ends a StringStream.
  rapidjson::MemoryStream stream(text.data(), text.size());
  constexpr unsigned kFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag |
                              rapidjson::kParseStopWhenDoneFlag | rapidjson::kParseNumbersAsStringsFlag;
  while (text.find_first_not_of(kBlanks, stream.Tell()) != std::string::npos) {
    rapidjson::Reader reader;
    Builder builder(text, lines, stream, out);
    const std::size_t problems = out.problems.size();
    const auto result = reader.Parse<kFlags>(stream, builder);
    if (!result.IsError()) {
      out.json_end = stream.Tell();
      continue;
    }
    out.problems.resize(problems);
    out.unreadable = true;
    const bool deep = result.Code() == rapidjson::kParseErrorTermination;
    const std::string what = deep ? "nested deeper than 500" : rapidjson::GetParseError_En(result.Code());
    out.problems.push_back({lines.mark(result.Offset()), "", "not JSON: " + what});
    break;
  }
  return out;
}

}  // namespace webhook
