// Lines as an argument list: every word is accounted for once, and what passes as a preset value can stand in a line.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/api/llama_flags.hpp"
#include "common/api/llama_values.hpp"
#include "common/api/preset.hpp"
#include "test/fuzz/require.hpp"

namespace {

/// What an INI reader makes of `key = value`: comments and outer blanks are gone.
std::string read_back(std::string_view value) {
  value = value.substr(0, value.find_first_of("#;\n\r"));
  const auto first = value.find_first_not_of(" \t\v\f");
  if (first == std::string_view::npos) return {};
  return std::string(value.substr(first, value.find_last_not_of(" \t\v\f") - first + 1));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> words;
  while (!text.empty()) {
    const auto end = text.find('\n');
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  std::size_t next = 0;
  for (const auto& flag : api::parse_llama_flags(words)) {
    require(flag.index == next && flag.value_index >= flag.index && flag.value_index < words.size());
    require((flag.flag == nullptr) ==
            (flag.problem == api::FlagProblem::unknown || flag.problem == api::FlagProblem::not_a_flag));
    next = flag.value_index + 1;
    if (flag.flag != nullptr && flag.flag->arity == 2 && flag.problem == api::FlagProblem::none) ++next;
    if (flag.problem == api::FlagProblem::value_missing) next = std::max(next, flag.index + 1);
    static_cast<void>(flag.key());
    if (flag.flag != nullptr && flag.flag->arity == 1) {
      // A value is refused, or read whole, or cut after a part that is taken.
      const auto cut = api::value_cut(*flag.flag, flag.value);
      require(flag.value.starts_with(cut) && cut.size() < std::max<std::size_t>(1, flag.value.size()));
      if (!cut.empty())
        require(!api::value_refused(*flag.flag, flag.value) && !api::value_refused(*flag.flag, cut) &&
                api::value_cut(*flag.flag, cut).empty());
    }
    if (!api::preset_value_problem(flag.value)) require(read_back(flag.value) == flag.value);
  }
  require(next == words.size());
  return 0;
}
