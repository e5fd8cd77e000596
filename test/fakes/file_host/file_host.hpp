#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// A file host that speaks HTTP/1.1 with ranges, entity tags and redirects over raw sockets, and lies on demand.
namespace fakes {

/// A file that the host serves.
struct HostedFile {
  std::string content{};
  /// Served from the disk instead of `content`.
  std::string disk_path{};
  /// With its quotes; empty: none.
  std::string etag{};
  std::string last_modified{};
  /// Says Accept-Ranges and answers 206.
  bool ranges = true;
  std::string content_type = "application/octet-stream";
  /// Further header lines without line ends.
  std::vector<std::string> headers{};
};

/// How one answer goes wrong. Everything that is not set is as it should be.
struct Lie {
  /// Answer this status with `body` and `headers` instead of the file.
  int status = 0;
  std::string body{};
  std::vector<std::string> headers{};
  /// Close the connection after so many bytes of the body.
  std::optional<std::uint64_t> cut_after{};
  /// Say nothing more after so many bytes of the body, until the client goes.
  std::optional<std::uint64_t> stall_after{};
  /// Content-Length is wrong by this.
  std::int64_t length_off = 0;
  /// Content-Range begins so many bytes late (the body fits what it says).
  std::uint64_t range_off = 0;
  /// Answer 200 with everything, whatever was asked.
  bool no_ranges = false;
  /// Another entity tag.
  std::string etag{};
  /// If-Range is not heeded.
  bool no_condition = false;
  /// Neither Content-Length nor chunks: the end of the connection is the end of the body.
  bool no_length = false;
  /// Chunked instead of Content-Length.
  bool chunked = false;
  /// One byte at a time, with this pause.
  std::chrono::milliseconds drip{0};
  /// Wait before the answer.
  std::chrono::milliseconds delay{0};
  /// A byte of the body, by its place in the file, is turned.
  std::optional<std::uint64_t> flip{};
};

/// A request that came, and how much of the body was given to the socket.
struct HostRequest {
  std::string method{};
  std::string path{};
  std::vector<std::pair<std::string, std::string>> headers{};
  std::uint64_t body_bytes = 0;

  /// The first header of that name, whatever its case; empty when absent.
  [[nodiscard]] std::string header(std::string_view name) const;
};

/// Certificate and key as PEM files.
struct HostCertificate {
  std::string certificate_file;
  std::string key_file;
};

/// Listens on 127.0.0.1 from construction to destruction, a thread per connection. All members are thread-safe.
class FileHost {
 public:
  /// `port` 0: a free one.
  explicit FileHost(std::optional<HostCertificate> certificate = {}, std::uint16_t port = 0,
                    const std::string& address = "127.0.0.1");
  ~FileHost();
  FileHost(const FileHost&) = delete;
  FileHost& operator=(const FileHost&) = delete;

  void put(const std::string& path, HostedFile file);
  void remove(const std::string& path);
  void redirect(const std::string& path, const std::string& location, std::vector<std::string> headers = {});
  /// The next requests for `path` are answered with these lies, one each; then truth again.
  void lie(const std::string& path, std::vector<Lie> lies);
  /// Asked for each request that no `lie` is waiting for.
  void lie_by(std::function<std::optional<Lie>(const HostRequest&)> rule);
  /// Files that were not put are looked up below this folder.
  void serve_folder(std::string folder);
  /// Bytes per second of each connection; 0: no limit.
  void limit_rate(std::uint64_t bytes_per_second);

  [[nodiscard]] std::uint16_t port() const;
  /// http(s)://127.0.0.1:port<path>
  [[nodiscard]] std::string url(const std::string& path) const;
  /// All requests so far, in order; `body_bytes` of those in progress grows.
  [[nodiscard]] std::vector<HostRequest> requests() const;
  [[nodiscard]] std::uint64_t body_bytes() const;
  void forget_requests();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fakes
