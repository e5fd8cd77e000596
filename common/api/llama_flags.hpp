#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// llama-server's flags as the pinned build (kLlamaBuild) knows them. The preset's keys are the same words without
/// `--`, and one unknown key in one section ends the whole server, so nothing is rendered that is not in this table.
namespace api {

/// The build that the table was made of, and that docs and tests speak of.
inline constexpr int kLlamaBuild = 11669;

/// Who decides about a flag.
enum class FlagUse {
  /// Concerns a model: goes into the preset, service-wide ones into `[*]`.
  model,
  /// The router process's own: goes on its command line, from `spec.extraArgs` only.
  server,
  /// Not for users: it would end router mode, or a field of the API says it.
  reserved,
};

/// One row.
struct LlamaFlag {
  /// The preset key: the last positive long name, as llama-server hands it to the model's process.
  std::string_view key;
  /// Every name, a blank between them: "-c --ctx-size".
  std::string_view names;
  /// Names that switch it off: "-nkvo --no-kv-offload".
  std::string_view negative_names;
  /// The environment variable that means the same; empty when there is none.
  std::string_view env;
  /// How many words follow it.
  int arity = 0;
  /// What values it takes, in the words of `llama_flags/generate`; empty: any text, or who knows.
  std::string_view takes;
  /// Not empty: this build refuses the flag, and this says what to use.
  std::string_view removed;
  FlagUse use = FlagUse::model;
  /// For reserved flags: what to do instead. For others: the field of the spec that means the same, or empty.
  std::string_view instead = {};
};

/// Whether the table may not hold for an image: true unless its tag ends in the build, as in
/// `llama.cpp:server-cuda-b11669`, or there is none.
[[nodiscard]] bool may_be_other_build(std::string_view image);

/// All rows.
[[nodiscard]] std::span<const LlamaFlag> llama_flags();
/// By any of its names, `_` and `-` being the same after `--`; null when this build does not know it.
[[nodiscard]] const LlamaFlag* find_llama_flag(std::string_view name);
/// By its environment variable.
[[nodiscard]] const LlamaFlag* find_llama_flag_by_env(std::string_view env);
/// The known name that is nearest to an unknown one, or what does the work of a flag that is gone; else empty.
[[nodiscard]] std::string nearest_llama_flag(std::string_view name);

/// Whether several values of a flag are one comma list. A preset takes a key once, so of any other flag that stands
/// twice only the last one counts.
[[nodiscard]] bool joins_values(const LlamaFlag& flag);

/// What is wrong with one flag of an argument list.
enum class FlagProblem {
  none,
  /// No flag of this build; `flag` is null.
  unknown,
  /// A word where a flag should be; `flag` is null.
  not_a_flag,
  /// The list ends, or the next flag follows, where its value should be.
  value_missing,
  /// `--flag=value` where the flag takes none.
  value_unexpected,
};

/// One flag of an argument list, resolved.
struct ParsedFlag {
  const LlamaFlag* flag = nullptr;
  /// As written, without a value: "-c".
  std::string name;
  /// Its value; "true" or "false" for switches, of unknown flags too. Two values (arity 2) have a blank between them.
  std::string value;
  /// Where in the list it stands, and where its value stands (the same for `--flag=value` and switches).
  std::size_t index = 0;
  std::size_t value_index = 0;
  FlagProblem problem = FlagProblem::none;

  /// The preset key; for an unknown flag its name without dashes.
  [[nodiscard]] std::string key() const;
  /// Whether it is no flag of this build, but one that another build may know: a preset takes its key, in small
  /// letters.
  [[nodiscard]] bool may_be_known_elsewhere() const;
};

/// Reads an argument list as llama-server does, and `--flag=value` too, which it does not take itself. Appends its
/// flags to `out`, at most one for each word.
void parse_llama_flags(std::span<const std::string_view> args, std::vector<ParsedFlag>& out);
/// The same, of one list alone.
[[nodiscard]] std::vector<ParsedFlag> parse_llama_flags(const std::vector<std::string>& args);

}  // namespace api
