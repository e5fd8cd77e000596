#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/api/crd.hpp"
#include "common/api/pattern.hpp"

namespace api {

/// One node of a CRD's schema, made ready for walking. Nodes live as long as the program and never change.
struct Schema {
  enum class Type { any, object, array, string, integer, number, boolean, int_or_string };
  struct Property {
    std::string_view name;
    const Schema* schema = nullptr;
  };

  Type type = Type::any;
  /// Sorted by length, then by name.
  std::vector<Property> properties;
  /// Where those of each length begin in `properties`, and behind the last length their end.
  std::vector<std::uint16_t> first_of_length;
  /// Names of the properties that must be there: required, and without a default.
  std::vector<std::string_view> required;
  /// Of a list's items.
  const Schema* items = nullptr;
  /// Of a map's values.
  const Schema* values = nullptr;

  std::optional<double> minimum;
  std::optional<double> maximum;
  std::size_t min_length = 0;
  std::size_t max_length = SIZE_MAX;
  std::size_t min_items = 0;
  std::size_t max_items = SIZE_MAX;
  bool is_int32 = false;
  /// JSON texts of the values that are allowed; empty when all are.
  std::vector<std::string_view> allowed;
  std::optional<Pattern> pattern;
  std::string_view pattern_text;
  /// JSON text; empty when there is none.
  std::string default_json;

  /// Null when there is no such property.
  [[nodiscard]] const Schema* property(std::string_view name) const;
  /// An object of which the schema says nothing more (metadata): any field is known in it.
  [[nodiscard]] bool is_free_form() const { return properties.empty() && values == nullptr; }
};

/// The schema of a whole object.
[[nodiscard]] const Schema& schema_of(Kind kind);

/// The schema of `metadata`, which a CRD leaves to the API server: that has refused what does not fit before it asks a
/// webhook.
[[nodiscard]] const Schema& object_meta_schema();

/// "a list", "a string", ...: for messages.
[[nodiscard]] std::string_view type_words(Schema::Type type);

}  // namespace api
