#pragma once
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.hpp"

/// The preset (models.ini) as llama-server's router reads it (measured on build 11669).
namespace agent {

struct PresetSection {
  std::string name;
  std::vector<std::string> aliases;
  /// All keys with those of `[*]` that the section lacks; without `alias`, whose change unloads nothing.
  std::map<std::string, std::string, std::less<>> keys;
  bool operator==(const PresetSection&) const = default;
};

struct Preset {
  /// In the order of the file, without `[*]`.
  std::vector<PresetSection> sections;
  /// The first 16 hex digits of the SHA-256 of the file's bytes.
  std::string hash;

  /// Null when there is none of that name.
  [[nodiscard]] const PresetSection* find(std::string_view name) const;
};

/// Reads a preset and refuses what would hurt a running llama-server: a section with no `model` (it hangs in
/// "loading" for ever), an alias that is another section's name or alias (a reload does half of its work, then fails),
/// a line that is no section, key or comment.
[[nodiscard]] base::Result<Preset> parse_preset(std::string_view text);

/// The sections of `before` that are not the same in `after`: those whose loaded models a reload unloads. May name one
/// too many (another spelling of a key), never one too few.
[[nodiscard]] std::set<std::string, std::less<>> changed_sections(const Preset& before, const Preset& after);

}  // namespace agent
