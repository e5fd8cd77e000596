#include "common/api/pattern.hpp"

#include <utility>

namespace api {
namespace {

using Bytes = std::bitset<256>;

Bytes range(unsigned char from, unsigned char to) {
  Bytes out;
  for (unsigned byte = from; byte <= to; ++byte) out.set(byte);
  return out;
}

Bytes one(char byte) {
  Bytes out;
  out.set(static_cast<unsigned char>(byte));
  return out;
}

/// `\d` and its kin; any other escaped byte stands for itself.
Bytes escaped(char byte) {
  const Bytes digits = range('0', '9');
  const Bytes words = digits | range('a', 'z') | range('A', 'Z') | one('_');
  const Bytes blanks = one(' ') | one('\t') | one('\n') | one('\r') | one('\f');
  switch (byte) {
    case 'd':
      return digits;
    case 'D':
      return ~digits;
    case 'w':
      return words;
    case 'W':
      return ~words;
    case 's':
      return blanks;
    case 'S':
      return ~blanks;
    case 'n':
      return one('\n');
    case 't':
      return one('\t');
    case 'r':
      return one('\r');
    default:
      return one(byte);
  }
}

struct Node {
  enum class Kind { empty, bytes, begin, end, sequence, choice, repeat };
  Kind kind = Kind::empty;
  Bytes bytes{};
  std::vector<Node> children{};
  std::size_t least = 0;
  /// Nothing: without end.
  std::optional<std::size_t> most{};
};

/// More copies than this in one `{n}` are refused, so that a schema cannot blow the program up.
constexpr std::size_t kMostCopies = 1000;

/// Recursive descent over the expression; `ok` turns false at the first thing that is not understood.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::optional<Node> parse() {
    Node out = choice(0);
    return ok_ && text_.empty() ? std::optional(std::move(out)) : std::nullopt;
  }

 private:
  static constexpr int kDeepest = 64;

  bool take(char byte) {
    if (text_.empty() || text_.front() != byte) return false;
    text_.remove_prefix(1);
    return true;
  }

  Node fail() {
    ok_ = false;
    text_ = {};
    return {};
  }

  Node choice(int depth) {
    if (depth > kDeepest) return fail();
    Node out{Node::Kind::choice};
    out.children.push_back(sequence(depth));
    while (take('|')) out.children.push_back(sequence(depth));
    return out;
  }

  Node sequence(int depth) {
    Node out{Node::Kind::sequence};
    while (ok_ && !text_.empty() && text_.front() != '|' && text_.front() != ')')
      out.children.push_back(repeated(atom(depth)));
    return out;
  }

  Node repeated(Node inner) {
    while (ok_ && !text_.empty()) {
      if (take('*')) {
        inner = repeat(std::move(inner), 0, std::nullopt);
      } else if (take('+')) {
        inner = repeat(std::move(inner), 1, std::nullopt);
      } else if (take('?')) {
        inner = repeat(std::move(inner), 0, 1);
      } else if (take('{')) {
        inner = counted(std::move(inner));
      } else {
        break;
      }
    }
    return inner;
  }

  static Node repeat(Node inner, std::size_t least, std::optional<std::size_t> most) {
    Node out{Node::Kind::repeat};
    out.children.push_back(std::move(inner));
    out.least = least;
    out.most = most;
    return out;
  }

  std::optional<std::size_t> number() {
    std::size_t value = 0;
    bool any = false;
    while (!text_.empty() && text_.front() >= '0' && text_.front() <= '9' && value <= kMostCopies) {
      value = value * 10 + static_cast<std::size_t>(text_.front() - '0');
      text_.remove_prefix(1);
      any = true;
    }
    return any && value <= kMostCopies ? std::optional(value) : std::nullopt;
  }

  Node counted(Node inner) {
    const auto least = number();
    if (!least) return fail();
    std::optional<std::size_t> most = least;
    if (take(',')) most = text_.starts_with('}') ? std::nullopt : number();
    if (!take('}')) return fail();
    return repeat(std::move(inner), *least, most);
  }

  Node atom(int depth) {
    if (take('(')) {
      if (take('?') && !take(':')) return fail();
      Node out = choice(depth + 1);
      return take(')') ? out : fail();
    }
    if (take('^')) return {Node::Kind::begin};
    if (take('$')) return {Node::Kind::end};
    if (take('.')) return {Node::Kind::bytes, ~one('\n')};
    if (take('[')) return character_class();
    if (take('\\')) {
      if (text_.empty()) return fail();
      return {Node::Kind::bytes, escaped(next())};
    }
    if (text_.front() == '*' || text_.front() == '+' || text_.front() == '?') return fail();
    return {Node::Kind::bytes, one(next())};
  }

  char next() {
    const char byte = text_.front();
    text_.remove_prefix(1);
    return byte;
  }

  Node character_class() {
    const bool negated = take('^');
    Bytes bytes;
    bool first = true;
    while (!text_.empty() && (first || text_.front() != ']')) {
      first = false;
      const char from = next();
      if (from == '\\' && !text_.empty()) {
        bytes |= escaped(next());
      } else if (text_.size() >= 2 && text_[0] == '-' && text_[1] != ']') {
        text_.remove_prefix(1);
        bytes |= range(static_cast<unsigned char>(from), static_cast<unsigned char>(next()));
      } else {
        bytes |= one(from);
      }
    }
    if (!take(']')) return fail();
    return {Node::Kind::bytes, negated ? ~bytes : bytes};
  }

  std::string_view text_;
  bool ok_ = true;
};

}  // namespace

/// Thompson's construction.
class PatternCompiler {
 public:
  static Pattern compile(const Node& node) {
    PatternCompiler compiler;
    compiler.emit(node);
    compiler.add(Pattern::Op::match);
    return std::move(compiler.out_);
  }

 private:
  std::size_t add(Pattern::Op op) {
    out_.steps_.push_back({op});
    return out_.steps_.size() - 1;
  }
  [[nodiscard]] std::size_t here() const { return out_.steps_.size(); }
  Pattern::Step& step(std::size_t index) { return out_.steps_[index]; }

  void emit(const Node& node) {
    switch (node.kind) {
      case Node::Kind::empty:
        break;
      case Node::Kind::bytes: {
        const auto at = add(Pattern::Op::bytes);
        step(at).bytes = node.bytes;
        break;
      }
      case Node::Kind::begin:
        add(Pattern::Op::begin);
        break;
      case Node::Kind::end:
        add(Pattern::Op::end);
        break;
      case Node::Kind::sequence:
        for (const auto& child : node.children) emit(child);
        break;
      case Node::Kind::choice:
        emit_choice(node);
        break;
      case Node::Kind::repeat:
        emit_repeat(node);
        break;
    }
  }

  void emit_choice(const Node& node) {
    std::vector<std::size_t> jumps;
    for (std::size_t i = 0; i + 1 < node.children.size(); ++i) {
      const auto split = add(Pattern::Op::split);
      step(split).first = here();
      emit(node.children[i]);
      jumps.push_back(add(Pattern::Op::jump));
      step(split).second = here();
    }
    emit(node.children.back());
    for (const auto jump : jumps) step(jump).first = here();
  }

  void emit_repeat(const Node& node) {
    const Node& inner = node.children.front();
    for (std::size_t i = 0; i < node.least; ++i) emit(inner);
    if (!node.most) {
      const auto split = add(Pattern::Op::split);
      step(split).first = here();
      emit(inner);
      step(add(Pattern::Op::jump)).first = split;
      step(split).second = here();
      return;
    }
    std::vector<std::size_t> splits;
    for (std::size_t i = node.least; i < *node.most; ++i) {
      splits.push_back(add(Pattern::Op::split));
      step(splits.back()).first = here();
      emit(inner);
    }
    for (const auto split : splits) step(split).second = here();
  }

  Pattern out_;
};

std::optional<Pattern> Pattern::compile(std::string_view expression) {
  const auto node = Parser(expression).parse();
  if (!node) return std::nullopt;
  return PatternCompiler::compile(*node);
}

void Pattern::follow(std::size_t step, bool at_begin, bool at_end, std::vector<std::size_t>& list,
                     std::vector<bool>& seen) const {
  // Kept from call to call: no allocation for each character.
  thread_local std::vector<std::size_t> pending;
  pending.assign(1, step);
  while (!pending.empty()) {
    const std::size_t at = pending.back();
    pending.pop_back();
    if (seen[at]) continue;
    seen[at] = true;
    const Step& current = steps_[at];
    switch (current.op) {
      case Op::jump:
        pending.push_back(current.first);
        break;
      case Op::split:
        pending.push_back(current.second);
        pending.push_back(current.first);
        break;
      case Op::begin:
        if (at_begin) pending.push_back(at + 1);
        break;
      case Op::end:
        if (at_end) pending.push_back(at + 1);
        break;
      case Op::bytes:
      case Op::match:
        list.push_back(at);
        break;
    }
  }
}

bool Pattern::matches(std::string_view text) const {
  std::vector<std::size_t> current;
  std::vector<std::size_t> next;
  std::vector<bool> seen(steps_.size());
  follow(0, true, text.empty(), current, seen);
  for (std::size_t i = 0;; ++i) {
    for (const auto at : current) {
      if (steps_[at].op == Op::match) return true;
    }
    if (i == text.size()) return false;
    next.clear();
    seen.assign(steps_.size(), false);
    const bool at_end = i + 1 == text.size();
    for (const auto at : current) {
      if (steps_[at].bytes.test(static_cast<unsigned char>(text[i]))) follow(at + 1, false, at_end, next, seen);
    }
    follow(0, false, at_end, next, seen);
    std::swap(current, next);
  }
}

}  // namespace api
