#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "common/api/llama_flags.hpp"

/// What llama-server makes of the values of its flags: the column `takes` of the table, asked of the program itself.
namespace api {

/// Whether the value is a small number and the flag takes any: no more need be asked. Most values are.
[[nodiscard]] bool is_plain_number(const LlamaFlag& flag, std::string_view value);

/// What a flag takes, in words ("a whole number from 0 on"), when llama-server surely refuses this value; nothing when
/// it takes it, or when only the machine that it runs on can say.
[[nodiscard]] std::optional<std::string> value_refused(const LlamaFlag& flag, std::string_view value);

/// The number that is read of a value whose end llama-server drops without a word: "8" of "8k". Empty when nothing is
/// dropped.
[[nodiscard]] std::string_view value_cut(const LlamaFlag& flag, std::string_view value);

}  // namespace api
