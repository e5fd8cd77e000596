#include "reconciler/pod/agent/gate/asked_model.hpp"

#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <algorithm>

#include "common/base/text.hpp"

namespace agent {
namespace {

/// Takes the two top-level members and lets all else pass.
class TopLevel : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, TopLevel> {
 public:
  Asked asked;

  bool Default() { return value(Member::other); }
  bool RawNumber(const char*, rapidjson::SizeType, bool) { return value(Member::other); }
  bool Bool(bool given) {
    if (depth_ == 1 && member_ == Member::stream) asked.stream = given;
    return value(Member::other);
  }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    if (depth_ == 1 && member_ == Member::model) asked.model.emplace(text, size);
    return value(Member::other);
  }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    const std::string_view key(text, size);
    if (depth_ == 1) member_ = key == "model" ? Member::model : key == "stream" ? Member::stream : Member::other;
    return true;
  }
  bool StartObject() { return open(); }
  bool EndObject(rapidjson::SizeType) { return shut(); }
  bool StartArray() { return open(); }
  bool EndArray(rapidjson::SizeType) { return shut(); }

 private:
  enum class Member { other, model, stream };
  bool value(Member next) {
    if (depth_ == 1) member_ = next;
    return true;
  }
  bool open() {
    ++depth_;
    return true;
  }
  bool shut() {
    --depth_;
    return value(Member::other);
  }

  int depth_ = 0;
  Member member_ = Member::other;
};

Asked read_json(std::string_view body) {
  constexpr unsigned kFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;
  TopLevel handler;
  rapidjson::Reader reader;
  rapidjson::MemoryStream stream(body.data(), body.size());
  if (reader.Parse<kFlags>(stream, handler).IsError()) return {};
  return std::move(handler.asked);
}

/// `--boundary\r\nContent-Disposition: form-data; name="model"\r\n\r\nVALUE\r\n--boundary`. The last one counts.
Asked read_form(std::string_view body) {
  constexpr std::string_view kName = "name=\"model\"";
  constexpr std::size_t kLongestName = 1024;
  Asked asked;
  for (auto at = body.find(kName); at != std::string_view::npos; at = body.find(kName, at + 1)) {
    const auto start = body.find("\r\n\r\n", at);
    if (start == std::string_view::npos) break;
    const auto value = body.substr(start + 4, kLongestName);
    const auto end = value.find("\r\n");
    if (end != std::string_view::npos) asked.model.emplace(value.substr(0, end));
  }
  return asked;
}

}  // namespace

Asked read_asked(std::string_view body, std::string_view content_type) {
  std::string type(content_type.substr(0, content_type.find(';')));
  std::ranges::transform(type, type.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (base::trim(type) == "multipart/form-data") return read_form(body);
  return read_json(body);
}

}  // namespace agent
