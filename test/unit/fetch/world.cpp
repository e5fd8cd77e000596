#include "test/unit/fetch/world.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "common/api/source.hpp"
#include "reconciler/pod/fetch/run.hpp"

namespace fetch_test {
namespace {

template <class Number>
void append(std::string& out, Number value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

void append_text(std::string& out, std::string_view text) {
  append(out, std::uint64_t{text.size()});
  out += text;
}

}  // namespace

std::string gguf(std::size_t bytes, unsigned seed, unsigned split_count) {
  std::string out = "GGUF";
  append(out, std::uint32_t{3});
  append(out, std::uint64_t{1});
  append(out, std::uint64_t{split_count > 0 ? 3U : 2U});
  append_text(out, "general.architecture");
  append(out, std::uint32_t{8});
  append_text(out, "llama");
  append_text(out, "tokenizer.ggml.tokens");
  append(out, std::uint32_t{9});
  append(out, std::uint32_t{8});
  append(out, std::uint64_t{2});
  append_text(out, "<s>");
  append_text(out, "</s>");
  if (split_count > 0) {
    append_text(out, "split.count");
    append(out, std::uint32_t{2});
    append(out, static_cast<std::uint16_t>(split_count));
  }
  append_text(out, "token_embd.weight");
  append(out, std::uint32_t{1});
  append(out, std::uint64_t{bytes / 4});
  append(out, std::uint32_t{0});
  append(out, std::uint64_t{0});
  out.resize((out.size() + 31) / 32 * 32, '\0');
  std::mt19937_64 noise(seed);
  std::string data(bytes, '\0');
  for (std::size_t i = 0; i + 8 <= bytes; i += 8) {
    const auto value = noise();
    std::memcpy(data.data() + i, &value, sizeof value);
  }
  return out + data;
}

Folder::Folder() {
  static std::atomic<unsigned> count{0};
  path_ = "/tmp/fetch-test-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
  std::filesystem::create_directory(path_);
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void Folder::write(const std::string& name, const std::string& content) const {
  const std::filesystem::path path = path_ + "/" + name;
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << content;
}

std::vector<std::string> Folder::files() const {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path_)) {
    if (entry.is_regular_file()) out.push_back(entry.path().string().substr(path_.size() + 1));
  }
  std::ranges::sort(out);
  return out;
}

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return "(none)";
  std::stringstream out;
  out << file.rdbuf();
  return out.str();
}

bool holds(const std::string& path, const std::string& content) {
  const auto found = read(path);
  if (found == content) return true;
  const auto at = std::ranges::mismatch(found, content).in1 - found.begin();
  std::fprintf(stderr, "%s: %zu bytes, wanted %zu, differs at %td\n", path.c_str(), found.size(), content.size(), at);
  return false;
}

World::World() {
  options.source = host.url("/model.gguf");
  options.to = volume.path();
  options.name = "phi4-mini";
  options.download.stall = std::chrono::seconds{60};
  options.download.retry_for = std::chrono::seconds{60};
  options.download.first_backoff = std::chrono::milliseconds{5};
  options.download.longest_backoff = std::chrono::milliseconds{50};
}

void World::serve(std::string content, std::string etag) {
  host.put("/model.gguf", {.content = std::move(content), .etag = std::move(etag)});
}

fetch::Outcome World::run() const {
  fetch::Progress progress;
  return fetch::run(options, progress, {});
}

std::string World::folder() const { return volume.path() + "/" + api::cache_key(options.source); }
std::string World::published() const { return folder() + "/" + options.name + ".gguf"; }

std::string word(const fetch::Outcome& outcome) { return std::string(fetch::info_of(outcome.reason).word); }

}  // namespace fetch_test
