#include "reconciler/pod/agent/gate/asked_model.hpp"

#include "common/base/json.hpp"
#include "common/base/text.hpp"
#include "common/base/wire_text.hpp"

namespace agent {
namespace {

constexpr std::size_t kLongestName = 1024;

/// The text of a JSON string, given what stands between its quotes; nothing when that is not JSON or too long.
std::optional<std::string> unescape(std::string_view inside) {
  if (inside.size() > kLongestName) return std::nullopt;
  if (inside.find('\\') == std::string_view::npos) return std::string(inside);
  const auto document = base::parse_json("[\"" + std::string(inside) + "\"]", "name");
  if (!document) return std::nullopt;
  const auto text = base::as_string(&(*document)[0]);
  return text ? std::optional<std::string>(*text) : std::nullopt;
}

/// Walks through JSON text and takes the two top-level members. It only tells strings, depth and keys apart, at the
/// speed of memchr within strings: bodies are mostly text, up to 64 MiB of it, and all clients share one thread. What
/// is no JSON is llama-server's to refuse.
class TopLevel {
 public:
  explicit TopLevel(std::string_view body) : body_(body) {}

  Asked read() {
    while (at_ < body_.size()) {
      const char c = body_[at_];
      if (c == '"') {
        if (!string()) return {};
        continue;
      }
      if (c == '{' || c == '[') {
        if (depth_ == 0 && c == '[') return {};
        ++depth_;
      } else if (c == '}' || c == ']') {
        if (depth_ <= 1) return depth_ == 1 ? asked_ : Asked{};
        --depth_;
      } else if (depth_ == 1) {
        top_level(c);
      }
      ++at_;
    }
    return {};
  }

 private:
  enum class Member { other, model, stream };

  void top_level(char c) {
    if (c == ':') {
      in_value_ = true;
    } else if (c == ',') {
      in_value_ = false;
      member_ = Member::other;
    } else if (member_ == Member::stream && in_value_ && (c == 't' || c == 'f')) {
      asked_.stream = body_.substr(at_).starts_with("true");
      member_ = Member::other;
    }
  }

  /// Passes over a string. False when it has no end.
  bool string() {
    const auto start = at_ + 1;
    auto end = start;
    while (true) {
      end = body_.find('"', end);
      if (end == std::string_view::npos) return false;
      auto backslash = end;
      while (backslash > start && body_[backslash - 1] == '\\') --backslash;
      if ((end - backslash) % 2 == 0) break;
      ++end;
    }
    at_ = end + 1;
    if (depth_ == 1) take(body_.substr(start, end - start));
    return true;
  }

  void take(std::string_view inside) {
    if (in_value_) {
      if (member_ == Member::model) asked_.model = unescape(inside);
      return;
    }
    const auto key = unescape(inside);
    member_ = key == "model" ? Member::model : key == "stream" ? Member::stream : Member::other;
    // Whatever its value is, it takes the place of what an equal key said before.
    if (member_ == Member::model) asked_.model.reset();
    if (member_ == Member::stream) asked_.stream = false;
  }

  std::string_view body_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  bool in_value_ = false;
  Member member_ = Member::other;
  Asked asked_;
};

/// `--boundary\r\nContent-Disposition: form-data; name="model"\r\n\r\nVALUE\r\n--boundary`. The last one counts.
Asked read_form(std::string_view body) {
  constexpr std::string_view kName = "name=\"model\"";
  Asked asked;
  for (auto at = body.find(kName); at != std::string_view::npos; at = body.find(kName, at + 1)) {
    // The part's other headers may follow, and they are short.
    const auto rest = body.substr(at, 2 * kLongestName);
    const auto start = rest.find("\r\n\r\n");
    if (start == std::string_view::npos) continue;
    const auto value = rest.substr(start + 4);
    const auto end = value.find("\r\n");
    if (end != std::string_view::npos) asked.model.emplace(value.substr(0, end));
  }
  return asked;
}

}  // namespace

Asked read_asked(std::string_view body, std::string_view content_type) {
  const auto type = base::trim(content_type.substr(0, content_type.find(';')));
  if (base::same_word(type, "multipart/form-data")) return read_form(body);
  return TopLevel(body).read();
}

}  // namespace agent
