#include "common/api/pattern.hpp"

#include <algorithm>
#include <bitset>
#include <map>
#include <set>
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

enum class Op { bytes, split, jump, begin, end, match };

/// One step of the automaton with choices that an expression is first.
struct Step {
  Op op = Op::match;
  std::size_t first = 0;
  std::size_t second = 0;
  Bytes bytes{};
};

/// Thompson's construction.
class StepMaker {
 public:
  static std::vector<Step> make(const Node& node) {
    StepMaker maker;
    maker.emit(node);
    maker.add(Op::match);
    return std::move(maker.steps_);
  }

 private:
  std::size_t add(Op op) {
    steps_.push_back({op});
    return steps_.size() - 1;
  }
  [[nodiscard]] std::size_t here() const { return steps_.size(); }
  Step& step(std::size_t index) { return steps_[index]; }

  void emit(const Node& node) {
    switch (node.kind) {
      case Node::Kind::empty:
        break;
      case Node::Kind::bytes: {
        const auto at = add(Op::bytes);
        step(at).bytes = node.bytes;
        break;
      }
      case Node::Kind::begin:
        add(Op::begin);
        break;
      case Node::Kind::end:
        add(Op::end);
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
      const auto split = add(Op::split);
      step(split).first = here();
      emit(node.children[i]);
      jumps.push_back(add(Op::jump));
      step(split).second = here();
    }
    emit(node.children.back());
    for (const auto jump : jumps) step(jump).first = here();
  }

  void emit_repeat(const Node& node) {
    const Node& inner = node.children.front();
    for (std::size_t i = 0; i < node.least; ++i) emit(inner);
    if (!node.most) {
      const auto split = add(Op::split);
      step(split).first = here();
      emit(inner);
      step(add(Op::jump)).first = split;
      step(split).second = here();
      return;
    }
    std::vector<std::size_t> splits;
    for (std::size_t i = node.least; i < *node.most; ++i) {
      splits.push_back(add(Op::split));
      step(splits.back()).first = here();
      emit(inner);
    }
    for (const auto split : splits) step(split).second = here();
  }

  std::vector<Step> steps_;
};

}  // namespace

/// The subset construction: a state for each set of steps that some text leads to.
class Determinizer {
 public:
  explicit Determinizer(std::vector<Step> steps) : steps_(std::move(steps)) {}

  std::optional<Pattern> run() {
    tell_bytes_apart();
    Steps begin;
    follow(0, {.at_begin = true}, begin);
    add(std::move(begin), true);
    for (std::size_t state = 0; state < sets_.size(); ++state) {
      for (std::size_t of = 0; of < out_.classes_; ++of) {
        const auto next = after(sets_[state], byte_of_[of]);
        const auto known = index_.find(next);
        if (known == index_.end() && sets_.size() == Pattern::kMaxStates) return std::nullopt;
        out_.next_.push_back(known != index_.end() ? known->second : add(next, false));
      }
    }
    return std::move(out_);
  }

 private:
  using Steps = std::set<std::size_t>;
  struct Place {
    bool at_begin = false;
    bool at_end = false;
  };

  void tell_bytes_apart() {
    std::vector<Bytes> seen;
    for (const auto& step : steps_) {
      if (step.op != Op::bytes || std::ranges::find(seen, step.bytes) != seen.end()) continue;
      seen.push_back(step.bytes);
      std::map<std::pair<std::uint8_t, bool>, std::uint8_t> renamed;
      for (std::size_t byte = 0; byte < 256; ++byte) {
        auto& of = out_.class_of_[byte];
        of = renamed.try_emplace({of, step.bytes.test(byte)}, static_cast<std::uint8_t>(renamed.size())).first->second;
      }
      out_.classes_ = renamed.size();
    }
    byte_of_.resize(out_.classes_);
    for (std::size_t byte = 0; byte < 256; ++byte) byte_of_[out_.class_of_[byte]] = byte;
  }

  /// Puts the steps into `into` that are reached from one without a byte: those that take one, the match, and those
  /// that wait for the end of the text.
  void follow(std::size_t from, Place place, Steps& into) const {
    std::vector<std::size_t> pending{from};
    Steps seen;
    while (!pending.empty()) {
      const auto at = pending.back();
      pending.pop_back();
      if (!seen.insert(at).second) continue;
      const Step& step = steps_[at];
      switch (step.op) {
        case Op::jump:
          pending.push_back(step.first);
          break;
        case Op::split:
          pending.push_back(step.first);
          pending.push_back(step.second);
          break;
        case Op::begin:
          if (place.at_begin) pending.push_back(at + 1);
          break;
        case Op::end:
          if (place.at_end) pending.push_back(at + 1);
          into.insert(at);
          break;
        case Op::bytes:
        case Op::match:
          into.insert(at);
          break;
      }
    }
  }

  [[nodiscard]] Steps after(const Steps& set, std::size_t byte) const {
    Steps next;
    for (const auto at : set) {
      if (steps_[at].op == Op::bytes && steps_[at].bytes.test(byte)) follow(at + 1, {}, next);
    }
    follow(0, {}, next);  // it may match anywhere in the text
    return next;
  }

  [[nodiscard]] bool has_match(const Steps& set) const {
    return std::ranges::any_of(set, [this](std::size_t at) { return steps_[at].op == Op::match; });
  }

  std::uint16_t add(Steps set, bool at_begin) {
    Steps at_end;
    for (const auto at : set) follow(at, {.at_begin = at_begin, .at_end = true}, at_end);
    out_.states_.push_back({.matched = has_match(set), .matches_at_end = has_match(at_end)});
    const auto number = static_cast<std::uint16_t>(sets_.size());
    // Where a text begins is no place that it comes back to.
    if (!at_begin) index_.emplace(set, number);
    sets_.push_back(std::move(set));
    return number;
  }

  std::vector<Step> steps_;
  Pattern out_;
  std::vector<std::size_t> byte_of_;
  std::vector<Steps> sets_;
  std::map<Steps, std::uint16_t> index_;
};

std::optional<Pattern> Pattern::compile(std::string_view expression) {
  const auto node = Parser(expression).parse();
  return node ? Determinizer(StepMaker::make(*node)).run() : std::nullopt;
}

bool Pattern::matches(std::string_view text) const {
  std::size_t state = 0;
  for (const char byte : text) {
    if (states_[state].matched) return true;
    state = next_[state * classes_ + class_of_[static_cast<unsigned char>(byte)]];
  }
  return states_[state].matched || states_[state].matches_at_end;
}

}  // namespace api
