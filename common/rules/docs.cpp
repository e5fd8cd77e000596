#include "common/rules/docs.hpp"

#include <string_view>

#include "common/rules/rule.hpp"

namespace rules {
namespace {

constexpr std::string_view kIntroduction =
    "# Rules\n\n"
    "What may be applied, and what will surprise. Made by `webhook rules`; do not edit.\n\n"
    "The webhook, `webhook check` and the reconciler ask the same table (`common/rules/table.cpp`). An **error** is\n"
    "refused at apply; a **warning** is shown and let through. An update that leaves `spec` as it was is always let\n"
    "through, and of LLMKube's other runtimes (vllm, tgi, ...) only the union of `modelRef` and `models` is judged.\n"
    "Examples are fields laid over a valid `spec` (of `metadata` with a `$`): two models `a` and `b` on one GPU, or a\n"
    "Model with a digest.\n\n";

/// Text as a cell: no line ends, bars escaped.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

/// The words of a row, with its blanks for words shown as `...`.
std::string words(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool slot =
        text[i] == '{' && i + 2 < text.size() && text[i + 2] == '}' && text[i + 1] >= '0' && text[i + 1] <= '9';
    if (slot) {
      out += "...";
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string code(std::string_view text) { return text.empty() ? "" : "`" + cell(text) + "`"; }

std::string_view scope_words(Scope scope) {
  switch (scope) {
    case Scope::every_runtime:
      return "every runtime";
    case Scope::llama_runtimes:
      return "llamacpp, llamacpp-router";
    case Scope::router_runtimes:
      return "router runtimes";
    case Scope::offline:
      break;
  }
  return "`webhook check` only";
}

std::string row(const Rule& rule) {
  std::string message = words(rule.message);
  if (!rule.fix.empty()) message += "; " + words(rule.fix);
  return "| `" + std::string(rule.id) + "` | " + std::string(to_string(rule.severity)) + " | " + cell(rule.judges) +
         " | " + cell(message) + " | " + code(rule.good) + " | " + code(rule.bad) + " | " +
         (rule.kind == api::Kind::model ? "" : std::string(scope_words(rule.scope))) + " |\n";
}

std::string section(std::string_view title, bool (*wanted)(const Rule&)) {
  std::string out = "## " + std::string(title) +
                    "\n\n| rule | severity | what it judges | what it says | good | bad | asked for |\n"
                    "| --- | --- | --- | --- | --- | --- | --- |\n";
  for (const auto& rule : table()) {
    if (wanted(rule)) out += row(rule);
  }
  return out + "\n";
}

bool is_offline(const Rule& rule) { return rule.scope == Scope::offline; }
/// What the schema walk reports has no function of its own.
bool is_of_both(const Rule& rule) {
  return !is_offline(rule) && (rule.judge_service == nullptr) == (rule.judge_model == nullptr);
}
bool is_service(const Rule& rule) { return !is_of_both(rule) && rule.judge_service != nullptr; }
bool is_model(const Rule& rule) { return !is_of_both(rule) && rule.judge_model != nullptr; }

}  // namespace

std::string rules_markdown() {
  std::string out(kIntroduction);
  out += section("Both kinds", is_of_both);
  out += section("InferenceService", is_service);
  out += section("Model", is_model);
  out += section("Files", is_offline);
  out.pop_back();
  return out;
}

}  // namespace rules
