#pragma once
#include <chrono>
#include <string>
#include <vector>

#include "reconciler/pod/fetch/options.hpp"
#include "reconciler/pod/fetch/outcome.hpp"
#include "test/fakes/file_host/file_host.hpp"

/// What the tests of model-fetch share: GGUF bytes, a folder that is a volume, a file host.
namespace fetch_test {

/// A GGUF with a tensor of `bytes` bytes (a multiple of 4) of noise that depends on `seed`.
[[nodiscard]] std::string gguf(std::size_t bytes, unsigned seed = 1, unsigned split_count = 0);

/// A folder that is gone afterwards.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }
  void write(const std::string& name, const std::string& content) const;
  /// All regular files, relative, sorted.
  [[nodiscard]] std::vector<std::string> files() const;

 private:
  std::string path_;
};

/// A file's bytes, or "(none)".
[[nodiscard]] std::string read(const std::string& path);
/// A file has exactly these bytes; where not, says the first place on standard error.
[[nodiscard]] bool holds(const std::string& path, const std::string& content);

/// So long must a host be silent where a test means it to stall: elsewhere no busy machine counts as a stall.
inline constexpr std::chrono::milliseconds kStall{400};

/// A host, a volume, and options for `/model.gguf` with short waits.
struct World {
  fakes::FileHost host;
  Folder volume;
  fetch::Options options;

  World();
  /// The file `/model.gguf`.
  void serve(std::string content, std::string etag = "\"v1\"");
  [[nodiscard]] fetch::Outcome run() const;
  /// Where the file of a single source is published.
  [[nodiscard]] std::string published() const;
  [[nodiscard]] std::string folder() const;
};

/// The word of an outcome's reason.
[[nodiscard]] std::string word(const fetch::Outcome& outcome);

}  // namespace fetch_test
