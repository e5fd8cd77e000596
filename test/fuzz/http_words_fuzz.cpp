#include <cstdint>
#include <string>

#include "common/api/source.hpp"
#include "reconciler/pod/fetch/http_words.hpp"

namespace {

void check(bool holds) {
  if (!holds) __builtin_trap();
}

}  // namespace

/// Headers and sources of any bytes: what is read back obeys what its declaration promises.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (const auto range = fetch::parse_content_range(text)) {
    check(range->begin.has_value() == range->end.has_value());
    check(range->begin || range->total);
    if (range->begin) check(*range->begin < *range->end);
    if (range->begin && range->total) check(*range->end <= *range->total);
  }
  const auto etag = fetch::strong_etag(text);
  check(etag.empty() || etag.find_first_of("\r\n ") == std::string::npos);
  for (const auto& hex :
       {fetch::sha256_of_linked_etag(text), fetch::sha256_of_base64(text), fetch::sha256_of_repr_digest(text)}) {
    check(hex.empty() || (hex.size() == 64 && hex.find_first_not_of("0123456789abcdef") == std::string::npos));
  }
  (void)fetch::origin_of(text);
  for (const bool has_files : {false, true}) {
    const auto source = api::parse_source(text, has_files);
    if (!source) continue;
    const auto url = api::url_of(*source, has_files ? "a.gguf" : "", "https://endpoint");
    check(url.empty() == (source->kind == api::SourceKind::pvc));
    check(url.find_first_of("\r\n ") == std::string::npos);
  }
  if (api::check_file(text)) {
    check(!text.empty() && text.front() != '/' && ("/" + text + "/").find("/../") == std::string::npos);
  }
  const auto file = api::file_of_model(text);
  check(file.ends_with(".gguf") && file.find('/') == std::string::npos && file.front() != '.');
  for (const auto& shard : api::shards_of(text)) check(shard.size() == text.size());
  return 0;
}
