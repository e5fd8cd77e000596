#include "common/api/schema.hpp"

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <set>

#include "common/base/json.hpp"
#include "common/base/log.hpp"

namespace api {
namespace {

using base::JsonValue;

/// The CRD is built in, so what is wrong with it is a mistake of this build.
[[noreturn]] void broken(std::string_view why) {
  base::log::error("crd-broken", {{"why", why}});
  std::abort();
}

constexpr auto kIsBefore = [](std::string_view a, std::string_view b) {
  return a.size() == b.size() ? a < b : a.size() < b.size();
};

class Loader {
 public:
  Loader(std::string_view json, std::string_view name, const JsonValue& (*root_of)(const JsonValue& document)) {
    auto parsed = base::parse_json(json, name);
    if (!parsed) broken(parsed.error().to_string());
    document_ = std::move(*parsed);
    root_ = load(root_of(document_));
  }

  [[nodiscard]] const Schema& root() const { return *root_; }

 private:
  const Schema* load(const JsonValue& node) {
    Schema& out = nodes_.emplace_back();
    out.type = type_of(node);
    load_children(node, out);
    load_bounds(node, out);
    load_texts(node, out);
    return &out;
  }

  static Schema::Type type_of(const JsonValue& node) {
    if (base::as_bool(base::find(node, "x-kubernetes-int-or-string")).value_or(false))
      return Schema::Type::int_or_string;
    const std::string_view name = base::as_string(base::find(node, "type")).value_or("");
    if (name == "object") return Schema::Type::object;
    if (name == "array") return Schema::Type::array;
    if (name == "string") return Schema::Type::string;
    if (name == "integer") return Schema::Type::integer;
    if (name == "number") return Schema::Type::number;
    if (name == "boolean") return Schema::Type::boolean;
    return Schema::Type::any;
  }

  void load_children(const JsonValue& node, Schema& out) {
    std::set<std::string_view> required;
    if (const JsonValue* list = base::find(node, "required")) {
      for (const auto& name : list->GetArray()) required.insert(base::as_string(&name).value_or(""));
    }
    if (const JsonValue* properties = base::find(node, "properties")) {
      for (const auto& member : properties->GetObject()) {
        const std::string_view name = base::as_string(&member.name).value_or("");
        out.properties.push_back({name, load(member.value)});
        if (required.contains(name) && out.properties.back().schema->default_json.empty()) out.required.push_back(name);
      }
      std::ranges::sort(out.properties, kIsBefore, &Schema::Property::name);
      index_by_length(out);
    }
    if (const JsonValue* items = base::find(node, "items")) out.items = load(*items);
    const JsonValue* values = base::find(node, "additionalProperties");
    if (values != nullptr && values->IsObject()) out.values = load(*values);
  }

  static void index_by_length(Schema& out) {
    const std::size_t longest = out.properties.empty() ? 0 : out.properties.back().name.size();
    for (std::size_t length = 0, at = 0; length <= longest + 1; ++length) {
      while (at < out.properties.size() && out.properties[at].name.size() < length) ++at;
      out.first_of_length.push_back(static_cast<std::uint16_t>(at));
    }
  }

  static std::optional<double> number(const JsonValue& node, std::string_view key) {
    const JsonValue* value = base::find(node, key);
    return value != nullptr && value->IsNumber() ? std::optional(value->GetDouble()) : std::nullopt;
  }

  static std::size_t count(const JsonValue& node, std::string_view key, std::size_t otherwise) {
    const auto value = base::as_int(base::find(node, key));
    return value ? static_cast<std::size_t>(*value) : otherwise;
  }

  static void load_bounds(const JsonValue& node, Schema& out) {
    out.minimum = number(node, "minimum");
    out.maximum = number(node, "maximum");
    out.min_length = count(node, "minLength", out.min_length);
    out.max_length = count(node, "maxLength", out.max_length);
    out.min_items = count(node, "minItems", out.min_items);
    out.max_items = count(node, "maxItems", out.max_items);
    out.is_int32 = base::as_string(base::find(node, "format")) == "int32";
  }

  void load_texts(const JsonValue& node, Schema& out) {
    if (const JsonValue* list = base::find(node, "enum")) {
      for (const auto& value : list->GetArray()) out.allowed.push_back(texts_.emplace_back(base::to_text(value)));
    }
    if (const auto pattern = base::as_string(base::find(node, "pattern"))) {
      out.pattern_text = *pattern;
      out.pattern = Pattern::compile(*pattern);
      if (!out.pattern) broken("a pattern is not understood: " + std::string(*pattern));
    }
    if (const JsonValue* value = base::find(node, "default")) out.default_json = base::to_text(*value);
  }

  base::JsonDocument document_;
  std::deque<Schema> nodes_;
  std::deque<std::string> texts_;
  const Schema* root_ = nullptr;
};

const JsonValue& root_of_crd(const JsonValue& crd) {
  const JsonValue* versions = base::find_path(crd, {"spec", "versions"});
  if (versions == nullptr || !versions->IsArray() || versions->Empty()) broken("no versions");
  const JsonValue* root = base::find_path((*versions)[0], {"schema", "openAPIV3Schema"});
  if (root == nullptr) broken("no schema");
  return *root;
}

Loader load_crd(Kind kind) { return {crd_json(kind), kind_name(kind), root_of_crd}; }

/// Source: k8s.io/apimachinery/pkg/apis/meta/v1/types.go, and for what an owner must say ValidateOwnerReferences.
constexpr std::string_view kObjectMeta = R"({
  "type": "object",
  "properties": {
    "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
    "creationTimestamp": {"type": "string"},
    "deletionGracePeriodSeconds": {"type": "integer"},
    "deletionTimestamp": {"type": "string"},
    "finalizers": {"type": "array", "items": {"type": "string"}},
    "generateName": {"type": "string"},
    "generation": {"type": "integer"},
    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    "managedFields": {"type": "array", "items": {"type": "object"}},
    "name": {"type": "string"},
    "namespace": {"type": "string"},
    "ownerReferences": {"type": "array", "items": {
      "type": "object",
      "required": ["apiVersion", "kind", "name", "uid"],
      "properties": {
        "apiVersion": {"type": "string", "minLength": 1},
        "blockOwnerDeletion": {"type": "boolean"},
        "controller": {"type": "boolean"},
        "kind": {"type": "string", "minLength": 1},
        "name": {"type": "string", "minLength": 1},
        "uid": {"type": "string", "minLength": 1}}}},
    "resourceVersion": {"type": "string"},
    "selfLink": {"type": "string"},
    "uid": {"type": "string"}}})";

}  // namespace

const Schema* Schema::property(std::string_view name) const {
  const std::size_t length = name.size();
  if (length + 1 >= first_of_length.size()) return nullptr;
  for (std::size_t i = first_of_length[length]; i < first_of_length[length + 1]; ++i) {
    // The last letter tells most names of a length apart.
    if (length == 0 || (properties[i].name.back() == name.back() && properties[i].name == name))
      return properties[i].schema;
  }
  return nullptr;
}

const Schema& schema_of(Kind kind) {
  static const Loader services = load_crd(Kind::inference_service);
  static const Loader models = load_crd(Kind::model);
  return kind == Kind::model ? models.root() : services.root();
}

const Schema& object_meta_schema() {
  static const Loader metadata(kObjectMeta, "ObjectMeta",
                               [](const JsonValue& document) -> const JsonValue& { return document; });
  return metadata.root();
}

std::string_view type_words(Schema::Type type) {
  switch (type) {
    case Schema::Type::object:
      return "an object";
    case Schema::Type::array:
      return "a list";
    case Schema::Type::string:
      return "a string";
    case Schema::Type::integer:
      return "a whole number";
    case Schema::Type::number:
      return "a number";
    case Schema::Type::boolean:
      return "true or false";
    case Schema::Type::int_or_string:
      return "a whole number or a string";
    case Schema::Type::any:
      break;
  }
  return "any value";
}

}  // namespace api
