#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/json.hpp"

/// Reading one member of a JSON object into the type a view wants; odd types read as absent.
namespace api::decode {

[[nodiscard]] std::string text(const base::JsonValue& object, std::string_view key, std::string_view otherwise = {});
[[nodiscard]] std::optional<std::int64_t> integer(const base::JsonValue& object, std::string_view key);
[[nodiscard]] std::optional<double> number(const base::JsonValue& object, std::string_view key);
[[nodiscard]] std::optional<bool> boolean(const base::JsonValue& object, std::string_view key);
[[nodiscard]] bool flag(const base::JsonValue& object, std::string_view key, bool otherwise = false);
/// The strings of a list; items of other types are left out.
[[nodiscard]] std::vector<std::string> texts(const base::JsonValue& object, std::string_view key);
/// The JSON text of a list or object; empty when absent or a scalar.
[[nodiscard]] std::string json(const base::JsonValue& object, std::string_view key);
/// The member when it is an object, else null.
[[nodiscard]] const base::JsonValue* object(const base::JsonValue& parent, std::string_view key);

}  // namespace api::decode
