#pragma once
#include <optional>
#include <string>
#include <string_view>

/// What may stand in llama-server's preset (an INI file in which nothing can be quoted or escaped).
/// Measured on build 11669.
namespace api {

/// Why a text cannot be a value: "a line break ends the value", ...; nothing when it can. `#` and `;` begin a comment
/// anywhere in a value; blanks at either end are trimmed.
[[nodiscard]] std::optional<std::string_view> preset_value_problem(std::string_view text);

/// Why a text cannot be a section's name, which is the name that clients ask for: no `[ ] : ,`, no line breaks.
[[nodiscard]] std::optional<std::string_view> preset_name_problem(std::string_view text);

/// Why a text cannot be an alias: as a value (the aliases are one comma list), and no `[ ] ,`; `:` may stand in it.
[[nodiscard]] std::optional<std::string_view> preset_alias_problem(std::string_view text);

/// Why a text cannot be an argument or a path at all: a NUL or a line break.
[[nodiscard]] std::optional<std::string_view> argument_problem(std::string_view text);

/// First 16 hex digits of the SHA-256 of a models.ini: how the ConfigMap, the Pods' annotation and the agents name it.
[[nodiscard]] std::string preset_hash(std::string_view models_ini);

}  // namespace api
