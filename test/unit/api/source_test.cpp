#include "common/api/source.hpp"

#include "test/catch.hpp"

using api::SourceKind;

namespace {

struct Case {
  std::string source;
  bool has_files;
  std::string url;  // of the file "f.gguf" when has_files
};

std::string url(const Case& one) {
  const auto source = api::parse_source(one.source, one.has_files);
  if (!source) return "error: " + source.error().to_string();
  return api::url_of(*source, one.has_files ? "f.gguf" : "", "https://endpoint");
}

}  // namespace

TEST_CASE("each way to write a source leads to the URL of the file") {
  const auto one = GENERATE(
      Case{"https://models.example/a.gguf", false, "https://models.example/a.gguf"},
      Case{"HTTPS://models.example/a.gguf?x=1", false, "HTTPS://models.example/a.gguf?x=1"},
      Case{"http://models.example/folder/", true, "http://models.example/folder/f.gguf"},
      Case{"hf://org/repo", true, "https://endpoint/org/repo/resolve/main/f.gguf"},
      Case{"hf://org/repo@v1.0", true, "https://endpoint/org/repo/resolve/v1.0/f.gguf"},
      Case{"hf://org/repo/sub/a b.gguf", false, "https://endpoint/org/repo/resolve/main/sub/a%20b.gguf"},
      Case{"org/repo", true, "https://endpoint/org/repo/resolve/main/f.gguf"},
      Case{"https://huggingface.co/org/repo", true, "https://endpoint/org/repo/resolve/main/f.gguf"},
      Case{"https://WWW.HuggingFace.co/Org/Repo/tree/dev?x#y", true, "https://endpoint/Org/Repo/resolve/dev/f.gguf"},
      Case{"https://huggingface.co/org/repo/blob/main/a.gguf", false, "https://endpoint/org/repo/resolve/main/a.gguf"},
      Case{"https://huggingface.co/org/repo/resolve/main/q4/a%20b.gguf?download=true", false,
           "https://endpoint/org/repo/resolve/main/q4/a%20b.gguf"},
      Case{"https://huggingface.co/org/repo/resolve/refs%2Fpr%2F1/a.gguf", false,
           "https://endpoint/org/repo/resolve/refs%2Fpr%2F1/a.gguf"},
      Case{"https://huggingface.co/org/repo/blob/refs%2Fpr%2F1/q4/a.gguf", false,
           "https://endpoint/org/repo/resolve/refs%2Fpr%2F1/q4/a.gguf"},
      Case{"https://huggingface.co/org/repo/resolve/refs/pr/12/a.gguf", false,
           "https://endpoint/org/repo/resolve/refs%2Fpr%2F12/a.gguf"},
      Case{"https://huggingface.co/org/repo/tree/refs%2Fpr%2F1", true,
           "https://endpoint/org/repo/resolve/refs%2Fpr%2F1/f.gguf"},
      Case{"hf://org/repo@refs/pr/1", true, "https://endpoint/org/repo/resolve/refs%2Fpr%2F1/f.gguf"},
      Case{"hf://org/repo@refs/pr/1/q4/a.gguf", false, "https://endpoint/org/repo/resolve/refs%2Fpr%2F1/q4/a.gguf"},
      Case{"hf://org/repo@feature%2Fx/a@b.gguf", false, "https://endpoint/org/repo/resolve/feature%2Fx/a%40b.gguf"},
      Case{"s3://bucket/some/key.gguf", false, "https://endpoint/bucket/some/key.gguf"},
      Case{"s3://bucket/prefix/", true, "https://endpoint/bucket/prefix/f.gguf"},
      Case{"s3://bucket", true, "https://endpoint/bucket/f.gguf"});
  CAPTURE(one.source);
  CHECK(url(one) == one.url);
}

TEST_CASE("a pvc source names claim and path") {
  const auto source = api::parse_source("pvc://claim/sub/a.gguf", false);
  REQUIRE(source);
  CHECK(source->kind == SourceKind::pvc);
  CHECK(source->claim == "claim");
  CHECK(source->path == "sub/a.gguf");
}

TEST_CASE("a source that makes no sense is refused with what to do") {
  const auto [source, has_files, part] = GENERATE(table<std::string, bool, std::string>({
      {"", false, "is empty"},
      {"hf://org/repo", false, "list the file"},
      {"hf://org/repo@", true, "revision"},
      {"hf://org/repo@refs//1", true, "revision"},
      {"hf://org/repo@a%2F..%2Fb/a.gguf", false, "revision"},
      {"https://huggingface.co/org/repo/blob/%20/a.gguf", false, "revision"},
      {"https://huggingface.co/org/repo/blob/a%2525/a.gguf", false, "revision"},
      {"hf://org", true, "names no Hugging Face repository"},
      {"hf://org/../x", false, "no Hugging Face repository"},
      {"hf://org/repo/../../x.gguf", false, "leaves its folder"},
      {"https://huggingface.co/datasets/org/repo", true, "dataset"},
      {"https://huggingface.co/org/repo/discussions/1", false, "no page of a file"},
      {"https://huggingface.co/org/repo/blob/main/a.gguf", true, "spec.files is set too"},
      {"https://host/a.gguf", true, "end the URL of a folder with a slash"},
      {"https://host/", false, "names a folder"},
      {"https://host", false, "names a folder"},
      {"https:///a", false, "has no host"},
      {"https://host/a b", false, "blank"},
      {"https://user:secret@host/a.gguf", false, "password"},
      {"s3://", false, "names no bucket"},
      {"s3://bucket/", false, "names no key"},
      {"pvc://claim", false, "pvc://claim/path"},
      {"pvc://claim/../other", false, "leaves its folder"},
      {"/models/a.gguf", false, "path on a node"},
      {"file:///models/a.gguf", false, "path on a node"},
      {"ftp://host/a", false, "unknown scheme"},
      {"a/b/c", true, "neither"},
  }));
  CAPTURE(source);
  const auto parsed = api::parse_source(source, has_files);
  REQUIRE_FALSE(parsed);
  CHECK_THAT(parsed.error().to_string(), ContainsSubstring(part));
  CHECK_FALSE(parsed.error().fix.empty());
  CHECK_THAT(parsed.error().to_string(), !ContainsSubstring("secret"));
}

TEST_CASE("the cache key is LLMKube's: over the text as written") {
  CHECK(api::cache_key("https://models.example/phi4-mini-q4_k_m.gguf").size() == 16);
  CHECK(api::cache_key("abc") == "ba7816bf8f01cfea");
  CHECK(api::cache_key("hf://a/b") != api::cache_key("https://huggingface.co/a/b"));
}

TEST_CASE("a Model's name becomes a file name that stays in its folder") {
  CHECK(api::file_of_model("phi4-mini") == "phi4-mini.gguf");
  CHECK(api::file_of_model("a/../b c") == "a-..-b-c.gguf");
  CHECK(api::file_of_model("../x") == "x.gguf");
  CHECK(api::file_of_model("") == "model.gguf");
}

TEST_CASE("files are relative paths that stay inside") {
  CHECK(api::check_file("a.gguf"));
  CHECK(api::check_file("q4/a-00001-of-00002.gguf"));
  CHECK(api::check_file("a..b.gguf"));
  CHECK(api::check_file(std::string(255, 'a') + "/" + std::string(255, 'b')));
  const auto wrong =
      GENERATE(as<std::string>{}, "", "/a", "../a", "a/../b", "a//b", "a/", "./a", "*.gguf", "a?", "a\\b", "a\nb",
               std::string("a\0b", 3), std::string(256, 'a'), std::string(256, 'a') + "/b",
               std::string(200, 'a') + "/" + std::string(200, 'b') + "/" + std::string(200, 'c'));
  CAPTURE(wrong);
  CHECK_FALSE(api::check_file(wrong));
}

TEST_CASE("a part of a split model names all parts") {
  CHECK(api::shards_of("q/a-00002-of-00003.gguf") ==
        std::vector<std::string>{"q/a-00001-of-00003.gguf", "q/a-00002-of-00003.gguf", "q/a-00003-of-00003.gguf"});
  const auto alone = GENERATE(as<std::string>{}, "a.gguf", "a-00003-of-00002.gguf", "a-00000-of-00002.gguf",
                              "a-0x001-of-00002.gguf", "-00001-of-00002.gguf", "a-00001-of-99999.gguf");
  CHECK(api::shards_of(alone) == std::vector{alone});
}

TEST_CASE("what is shown to people holds no secret") {
  CHECK(api::without_secrets("https://u:p@host/a?token=x#y") == "https://host/a");
  CHECK(api::without_secrets("https://host/a@b") == "https://host/a@b");
  CHECK(api::without_secrets("hf://org/repo@rev") == "hf://org/repo@rev");
}

TEST_CASE("a port is one that a host can have") {
  for (const auto* good :
       {"https://host:8443/a.gguf", "https://host:/a.gguf", "https://[::1]/a.gguf", "http://[::1]:80/a.gguf"})
    CHECK(api::parse_source(good, false));
  for (const auto* bad : {"https://host:99999/a.gguf", "https://host:0/a.gguf", "https://host:x/a.gguf",
                          "https://[::1]:99999/a.gguf", "https://host:80:80/a.gguf"}) {
    const auto parsed = api::parse_source(bad, false);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().what == "has a port that no host can have");
  }
}
