#include "common/rules/rule.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <functional>
#include <unordered_map>

#include "common/api/inference_service.hpp"
#include "common/base/log.hpp"
#include "common/base/text.hpp"
#include "common/base/wire_text.hpp"
#include "common/kube/names.hpp"

namespace rules {
namespace {

using base::JsonValue;

/// Puts `words` in place of `{0}`, `{1}`, ...
std::string fill(std::string_view pattern, std::initializer_list<std::string_view> words) {
  std::string out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const bool slot = pattern[i] == '{' && i + 2 < pattern.size() && pattern[i + 2] == '}' && pattern[i + 1] >= '0' &&
                      pattern[i + 1] <= '9';
    if (!slot) {
      out += pattern[i];
      continue;
    }
    const auto index = static_cast<std::size_t>(pattern[i + 1] - '0');
    if (index < words.size()) out += words.begin()[index];
    i += 2;
  }
  return out;
}

const JsonValue& empty_object() {
  static const JsonValue instance(rapidjson::kObjectType);
  return instance;
}

const JsonValue& spec_of(const JsonValue& object) {
  const JsonValue* spec = object_in(object, "spec");
  return spec == nullptr ? empty_object() : *spec;
}

/// Puts a list's texts into `out`; what is no text becomes an empty one, so that places stay right (the schema walk
/// names it).
void read_texts(const JsonValue& list, std::vector<std::string_view>& out) {
  out.clear();
  for (const auto& item : list.GetArray()) out.emplace_back(base::as_string(&item).value_or(""));
}

/// A set of hashes: each at its place, or at one of the next.
class Hashes {
 public:
  /// Has room for `most` of them.
  explicit Hashes(std::size_t most) : places_(std::bit_ceil(2 * most)) {}

  /// Puts a text's hash in. False when it is there already, and where so many crowd that nobody looks any further: an
  /// object can be written so that they do.
  bool add(std::string_view text) {
    constexpr std::size_t kMostSteps = 32;
    const std::size_t hash = std::hash<std::string_view>{}(text) | 1U;  // 0 is a free place
    for (std::size_t step = 0; step < kMostSteps; ++step) {
      auto& place = places_[(hash / 2 + step) & (places_.size() - 1)];
      if (place == hash) return false;
      if (place != 0) continue;
      place = hash;
      return true;
    }
    return false;
  }

 private:
  std::vector<std::size_t> places_;
};

/// False when no two of the names and aliases have one hash.
bool hashes_may_repeat(const std::vector<ModelItem>& models) {
  std::size_t count = models.size();
  for (const auto& model : models) count += model.aliases == nullptr ? 0 : model.aliases->Size();
  Hashes seen(count);
  for (const auto& model : models) {
    if (!seen.add(model.name)) return true;
    if (model.aliases == nullptr) continue;
    for (const auto& alias : model.aliases->GetArray()) {
      if (!seen.add(base::as_string(&alias).value_or(""))) return true;
    }
  }
  return false;
}

}  // namespace

const Rule& rule(std::string_view id) {
  static const auto by_id = [] {
    std::unordered_map<std::string_view, const Rule*> out;
    for (const auto& row : table()) out.emplace(row.id, &row);
    return out;
  }();
  const auto found = by_id.find(id);
  if (found == by_id.end()) {
    base::log::error("no-such-rule", {{"id", id}});
    std::abort();
  }
  return *found->second;
}

Finding make_finding(const Rule& rule, const kube::FieldPath& path, std::string value,
                     std::initializer_list<std::string_view> words) {
  return {rule.severity,         rule.id,    path.str(), std::move(value), fill(rule.message, words),
          fill(rule.fix, words), rule.reason};
}

std::string as_label(std::string_view name) {
  std::string out;
  for (const char c : base::lower(name.substr(0, kube::kMaxLabelLength))) {
    const bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (fits) {
      out += c;
    } else if (!out.empty() && out.back() != '-') {
      out += '-';
    }
  }
  while (out.ends_with('-')) out.pop_back();
  return out.empty() ? "my-name" : out;
}

std::string shown(const JsonValue* value) {
  if (value == nullptr) return {};
  if (value->IsString() && value->GetStringLength() > kMaxShown)
    return base::quote_json(base::shorten({value->GetString(), value->GetStringLength()}, kMaxShown));
  // A large object is not worth rendering whole to show its first words.
  if (value->IsObject() && value->MemberCount() > 8) return "{...}";
  if (value->IsArray() && value->Size() > 8) return "[...]";
  return base::shorten(base::to_text(*value), kMaxShown);
}

const JsonValue* object_in(const JsonValue& parent, std::string_view key) {
  const JsonValue* value = base::find(parent, key);
  return value != nullptr && value->IsObject() ? value : nullptr;
}

const JsonValue* list_in(const JsonValue& parent, std::string_view key) {
  const JsonValue* value = base::find(parent, key);
  return value != nullptr && value->IsArray() ? value : nullptr;
}

std::string_view text_in(const JsonValue& parent, std::string_view key) {
  return base::as_string(base::find(parent, key)).value_or("");
}

void judge_label(std::string_view key, const JsonValue& value, const kube::FieldPath& path, const Report& report) {
  if (!kube::is_qualified_name(key)) {
    report.at(path, base::quote_json(key.substr(0, kMaxShown)), {"the key is no label name"});
  } else if (value.IsString() && !kube::is_label_value(base::as_string(&value).value_or(""))) {
    report.at(path, &value, {"the value is no label value"});
  }
}

void Report::at(const kube::FieldPath& path, const JsonValue* value,
                std::initializer_list<std::string_view> words) const {
  at(path, is_full() ? std::string{} : shown(value), words);
}

void Report::at(const kube::FieldPath& path, std::string value, std::initializer_list<std::string_view> words) const {
  const bool listed = !is_full();
  ++told_[static_cast<std::size_t>(rule->severity)];
  if (!listed) return;
  out_.push_back(make_finding(*rule, path, std::move(value), words));
}

bool Report::is_full() const { return told_[static_cast<std::size_t>(rule->severity)] >= kMaxFindings; }

std::size_t Report::unlisted_errors() const {
  const auto told = told_[static_cast<std::size_t>(Severity::error)];
  return told - std::min(told, kMaxFindings);
}

Service::Service(const JsonValue& whole, const Site& site) : object(whole), spec(spec_of(whole)) {
  const JsonValue* name = present(spec, "runtime");
  runtime = name == nullptr ? "llamacpp" : base::as_string(name).value_or("");
  router = api::is_router_runtime(runtime);
  const auto image = text_in(spec, "image");
  other_build = image.empty() ? site.other_build : api::may_be_other_build(image);
  if (const JsonValue* list = list_in(spec, "models")) {
    models.reserve(list->Size());
    for (rapidjson::SizeType i = 0; i < list->Size(); ++i) {
      const JsonValue& item = (*list)[i];
      if (item.IsObject()) models.push_back({i, &item, text_in(item, "name"), list_in(item, "aliases")});
    }
  }
  if (!router) return;
  names_may_repeat = hashes_may_repeat(models);
  arguments.reserve(models.size() + 1);
  std::size_t words = 0;
  const auto add = [&](const ModelItem* model, const JsonValue& owner) {
    const JsonValue* list = list_in(owner, "extraArgs");
    if (list == nullptr || list->Empty()) return;
    words += list->Size();
    arguments.push_back({model, &owner, list, {}});
  };
  add(nullptr, spec);
  for (const auto& model : models) add(&model, *model.json);
  flags.reserve(words);  // no list holds more flags than words, so none of them moves
  std::vector<std::string_view> texts;
  for (auto& list : arguments) {
    read_texts(*list.list, texts);
    const auto first = flags.size();
    api::parse_llama_flags(texts, flags);
    list.flags = std::span(flags).subspan(first);
    for (const auto& flag : list.flags) {
      if (!is_plain(flag)) odd_flags.push_back({&list, &flag});
    }
  }
}

ModelObject::ModelObject(const JsonValue& whole) : object(whole), spec(spec_of(whole)) {}

}  // namespace rules
