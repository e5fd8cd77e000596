#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.hpp"

/// Reading `spec.source`, `spec.files` and `spec.mmproj` of a Model, and where their files lie on a volume.
namespace api {

enum class SourceKind {
  /// One file by its URL, or with `files` a folder (the URL ends in a slash).
  http,
  /// `hf://org/repo[@rev]`, `hf://org/repo/file.gguf` (a slash in a revision as `%2F`, but for `refs/pr/1`), a
  /// huggingface.co URL, or bare `org/repo`.
  huggingface,
  /// `s3://bucket/key`, or with `files` a prefix.
  s3,
  /// `pvc://claim/path`: files that are there already.
  pvc,
};

/// `spec.source`, taken apart. Fields that a kind does not have are empty.
struct Source {
  SourceKind kind = SourceKind::http;
  /// http: as written.
  std::string url{};
  /// huggingface: "org/repo".
  std::string repository{};
  /// huggingface: branch, tag or commit.
  std::string revision{};
  /// s3.
  std::string bucket{};
  /// pvc.
  std::string claim{};
  /// huggingface: the file that the source itself names, or empty. s3: the key. pvc: the path in the claim.
  std::string path{};

  bool operator==(const Source&) const = default;
};

/// Takes a source apart. `has_files`: the Model lists `files`, so the source may name a repository or folder.
/// The error's `where` is the source without its user, password and query.
[[nodiscard]] base::Result<Source> parse_source(std::string_view source, bool has_files);

/// The claim of a `pvc://claim/path`, whether the rest is right or not; empty for every other source.
[[nodiscard]] std::string claim_of_source(std::string_view source);

/// The folder of a source's files on a cache volume: the first 16 hex digits of the SHA-256 of the text as written.
/// LLMKube's rule, so that a cache that it filled is a hit.
[[nodiscard]] std::string cache_key(std::string_view source);

/// The file of a Model that has no `files`: its name, with what is no letter, digit, `.`, `_` or `-` as `-`, and
/// `.gguf`; "model.gguf" when nothing is left.
[[nodiscard]] std::string file_of_model(std::string_view model_name);

/// An entry of `files` or `mmproj` is a relative path that stays in its folder: not empty, not absolute, without empty,
/// `.` and `..` parts, parts that no folder can hold (255 bytes, Linux' NAME_MAX), wildcards and control characters.
/// The error's `where` is the entry.
[[nodiscard]] base::Result<> check_file(std::string_view file);

/// All parts of a split model, from the name of any of them (`x-00002-of-00003.gguf`); the name alone when it is none.
[[nodiscard]] std::vector<std::string> shards_of(std::string_view file);

/// Where a file of the source is downloaded from. `file` is empty for the file that the source itself names.
/// `endpoint` stands for https://huggingface.co (HF_ENDPOINT) or for the S3 service (AWS_ENDPOINT_URL), without a slash
/// at its end. Empty for pvc.
[[nodiscard]] std::string url_of(const Source& source, std::string_view file, std::string_view endpoint);

/// A text for people without what could be a secret: no user, no password, no query, no fragment.
[[nodiscard]] std::string without_secrets(std::string_view url);

}  // namespace api
