#include "reconciler/pod/agent/preset.hpp"

#include <algorithm>

#include "common/api/preset.hpp"
#include "common/base/text.hpp"
#include "common/base/wire_text.hpp"

namespace agent {
namespace {

using Keys = std::map<std::string, std::string, std::less<>>;

/// A preset while it is read: sections of one name merge, the last value of a key wins.
class Reader {
 public:
  base::Result<> line(std::string_view text, int number) {
    const auto at = text.find_first_of("#;");
    const bool is_header = text.starts_with('[');
    const auto content = base::trim(is_header || at == std::string_view::npos ? text : text.substr(0, at));
    if (content.empty()) return {};
    return is_header ? header(content, number) : key(content, number);
  }

  Preset finish(std::string_view text) {
    Preset preset;
    preset.hash = api::preset_hash(text);
    for (auto& section : sections_) {
      section.keys.insert(common_.begin(), common_.end());
      if (const auto alias = section.keys.extract("alias")) section.aliases = split(alias.mapped());
      std::erase(section.aliases, section.name);
      preset.sections.push_back(std::move(section));
    }
    return preset;
  }

 private:
  base::Result<> header(std::string_view content, int number) {
    const auto close = content.find(']');
    if (close == std::string_view::npos || close == 1)
      return base::fail("not a section header", "models.ini line " + std::to_string(number));
    const auto name = content.substr(1, close - 1);
    if (name == "*") {
      keys_ = &common_;
      return {};
    }
    auto section = std::ranges::find(sections_, name, &PresetSection::name);
    if (section == sections_.end()) section = sections_.insert(section, {std::string(name), {}, {}});
    keys_ = &section->keys;
    return {};
  }

  base::Result<> key(std::string_view content, int number) {
    const auto equals = content.find('=');
    const auto where = "models.ini line " + std::to_string(number);
    if (equals == std::string_view::npos) return base::fail("neither a section, nor a key, nor a comment", where);
    const auto name = base::trim(content.substr(0, equals));
    if (keys_ == nullptr) {
      if (name == "version") return {};
      return base::fail("a key before the first section", where);
    }
    (*keys_)[std::string(name)] = std::string(base::trim(content.substr(equals + 1)));
    return {};
  }

  static std::vector<std::string> split(std::string_view list) {
    std::vector<std::string> out;
    while (!list.empty()) {
      const auto item = base::trim(base::take_until(list, ","));
      if (!item.empty() && std::ranges::find(out, item) == out.end()) out.emplace_back(item);
    }
    std::ranges::sort(out);
    return out;
  }

  Keys common_;
  std::vector<PresetSection> sections_;
  Keys* keys_ = nullptr;
};

base::Result<> check(const Preset& preset) {
  std::map<std::string_view, std::string_view> owners;
  for (const auto& section : preset.sections) {
    const auto model = section.keys.find("model");
    if (model == section.keys.end() || model->second.empty())
      return base::fail("no key \"model\"", "models.ini [" + section.name + "]");
    owners.emplace(section.name, section.name);
  }
  for (const auto& section : preset.sections) {
    for (const auto& alias : section.aliases) {
      const auto [owner, is_new] = owners.emplace(alias, section.name);
      if (!is_new)
        return base::fail("alias \"" + alias + "\" belongs to \"" + std::string(owner->second) + "\" already",
                          "models.ini [" + section.name + "]");
    }
  }
  return {};
}

}  // namespace

const PresetSection* Preset::find(std::string_view name) const {
  const auto found = std::ranges::find(sections, name, &PresetSection::name);
  return found == sections.end() ? nullptr : &*found;
}

base::Result<Preset> parse_preset(std::string_view text) {
  Reader reader;
  int number = 0;
  for (auto rest = text; !rest.empty();) {
    if (auto read = reader.line(base::take_until(rest, "\n"), ++number); !read) return std::unexpected(read.error());
  }
  auto preset = reader.finish(text);
  if (auto good = check(preset); !good) return std::unexpected(good.error());
  return preset;
}

std::set<std::string, std::less<>> changed_sections(const Preset& before, const Preset& after) {
  std::set<std::string, std::less<>> changed;
  for (const auto& section : before.sections) {
    const auto* now = after.find(section.name);
    if (now == nullptr || now->keys != section.keys) changed.insert(section.name);
  }
  return changed;
}

}  // namespace agent
