#include "test/fakes/file_host/file_host.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstring>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

#include "common/base/text.hpp"
#include "common/base/wire_text.hpp"
#include "test/fakes/file_host/connection.hpp"

namespace fakes {
namespace {

using Bytes = std::uint64_t;

HostRequest parse_head(std::string_view head) {
  HostRequest request;
  const auto line_end = head.find("\r\n");
  const auto line = head.substr(0, line_end);
  const auto first = line.find(' ');
  const auto second = line.find(' ', first + 1);
  request.method = line.substr(0, first);
  if (first != std::string_view::npos) request.path = line.substr(first + 1, second - first - 1);
  head.remove_prefix(line_end + 2);
  while (!head.empty()) {
    const auto end = head.find("\r\n");
    const auto field = head.substr(0, end);
    head.remove_prefix(end + 2);
    const auto colon = field.find(':');
    if (colon == std::string_view::npos) continue;
    request.headers.emplace_back(field.substr(0, colon), base::trim(field.substr(colon + 1)));
  }
  return request;
}

struct Range {
  Bytes begin = 0;
  Bytes end = 0;
};

/// bytes=a-b or bytes=a-; nothing for what is no single range.
std::optional<std::pair<Bytes, std::optional<Bytes>>> parse_range(std::string_view text) {
  if (!text.starts_with("bytes=")) return std::nullopt;
  text.remove_prefix(6);
  Bytes begin = 0;
  auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), begin);
  if (error != std::errc{} || at == text.data() + text.size() || *at != '-') return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(at - text.data()) + 1);
  if (text.empty()) return std::pair{begin, std::optional<Bytes>{}};
  Bytes last = 0;
  std::from_chars(text.data(), text.data() + text.size(), last);
  return std::pair{begin, std::optional<Bytes>{last}};
}

/// The bytes of a file from memory or disk.
class Content {
 public:
  explicit Content(std::shared_ptr<const HostedFile> file) : file_(std::move(file)) {
    if (file_->disk_path.empty()) return;
    number_ = ::open(file_->disk_path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat status {};
    if (number_ >= 0 && ::fstat(number_, &status) == 0) size_ = static_cast<Bytes>(status.st_size);
  }
  ~Content() {
    if (number_ >= 0) ::close(number_);
  }
  Content(const Content&) = delete;
  Content& operator=(const Content&) = delete;

  [[nodiscard]] Bytes size() const { return number_ >= 0 ? size_ : file_->content.size(); }
  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] std::string part(Bytes offset, Bytes size) const {
    if (number_ < 0) return file_->content.substr(static_cast<std::size_t>(offset), static_cast<std::size_t>(size));
    std::string out(static_cast<std::size_t>(size), '\0');
    const ssize_t got = ::pread(number_, out.data(), out.size(), static_cast<off_t>(offset));
    out.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return out;
  }

 private:
  std::shared_ptr<const HostedFile> file_;
  int number_ = -1;
  Bytes size_ = 0;
};

const char* phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 206:
      return "Partial Content";
    case 404:
      return "Not Found";
    case 416:
      return "Range Not Satisfiable";
    default:
      return "Answer";
  }
}

}  // namespace

std::string HostRequest::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (base::same_word(key, name)) return value;
  }
  return {};
}

class FileHost::Impl {
 public:
  Impl(const std::optional<HostCertificate>& certificate, std::uint16_t wanted_port, const std::string& address) {
    if (certificate) open_tls(*certificate);
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(wanted_port);
    ::inet_pton(AF_INET, address.c_str(), &name.sin_addr);
    socklen_t length = sizeof name;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&name), sizeof name) != 0 || ::listen(listener_, 128) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&name), &length) != 0) {
      throw std::runtime_error(std::string("file host cannot listen: ") + std::strerror(errno));
    }
    port = ntohs(name.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }

  ~Impl() {
    stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    ::close(listener_);
    {
      const std::lock_guard lock(mutex);
      for (auto* connection : open_) connection->shut();
    }
    for (auto& thread : threads_) thread.join();
    if (tls_ != nullptr) SSL_CTX_free(tls_);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  [[nodiscard]] bool secure() const { return tls_ != nullptr; }

  std::uint16_t port = 0;
  std::atomic<Bytes> rate{0};
  mutable std::mutex mutex;  // guards all below
  std::map<std::string, std::shared_ptr<const HostedFile>> files;
  std::map<std::string, Lie> redirects;
  std::map<std::string, std::vector<Lie>> lies;
  std::function<std::optional<Lie>(const HostRequest&)> rule;
  std::string folder;
  std::vector<std::shared_ptr<HostRequest>> requests;

 private:
  void open_tls(const HostCertificate& certificate) {
    tls_ = SSL_CTX_new(TLS_server_method());
    if (SSL_CTX_use_certificate_chain_file(tls_, certificate.certificate_file.c_str()) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls_, certificate.key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
      throw std::runtime_error("file host cannot use its certificate");
    }
  }

  void accept_all() {
    while (!stopping_) {
      const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket < 0) {
        if (stopping_) return;
        continue;
      }
      threads_.emplace_back([this, socket] { serve(socket); });
    }
  }

  void serve(int socket) {
    Connection connection(socket, tls_);
    {
      const std::lock_guard lock(mutex);
      open_.insert(&connection);
    }
    while (!stopping_ && connection.open()) {
      const auto head = connection.read_head();
      if (head.empty() || !answer(connection, parse_head(head))) break;
    }
    const std::lock_guard lock(mutex);
    open_.erase(&connection);
  }

  std::shared_ptr<const HostedFile> find(const std::string& path) {
    const auto at = files.find(path);
    if (at != files.end()) return at->second;
    if (folder.empty() || path.find("..") != std::string::npos) return nullptr;
    struct stat status {};
    const auto disk = folder + path;
    if (::stat(disk.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return nullptr;
    return std::make_shared<const HostedFile>(
        HostedFile{.disk_path = disk,
                   .etag = "\"" + std::to_string(status.st_size) + "-" + std::to_string(status.st_mtime) + "\""});
  }

  Lie lie_for(const HostRequest& request, const std::string& path) {
    if (auto& waiting = lies[path]; !waiting.empty()) {
      const Lie first = waiting.front();
      waiting.erase(waiting.begin());
      return first;
    }
    if (const auto at = redirects.find(path); at != redirects.end()) return at->second;
    return rule ? rule(request).value_or(Lie{}) : Lie{};
  }

  /// False when the connection must close.
  bool answer(Connection& connection, HostRequest request) {
    const auto path = request.path.substr(0, request.path.find('?'));
    auto counted = std::make_shared<HostRequest>(std::move(request));
    std::shared_ptr<const HostedFile> file;
    Lie lie;
    {
      const std::lock_guard lock(mutex);
      lie = lie_for(*counted, path);
      file = find(path);
      requests.push_back(counted);
    }
    std::this_thread::sleep_for(lie.delay);
    if (lie.status != 0) return answer_text(connection, *counted, lie.status, lie.body, lie.headers);
    if (!file) return answer_text(connection, *counted, 404, "no such file\n", {});
    return answer_file(connection, *counted, file, lie);
  }

  static bool answer_text(Connection& connection, const HostRequest& request, int status, const std::string& body,
                          const std::vector<std::string>& headers) {
    std::string head = "HTTP/1.1 " + std::to_string(status) + " " + phrase(status) + "\r\n";
    for (const auto& line : headers) head += line + "\r\n";
    head += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
    return connection.write(head + (request.method == "HEAD" ? "" : body));
  }

  bool answer_file(Connection& connection, HostRequest& request, const std::shared_ptr<const HostedFile>& file,
                   const Lie& lie) {
    const Content content(file);
    const auto etag = lie.etag.empty() ? file->etag : lie.etag;
    const auto asked = parse_range(request.header("Range"));
    const auto condition = request.header("If-Range");
    const bool same = lie.no_condition || condition.empty() || condition == etag || condition == file->last_modified;
    const bool part = asked && same && file->ranges && !lie.no_ranges;
    if (part && asked->first >= content.size()) {
      return answer_text(connection, request, 416, "", {"Content-Range: bytes */" + std::to_string(content.size())});
    }
    Range range{0, content.size()};
    if (part) {
      range.begin = std::min<Bytes>(asked->first + lie.range_off, content.size() - 1);
      if (asked->second) range.end = std::min<Bytes>(*asked->second + 1, content.size());
      range.end = std::max(range.end, range.begin + 1);
    }
    std::string head = std::string("HTTP/1.1 ") + (part ? "206 " : "200 ") + phrase(part ? 206 : 200) + "\r\n";
    head += "Content-Type: " + file->content_type + "\r\n";
    if (file->ranges) head += "Accept-Ranges: bytes\r\n";
    if (!etag.empty()) head += "ETag: " + etag + "\r\n";
    if (!file->last_modified.empty()) head += "Last-Modified: " + file->last_modified + "\r\n";
    for (const auto& line : file->headers) head += line + "\r\n";
    for (const auto& line : lie.headers) head += line + "\r\n";
    if (part) {
      head += "Content-Range: bytes " + std::to_string(range.begin) + "-" + std::to_string(range.end - 1) + "/" +
              std::to_string(content.size()) + "\r\n";
    }
    const auto length = static_cast<std::int64_t>(range.end - range.begin) + lie.length_off;
    if (lie.chunked) {
      head += "Transfer-Encoding: chunked\r\n";
    } else if (lie.no_length) {
      head += "Connection: close\r\n";
    } else {
      head += "Content-Length: " + std::to_string(length) + "\r\n";
    }
    if (!connection.write(head + "\r\n")) return false;
    if (request.method == "HEAD") return true;
    return send_body(connection, request, content, range, lie) && lie.length_off == 0 && !lie.no_length;
  }

  bool send_body(Connection& connection, HostRequest& request, const Content& content, Range range, const Lie& lie) {
    const auto started = std::chrono::steady_clock::now();
    Bytes sent = 0;
    for (Bytes at = range.begin; at < range.end && !stopping_;) {
      Bytes part = std::min<Bytes>(range.end - at, lie.drip.count() > 0 ? 1 : Bytes{64} << 10U);
      if (lie.cut_after) {
        if (sent >= *lie.cut_after) return false;
        part = std::min(part, *lie.cut_after - sent);
      }
      if (lie.stall_after) {
        if (sent >= *lie.stall_after) {
          connection.wait_for_end();
          return false;
        }
        part = std::min(part, *lie.stall_after - sent);
      }
      if (!send_part(connection, content, at, part, lie)) return false;
      at += part;
      sent += part;
      count(request, part);
      std::this_thread::sleep_for(lie.drip);
      keep_rate(started, sent);
    }
    if (lie.cut_after && sent >= *lie.cut_after) return false;
    if (lie.stall_after && sent >= *lie.stall_after) {
      connection.wait_for_end();
      return false;
    }
    return lie.chunked ? connection.write("0\r\n\r\n") : true;
  }

  static bool send_part(Connection& connection, const Content& content, Bytes at, Bytes part, const Lie& lie) {
    const bool turned = lie.flip && *lie.flip >= at && *lie.flip < at + part;
    if (content.number() >= 0 && !lie.chunked && !turned)
      return connection.send_file(content.number(), at, part) == part;
    std::string bytes = content.part(at, part);
    if (turned) {
      auto& byte = bytes[static_cast<std::size_t>(*lie.flip - at)];
      byte = static_cast<char>(byte ^ 1);
    }
    if (!lie.chunked) return connection.write(bytes);
    char size[24];
    const auto length = std::to_chars(size, size + sizeof size, bytes.size(), 16).ptr - size;
    return connection.write(std::string(size, static_cast<std::size_t>(length)) + "\r\n" + bytes + "\r\n");
  }

  void keep_rate(std::chrono::steady_clock::time_point started, Bytes sent) const {
    const auto limit = rate.load();
    if (limit == 0) return;
    const std::chrono::duration<double> due(static_cast<double>(sent) / static_cast<double>(limit));
    std::this_thread::sleep_until(started + std::chrono::duration_cast<std::chrono::steady_clock::duration>(due));
  }

  void count(HostRequest& request, Bytes bytes) {
    const std::lock_guard lock(mutex);
    request.body_bytes += bytes;
  }

  int listener_ = -1;
  SSL_CTX* tls_ = nullptr;
  std::atomic<bool> stopping_{false};
  std::thread acceptor_;
  std::vector<std::thread> threads_;  // touched by the acceptor, and by the destructor after it
  std::set<Connection*> open_;        // guarded by mutex
};

FileHost::FileHost(std::optional<HostCertificate> certificate, std::uint16_t port, const std::string& address)
    : impl_(std::make_unique<Impl>(certificate, port, address)) {}
FileHost::~FileHost() = default;

void FileHost::put(const std::string& path, HostedFile file) {
  const std::lock_guard lock(impl_->mutex);
  impl_->files[path] = std::make_shared<const HostedFile>(std::move(file));
}

void FileHost::remove(const std::string& path) {
  const std::lock_guard lock(impl_->mutex);
  impl_->files.erase(path);
}

void FileHost::redirect(const std::string& path, const std::string& location, std::vector<std::string> headers) {
  headers.push_back("Location: " + location);
  const std::lock_guard lock(impl_->mutex);
  impl_->redirects[path] = Lie{.status = 302, .headers = std::move(headers)};
}

void FileHost::lie(const std::string& path, std::vector<Lie> lies) {
  const std::lock_guard lock(impl_->mutex);
  impl_->lies[path] = std::move(lies);
}

void FileHost::lie_by(std::function<std::optional<Lie>(const HostRequest&)> rule) {
  const std::lock_guard lock(impl_->mutex);
  impl_->rule = std::move(rule);
}

void FileHost::serve_folder(std::string folder) {
  const std::lock_guard lock(impl_->mutex);
  impl_->folder = std::move(folder);
}

void FileHost::limit_rate(std::uint64_t bytes_per_second) { impl_->rate = bytes_per_second; }

std::uint16_t FileHost::port() const { return impl_->port; }

std::string FileHost::url(const std::string& path) const {
  return (impl_->secure() ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(impl_->port) + path;
}

std::vector<HostRequest> FileHost::requests() const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<HostRequest> out;
  for (const auto& request : impl_->requests) out.push_back(*request);
  return out;
}

std::uint64_t FileHost::body_bytes() const {
  const std::lock_guard lock(impl_->mutex);
  std::uint64_t sum = 0;
  for (const auto& request : impl_->requests) sum += request->body_bytes;
  return sum;
}

void FileHost::forget_requests() {
  const std::lock_guard lock(impl_->mutex);
  impl_->requests.clear();
}

}  // namespace fakes
