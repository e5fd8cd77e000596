#include "common/rules/schema_check.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>

#include "common/api/source.hpp"
#include "common/base/text.hpp"
#include "common/rules/rule.hpp"

namespace rules {
namespace {

using api::Schema;
using base::JsonValue;
using kube::FieldPath;

/// What to write, for those who do not read patterns.
struct PatternWords {
  std::string_view begin;
  std::string_view words;
};
constexpr PatternWords kPatternWords[] = {
    {"^[a-fA-F0-9]{64}", "write the 64 hex digits that sha256sum prints, and nothing else"},
    {"^(https?|file|pvc|hf|s3)", "write https://host/path, hf://org/repo, s3://bucket/key or pvc://claim/path"},
    {"^[a-z0-9.\\-]+/[a-z0-9._\\-]+$", "write domain/name, for example nvidia.com/gpu"},
    {"^[0-9]+(\\.[0-9]+)?$", "write a number, for example '1.5'"},
    {"^([+-]?[0-9.]+)", "write a quantity, for example 8Gi"},
    {"^[0-9]+[mhdw]$", "write a time, for example 28d"},
};

std::string_view words_for_pattern(std::string_view pattern) {
  const auto* row = std::ranges::find_if(kPatternWords, [&](const auto& at) { return pattern.starts_with(at.begin); });
  return row == std::end(kPatternWords) ? std::string_view{} : row->words;
}

/// Reports under one of the rules that the walk speaks for.
class Walk {
 public:
  explicit Walk(Report& report) : report_(report) {}

  void value(const Schema& schema, const JsonValue& value, const FieldPath& path) {
    if (!has_type(schema.type, value)) {
      say("schema-type", path, value, {api::type_words(schema.type), words_for(value), fix_for(schema, value)});
      return;
    }
    switch (value.GetType()) {
      case rapidjson::kObjectType:
        return object(schema, value, path);
      case rapidjson::kArrayType:
        return list(schema, value, path);
      case rapidjson::kStringType:
        text(schema, value, path);
        break;
      case rapidjson::kNumberType:
        number(schema, value, path);
        break;
      case rapidjson::kNullType:
      case rapidjson::kFalseType:
      case rapidjson::kTrueType:
        break;
    }
    if (!schema.allowed.empty()) choice(schema, value, path);
  }

 private:
  void say(std::string_view id, const FieldPath& path, const JsonValue& value,
           std::initializer_list<std::string_view> words) {
    report_.rule = &rule(id);
    report_.at(path, &value, words);
  }

  static bool is_whole(const JsonValue& value) {
    if (value.IsInt64() || value.IsUint64()) return true;
    return value.IsDouble() && std::floor(value.GetDouble()) == value.GetDouble();
  }

  static bool has_type(Schema::Type type, const JsonValue& value) {
    switch (type) {
      case Schema::Type::object:
        return value.IsObject();
      case Schema::Type::array:
        return value.IsArray();
      case Schema::Type::string:
        return value.IsString();
      case Schema::Type::integer:
        return value.IsNumber() && is_whole(value);
      case Schema::Type::number:
        return value.IsNumber();
      case Schema::Type::boolean:
        return value.IsBool();
      case Schema::Type::int_or_string:
        return value.IsString() || (value.IsNumber() && is_whole(value));
      case Schema::Type::any:
        break;
    }
    return true;
  }

  static std::string_view words_for(const JsonValue& value) {
    if (value.IsNull()) return "null";
    if (value.IsObject()) return api::type_words(Schema::Type::object);
    if (value.IsArray()) return api::type_words(Schema::Type::array);
    if (value.IsString()) return api::type_words(Schema::Type::string);
    if (value.IsBool()) return api::type_words(Schema::Type::boolean);
    return api::type_words(Schema::Type::number);
  }

  /// YAML takes 1.0, yes and 012 for no texts, and '8' for one: what to do where that is all that is wrong.
  static std::string_view fix_for(const Schema& schema, const JsonValue& value) {
    if (!schema.allowed.empty()) return {};
    const auto type = schema.type;
    const bool takes_text = type == Schema::Type::string || type == Schema::Type::int_or_string;
    if (takes_text && (value.IsNumber() || value.IsBool())) return "write it in quotes";
    const auto text = base::as_string(&value).value_or("");
    const bool is_digits = !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
    const bool takes_number = type == Schema::Type::integer || type == Schema::Type::number;
    const bool takes_word = type == Schema::Type::boolean && (text == "true" || text == "false");
    return (takes_number && is_digits) || takes_word ? "write it without quotes" : std::string_view{};
  }

  void object(const Schema& schema, const JsonValue& object, const FieldPath& path) {
    for (const auto name : schema.required) {
      if (present(object, name) != nullptr) continue;
      report_.rule = &rule("schema-required");
      report_.at(path.child(name), nullptr, {name});
    }
    for (const auto& member : object.GetObject()) {
      const std::string_view name(member.name.GetString(), member.name.GetStringLength());
      if (member.value.IsNull()) continue;
      if (const Schema* child = schema.property(name)) {
        value(*child, member.value, path.child(name));
      } else if (schema.values != nullptr) {
        value(*schema.values, member.value, path.key(name));
      }
    }
  }

  void list(const Schema& schema, const JsonValue& list, const FieldPath& path) {
    const std::size_t size = list.Size();
    if (size > schema.max_items)
      say("schema-many", path, list, {std::to_string(schema.max_items), std::to_string(size)});
    if (size < schema.min_items) say("schema-few", path, list, {std::to_string(schema.min_items)});
    // A list over its limit is not read on: one answer must stay short.
    const std::size_t read = std::min(size, schema.max_items);
    if (schema.items != nullptr) {
      for (std::size_t i = 0; i < read; ++i)
        value(*schema.items, list[static_cast<rapidjson::SizeType>(i)], path.at(i));
    }
  }

  /// The API server counts characters, not bytes; there are no more of them than bytes, and at least a fourth.
  static std::size_t characters(std::string_view text) {
    return text.size() - static_cast<std::size_t>(std::ranges::count_if(text, base::continues_character));
  }

  void text(const Schema& schema, const JsonValue& value, const FieldPath& path) {
    const std::string_view text(value.GetString(), value.GetStringLength());
    if (text.size() > schema.max_length && characters(text) > schema.max_length)
      say("schema-long", path, value, {std::to_string(schema.max_length)});
    if (text.size() / 4 < schema.min_length && characters(text) < schema.min_length)
      say("schema-short", path, value, {std::to_string(schema.min_length)});
    if (!schema.pattern || schema.pattern->matches(text)) return;
    misfit(schema, value, path);
  }

  void misfit(const Schema& schema, const JsonValue& value, const FieldPath& path) {
    if (schema.type == Schema::Type::int_or_string) return say("quantity", path, value, {});
    const std::string_view text(value.GetString(), value.GetStringLength());
    // A text that fits no source may hold a credential all the same.
    const bool is_url = text.find("://") != std::string_view::npos;
    report_.rule = &rule("schema-pattern");
    report_.at(path, is_url ? base::quote_json(base::shorten(api::without_secrets(text), kMaxShown)) : shown(&value),
               {schema.pattern_text, words_for_pattern(schema.pattern_text)});
  }

  static std::string plain(double number) {
    char out[32];
    std::snprintf(out, sizeof out, "%.17g", number);
    double read = 0;
    for (int digits = 1; digits < 17; ++digits) {
      char shorter[32];
      std::snprintf(shorter, sizeof shorter, "%.*g", digits, number);
      if (std::sscanf(shorter, "%lf", &read) == 1 && read == number &&
          std::string_view(shorter).find('e') == std::string_view::npos)
        return shorter;
    }
    return out;
  }

  void number(const Schema& schema, const JsonValue& value, const FieldPath& path) {
    const double number = value.GetDouble();
    double least = schema.minimum.value_or(-std::numeric_limits<double>::infinity());
    double most = schema.maximum.value_or(std::numeric_limits<double>::infinity());
    if (schema.is_int32) {
      least = std::max(least, static_cast<double>(std::numeric_limits<std::int32_t>::min()));
      most = std::min(most, static_cast<double>(std::numeric_limits<std::int32_t>::max()));
    }
    if (number < least) say("schema-range", path, value, {"at least", plain(least)});
    if (number > most) say("schema-range", path, value, {"at most", plain(most)});
  }

  /// Whether one of the allowed JSON texts is this string in quotes; none of them has an escape in it.
  static bool is_allowed_text(const Schema& schema, std::string_view text) {
    return std::ranges::any_of(schema.allowed, [&](std::string_view allowed) {
      return allowed.size() == text.size() + 2 && allowed.front() == '"' && allowed.substr(1, text.size()) == text;
    });
  }

  void choice(const Schema& schema, const JsonValue& value, const FieldPath& path) {
    if (value.IsString() && is_allowed_text(schema, {value.GetString(), value.GetStringLength()})) return;
    const std::string written = base::to_text(value);
    if (std::ranges::find(schema.allowed, written) != schema.allowed.end()) return;
    std::string list;
    for (const auto allowed : schema.allowed) list += (list.empty() ? "" : ", ") + std::string(allowed);
    report_.rule = &rule("schema-choice");
    const std::string near = report_.is_full() || written.size() > 64
                                 ? ""
                                 : base::nearest(written, {schema.allowed.begin(), schema.allowed.end()});
    say("schema-choice", path, value, {list, near.empty() ? "" : "did you mean " + near + "?"});
  }

  Report& report_;
};

}  // namespace

void check_schema(const api::Schema& schema, const JsonValue& value, const FieldPath& path, Report& report) {
  Walk(report).value(schema, value, path);
}

}  // namespace rules
