#include "common/api/source.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "common/base/digest.hpp"
#include "common/base/number.hpp"
#include "common/base/wire_text.hpp"

namespace api {
namespace {

constexpr std::size_t kKeyDigits = 16;
constexpr std::size_t kLongestFile = 512;
constexpr std::size_t kLongestPart = 255;
constexpr unsigned kMostShards = 999;
constexpr std::string_view kDefaultRevision = "main";

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

std::unexpected<base::Error> bad(std::string_view source, std::string what, std::string fix) {
  return base::fail(std::move(what), without_secrets(source), std::move(fix));
}

/// Cuts off the front up to `separator`, or all.
std::string_view take(std::string_view& text, char separator) {
  const auto at = text.find(separator);
  const auto taken = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return taken;
}

bool is_word(std::string_view text) {
  return !text.empty() && text != "." && text != ".." &&
         std::ranges::all_of(text, [](char c) { return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-'; });
}

/// Whether the port of a host, when it names one, is 1 to 65535; none behind the colon is the scheme's own.
bool has_port(std::string_view authority) {
  const auto behind_address = authority.rfind(']');
  const auto colon = authority.find(':', behind_address == std::string_view::npos ? 0 : behind_address);
  if (colon == std::string_view::npos || colon + 1 == authority.size()) return true;
  return base::parse_number<std::uint16_t>(authority.substr(colon + 1)).value_or(0) != 0;
}

constexpr std::string_view kNeedsFiles = "list the file to use in spec.files";

/// org/repo, and what follows: a revision and a file.
base::Result<Source> repository(std::string_view whole, std::string_view org, std::string_view repo,
                                std::string_view revision, std::string_view file, bool has_files) {
  if (!is_word(org) || !is_word(repo)) {
    return bad(whole, "names no Hugging Face repository", "write hf://org/repo");
  }
  const bool readable = std::ranges::all_of(revision, [](char c) { return c > 0x20 && c < 0x7f && c != '%'; });
  if (!readable || !check_file(revision)) {
    return bad(whole, "has an empty or unreadable revision", "write hf://org/repo@revision");
  }
  if (file.empty() && !has_files) return bad(whole, "names a repository, not a file", std::string(kNeedsFiles));
  if (!file.empty()) {
    if (has_files) {
      return bad(whole, "names a file, and spec.files is set too", "write the repository alone as source");
    }
    if (auto checked = check_file(file); !checked) return std::unexpected(checked.error());
  }
  return Source{.kind = SourceKind::huggingface,
                .repository = std::string(org) + "/" + std::string(repo),
                .revision = std::string(revision),
                .path = std::string(file)};
}

/// Cuts a revision off the front: up to the next slash, or `refs/pr/1`, `refs/convert/parquet`: Hugging Face's own
/// names of what is no branch and no tag. Either may be percent-encoded, as web URLs have it.
std::string take_revision(std::string_view& text) {
  auto revision = base::decode_percent(take(text, '/'));
  if (revision != "refs") return revision;
  for (int more = 0; more < 2 && !text.empty(); ++more) revision += "/" + base::decode_percent(take(text, '/'));
  return revision;
}

/// hf://org/repo[@rev][/file]; also for bare org/repo.
base::Result<Source> hf_scheme(std::string_view whole, std::string_view rest, bool has_files) {
  const auto org = take(rest, '/');
  const auto name_end = std::min(rest.find_first_of("/@"), rest.size());
  const auto repo = rest.substr(0, name_end);
  const bool has_revision = name_end < rest.size() && rest[name_end] == '@';
  rest.remove_prefix(std::min(name_end + 1, rest.size()));
  const auto revision = has_revision ? take_revision(rest) : std::string(kDefaultRevision);
  return repository(whole, org, repo, revision, rest, has_files);
}

/// https://huggingface.co/org/repo[/(tree|resolve|blob|raw)/rev[/file]]
base::Result<Source> hf_page(std::string_view whole, std::string_view rest, bool has_files) {
  rest = rest.substr(0, rest.find_first_of("?#"));
  while (rest.ends_with('/')) rest.remove_suffix(1);
  const auto org = take(rest, '/');
  if (org == "datasets" || org == "spaces") {
    return bad(whole, "is a dataset or space, not a model", "give the URL of a model repository");
  }
  const auto repo = take(rest, '/');
  if (rest.empty()) return repository(whole, org, repo, kDefaultRevision, "", has_files);
  const auto view = take(rest, '/');
  constexpr std::array<std::string_view, 4> kViews{"tree", "resolve", "blob", "raw"};
  if (std::ranges::find(kViews, view) == kViews.end()) {
    return bad(whole, "is no page of a file or repository", "copy the download link of the file");
  }
  const auto revision = take_revision(rest);
  return repository(whole, org, repo, revision, base::decode_percent(rest), has_files);
}

base::Result<Source> web(std::string_view source, std::string_view rest, bool has_files) {
  const auto authority = rest.substr(0, rest.find_first_of("/?#"));
  if (authority.empty()) return bad(source, "has no host", "write https://host/path");
  if (authority.find('@') != std::string_view::npos) {
    return bad(source, "carries a user or password, which everybody who may read the Model would see",
               "take it out of the URL; tokens and keys belong into a Secret (spec.sourceSecretRef)");
  }
  if (std::ranges::any_of(source, [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; })) {
    return bad(source, "holds a blank or control character", "write it percent-encoded: %20");
  }
  if (!has_port(authority)) return bad(source, "has a port that no host can have", "write 1 to 65535, or none");
  const auto host = base::lower(authority);
  if (host == "huggingface.co" || host == "www.huggingface.co" || host == "hf.co") {
    rest.remove_prefix(std::min(rest.size(), authority.size() + 1));
    return hf_page(source, rest, has_files);
  }
  if (has_files && !source.ends_with('/')) {
    return bad(source, "names one file, and spec.files is set too",
               "end the URL of a folder with a slash, or drop spec.files");
  }
  if (!has_files && (source.ends_with('/') || authority.size() == rest.size())) {
    return bad(source, "names a folder, not a file", std::string(kNeedsFiles));
  }
  return Source{.kind = SourceKind::http, .url = std::string(source)};
}

base::Result<Source> s3(std::string_view source, std::string_view rest, bool has_files) {
  const auto bucket = take(rest, '/');
  while (rest.ends_with('/')) rest.remove_suffix(1);
  if (!is_word(bucket)) return bad(source, "names no bucket", "write s3://bucket/key");
  if (rest.empty() && !has_files) return bad(source, "names no key", "write s3://bucket/key");
  if (!rest.empty()) {
    if (auto checked = check_file(rest); !checked) return std::unexpected(checked.error());
  }
  return Source{.kind = SourceKind::s3, .bucket = std::string(bucket), .path = std::string(rest)};
}

constexpr std::string_view kClaimScheme = "pvc://";

base::Result<Source> pvc(std::string_view source, std::string_view rest, bool /*has_files*/) {
  const auto claim = take(rest, '/');
  while (rest.ends_with('/')) rest.remove_suffix(1);
  if (!is_word(claim) || rest.empty()) return bad(source, "needs a claim and a path", "write pvc://claim/path/to.gguf");
  if (auto checked = check_file(rest); !checked) return std::unexpected(checked.error());
  return Source{.kind = SourceKind::pvc, .claim = std::string(claim), .path = std::string(rest)};
}

struct Scheme {
  std::string_view prefix;
  base::Result<Source> (*parse)(std::string_view source, std::string_view rest, bool has_files);
};

constexpr std::array kSchemes{Scheme{"https://", web}, Scheme{"http://", web}, Scheme{"hf://", hf_scheme},
                              Scheme{"s3://", s3}, Scheme{kClaimScheme, pvc}};

std::string encode_path(std::string_view path) { return base::encode_percent(path, "/"); }

std::string below(std::string_view folder, std::string_view file) {
  if (folder.empty() || file.empty()) return std::string(folder.empty() ? file : folder);
  return std::string(folder) + "/" + std::string(file);
}

}  // namespace

base::Result<Source> parse_source(std::string_view source, bool has_files) {
  const auto low = base::lower(source.substr(0, 8));
  for (const auto& scheme : kSchemes) {
    if (low.starts_with(scheme.prefix)) return scheme.parse(source, source.substr(scheme.prefix.size()), has_files);
  }
  if (source.empty()) return base::fail("is empty", "spec.source", "write https://host/path/to.gguf");
  if (source.starts_with('/') || low.starts_with("file://")) {
    return bad(source, "is a path on a node, which no Pod of ours mounts",
               "put it on a claim and write pvc://claim/path");
  }
  if (source.find("://") != std::string_view::npos) {
    return bad(source, "has an unknown scheme", "use https://, http://, hf://, s3:// or pvc://");
  }
  if (std::ranges::count(source, '/') == 1) return hf_scheme(source, source, has_files);
  return bad(source, "is neither a URL nor a repository", "write https://host/path, hf://org/repo or pvc://claim/path");
}

std::string claim_of_source(std::string_view source) {
  if (!source.starts_with(kClaimScheme)) return {};
  source.remove_prefix(kClaimScheme.size());
  return std::string(take(source, '/'));
}

std::string cache_key(std::string_view source) { return base::sha256_hex(source).substr(0, kKeyDigits); }

std::string file_of_model(std::string_view model_name) {
  std::string out;
  for (const char c : model_name) out += is_letter_or_digit(c) || c == '.' || c == '_' || c == '-' ? c : '-';
  while (!out.empty() && (out.front() == '.' || out.front() == '-')) out.erase(0, 1);
  return (out.empty() ? "model" : out) + ".gguf";
}

base::Result<> check_file(std::string_view file) {
  const auto wrong = [&](std::string what) {
    return base::fail(std::move(what), std::string(file.substr(0, 80)), "write a relative path inside the repository");
  };
  if (file.empty()) return wrong("is empty");
  if (file.size() > kLongestFile) return wrong("is longer than " + std::to_string(kLongestFile) + " characters");
  if (file.starts_with('/')) return wrong("is an absolute path");
  const bool control =
      std::ranges::any_of(file, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (control) return wrong("holds a control character");
  if (file.find_first_of("*?[]") != std::string_view::npos) return wrong("holds a wildcard");
  if (file.find('\\') != std::string_view::npos) return wrong("holds a backslash");
  for (std::string_view rest = file, last;;) {
    const bool more = rest.find('/') != std::string_view::npos;
    last = take(rest, '/');
    if (last == "..") return wrong("leaves its folder");
    if (last.empty() || last == ".") return wrong("has an empty part");
    if (last.size() > kLongestPart) return wrong("has a part of more than " + std::to_string(kLongestPart) + " bytes");
    if (!more) return {};
  }
}

std::vector<std::string> shards_of(std::string_view file) {
  constexpr std::string_view kMark = "-00001-of-00001.gguf";
  std::vector<std::string> out;
  if (file.size() > kMark.size()) {
    const auto tail = file.substr(file.size() - kMark.size());
    const auto number = base::parse_number<unsigned>(tail.substr(1, 5)).value_or(0);
    const auto count = base::parse_number<unsigned>(tail.substr(10, 5)).value_or(0);
    const bool fits = tail.front() == '-' && tail.substr(6, 4) == "-of-" && tail.ends_with(".gguf");
    if (fits && number >= 1 && number <= count && count <= kMostShards) {
      const std::string stem(file.substr(0, file.size() - kMark.size()));
      for (unsigned i = 1; i <= count; ++i) {
        char name[32];
        std::snprintf(name, sizeof name, "-%05u-of-%05u.gguf", i, count);
        out.push_back(stem + name);
      }
      return out;
    }
  }
  out.emplace_back(file);
  return out;
}

std::string url_of(const Source& source, std::string_view file, std::string_view endpoint) {
  switch (source.kind) {
    case SourceKind::http:
      return source.url + encode_path(file);
    case SourceKind::huggingface:
      return std::string(endpoint) + "/" + source.repository + "/resolve/" + base::encode_percent(source.revision) +
             "/" + encode_path(file.empty() ? source.path : file);
    case SourceKind::s3:
      return std::string(endpoint) + "/" + source.bucket + "/" + encode_path(below(source.path, file));
    case SourceKind::pvc:
      break;
  }
  return {};
}

std::string without_secrets(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  const auto scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::string(url);
  const auto host = scheme + 3;
  const auto slash = std::min(url.find('/', host), url.size());
  const auto at = url.substr(0, slash).rfind('@');
  // hf://org/repo@rev is no user: it has no @ before the first slash.
  if (at == std::string_view::npos || at < host) return std::string(url);
  return std::string(url.substr(0, host)) + std::string(url.substr(at + 1));
}

}  // namespace api
