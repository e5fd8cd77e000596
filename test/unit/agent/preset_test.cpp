#include "reconciler/pod/agent/preset.hpp"

#include "test/catch.hpp"

using agent::changed_sections;
using agent::parse_preset;

namespace {

agent::Preset parsed(std::string_view text) {
  auto preset = parse_preset(text);
  if (!preset) FAIL(preset.error().to_string());
  return *preset;
}

using Names = std::set<std::string, std::less<>>;

}  // namespace

TEST_CASE("a preset is read as llama-server reads it") {
  const auto preset = parsed(
      "version = 1\r\n; comment\n[*]\nctx-size = 512\nthreads = 2\n\n[a] # c\nmodel = /m/a.gguf # not part of it\n"
      "alias = z, b ,b,,a\nctx-size = 1024\r\n[b c]\nmodel=/m/b=1.gguf\n[a]\nthreads = 4");
  REQUIRE(preset.sections.size() == 2);
  const auto& a = preset.sections[0];
  CHECK(a.name == "a");
  CHECK(a.aliases == std::vector<std::string>{"b", "z"});
  CHECK(a.keys == std::map<std::string, std::string, std::less<>>{
                      {"model", "/m/a.gguf"}, {"ctx-size", "1024"}, {"threads", "4"}});
  CHECK(preset.find("b c")->keys.at("model") == "/m/b=1.gguf");
  CHECK(preset.find("b c")->keys.at("ctx-size") == "512");
  CHECK(preset.find("c") == nullptr);
}

TEST_CASE("the hash is that of the bytes") {
  CHECK(parsed("").hash == "e3b0c44298fc1c14");
  CHECK(parsed("[a]\nmodel = x\n").hash != parsed("[a]\nmodel = x").hash);
}

TEST_CASE("what would hurt a running server is refused with its place") {
  const auto error = [](std::string_view text) {
    const auto preset = parse_preset(text);
    REQUIRE_FALSE(preset.has_value());
    return preset.error().to_string();
  };
  CHECK_THAT(error("[a]\nctx-size = 1\n"), ContainsSubstring("[a]"));
  CHECK_THAT(error("[a]\nmodel = x\n[b]\nmodel = y\nalias = a\n"), ContainsSubstring("alias \"a\" belongs to \"a\""));
  CHECK_THAT(error("[a]\nmodel = x\nalias = z\n[b]\nmodel = y\nalias = z\n"), ContainsSubstring("[b]"));
  CHECK_THAT(error("[a]\nmodel = x\nflash\n"), ContainsSubstring("line 3"));
  CHECK_THAT(error("[]\nmodel = x\n"), ContainsSubstring("line 1"));
  CHECK_THAT(error("[a\nmodel = x\n"), ContainsSubstring("line 1"));
  CHECK_THAT(error("model = x\n"), ContainsSubstring("before the first section"));
}

TEST_CASE("changed sections are those that a reload unloads") {
  const auto before = parsed("[*]\nthreads = 1\n[a]\nmodel = x\n[b]\nmodel = y\nthreads = 2\n");
  const auto changed = [&](std::string_view text) { return changed_sections(before, parsed(text)); };
  CHECK(changed("[b]\nthreads = 2\nmodel = y\n# c\n[a]\nmodel = x\n[*]\nthreads = 1\n").empty());
  CHECK(changed("[*]\nthreads = 1\n[a]\nmodel = x\nalias = n\n[b]\nmodel = y\nthreads = 2\n[c]\nmodel = z\n").empty());
  CHECK(changed("[*]\nthreads = 3\n[a]\nmodel = x\n[b]\nmodel = y\nthreads = 2\n") == Names{"a"});
  CHECK(changed("[*]\nthreads = 1\n[a]\nmodel = x\n") == Names{"b"});
  CHECK(changed("") == Names{"a", "b"});
}
