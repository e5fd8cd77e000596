#include "test/fakes/api_server/api_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>

namespace fakes {
namespace {

std::string decode(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      out += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

bool send_all(int fd, const std::string& text) {
  std::size_t sent = 0;
  while (sent < text.size()) {
    const auto n = ::send(fd, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return false;
    sent += static_cast<std::size_t>(n);
  }
  return true;
}

std::string response_text(int status, const std::string& body, const std::string& extra = {}) {
  return "HTTP/1.1 " + std::to_string(status) +
         " X\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + extra +
         "\r\n" + body;
}

std::string chunk(const std::string& text) {
  std::array<char, 16> size{};
  std::snprintf(size.data(), size.size(), "%zx\r\n", text.size());
  return size.data() + text + "\r\n";
}

}  // namespace

struct ApiServer::Request {
  std::string method;
  std::string target;
  std::string path;
  std::map<std::string, std::string> query;
  std::string content_type;
  std::string body;

  [[nodiscard]] std::string parameter(const std::string& key) const {
    const auto found = query.find(key);
    return found == query.end() ? std::string{} : found->second;
  }
};

/// Reads requests from one socket.
class ApiServer::Connection {
 public:
  explicit Connection(int fd) : fd_(fd) {}

  bool read(Request& request) {
    std::size_t end = std::string::npos;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos)
      if (!more()) return false;
    const std::string head = buffer_.substr(0, end);
    buffer_.erase(0, end + 4);
    request = {};
    const auto first_space = head.find(' ');
    const auto second_space = head.find(' ', first_space + 1);
    request.method = head.substr(0, first_space);
    request.target = head.substr(first_space + 1, second_space - first_space - 1);
    std::size_t length = 0;
    for (std::size_t at = head.find("\r\n"); at != std::string::npos; at = head.find("\r\n", at + 2)) {
      const std::string line = head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
      const auto colon = line.find(": ");
      const auto name = line.substr(0, colon);
      if (strcasecmp(name.c_str(), "Content-Length") == 0) length = std::stoul(line.substr(colon + 2));
      if (strcasecmp(name.c_str(), "Content-Type") == 0) request.content_type = line.substr(colon + 2);
    }
    while (buffer_.size() < length)
      if (!more()) return false;
    request.body = buffer_.substr(0, length);
    buffer_.erase(0, length);
    parse_target(request);
    return true;
  }

 private:
  static void parse_target(Request& request) {
    const auto mark = request.target.find('?');
    request.path = decode(request.target.substr(0, mark));
    if (mark == std::string::npos) return;
    std::string rest = request.target.substr(mark + 1);
    while (!rest.empty()) {
      const auto end = rest.find('&');
      const std::string pair = rest.substr(0, end);
      const auto equals = pair.find('=');
      request.query[pair.substr(0, equals)] = equals == std::string::npos ? "" : decode(pair.substr(equals + 1));
      rest = end == std::string::npos ? "" : rest.substr(end + 1);
    }
  }

  bool more() {
    std::array<char, 16384> part{};
    const auto n = ::recv(fd_, part.data(), part.size(), 0);
    if (n <= 0) return false;
    buffer_.append(part.data(), static_cast<std::size_t>(n));
    return true;
  }

  int fd_;
  std::string buffer_;
};

ApiServer::ApiServer(Options options) : options_(options) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
  ::listen(listener_, 128);
  socklen_t size = sizeof address;
  ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_connections(); });
}

ApiServer::~ApiServer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const int fd : sockets_) ::shutdown(fd, SHUT_RDWR);
    changed_.notify_all();
  }
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  for (auto& thread : threads_) thread.join();
  ::close(listener_);
}

std::string ApiServer::url() const { return "http://127.0.0.1:" + std::to_string(port_); }

void ApiServer::accept_connections() {
  while (true) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    const std::lock_guard lock(mutex_);
    if (stopping_) {
      if (fd >= 0) ::close(fd);
      return;
    }
    if (fd < 0) continue;
    if (down_) {
      const linger hard{1, 0};
      ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
      ::close(fd);
      continue;
    }
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockets_.push_back(fd);
    threads_.emplace_back([this, fd] { serve(fd); });
  }
}

void ApiServer::serve(int fd) {
  Connection connection(fd);
  Request request;
  while (connection.read(request) && answer(fd, request)) {
  }
  const std::lock_guard lock(mutex_);
  sockets_.remove(fd);
  ::close(fd);
}

std::optional<Fault> ApiServer::take_fault(const Request& request) {
  for (auto fault = faults_.begin(); fault != faults_.end(); ++fault) {
    if (!fault->method.empty() && fault->method != request.method) continue;
    if (request.target.find(fault->target) == std::string::npos) continue;
    const Fault taken = *fault;
    if (--fault->times <= 0) faults_.erase(fault);
    return taken;
  }
  return std::nullopt;
}

void ApiServer::note(const Request& request, int status) {
  calls_.push_back({request.method, request.target, status, request.body});
}

bool ApiServer::answer(int fd, const Request& request) {
  std::optional<Fault> fault;
  {
    std::unique_lock lock(mutex_);
    if (stopping_ || down_) return false;
    fault = take_fault(request);
    if (fault && fault->kind == Fault::Kind::slow) {
      ++held_;
      changed_.wait_for(lock, fault->delay, [&, epoch = faults_epoch_] { return stopping_ || epoch != faults_epoch_; });
      --held_;
    }
    if (fault && fault->kind == Fault::Kind::cut_before) return note(request, 0), false;
    if (fault && fault->kind == Fault::Kind::refuse) note(request, fault->status);
  }
  if (fault && fault->kind == Fault::Kind::refuse) {
    const auto body = failure(fault->status, fault->reason, fault->message).body.dump();
    const auto extra = fault->retry_after.empty() ? "" : "Retry-After: " + fault->retry_after + "\r\n";
    return send_all(fd, response_text(fault->status, body, extra));
  }
  const auto path = parse_path(request.path);
  if (path && request.method == "GET" && request.parameter("watch") == "1") {
    watch(fd, request, *path);
    return false;
  }
  Answer done;
  {
    const std::lock_guard lock(mutex_);
    done = dispatch(request);
    note(request, done.status);
    changed_.notify_all();
  }
  const std::string text = response_text(done.status, done.body.dump());
  if (fault && fault->kind == Fault::Kind::cut_after) return false;
  if (fault && fault->kind == Fault::Kind::cut_in_the_middle)
    return send_all(fd, text.substr(0, text.size() / 2)), false;
  return send_all(fd, text);
}

Answer ApiServer::review(const Json& body) const {
  const auto asked = body.value("/spec/resourceAttributes"_json_pointer, Json::object());
  const bool is_denied = std::any_of(denied_.begin(), denied_.end(), [&](const Right& right) {
    return asked.value("verb", "") == right.verb && asked.value("resource", "") == right.resource;
  });
  return {201, {{"kind", "SelfSubjectAccessReview"}, {"status", {{"allowed", !is_denied}}}}};
}

Answer ApiServer::dispatch(const Request& request) {
  Json body;
  if (!request.body.empty()) {
    body = Json::parse(request.body, nullptr, false);
    if (body.is_discarded()) return failure(400, "BadRequest", "not JSON");
  }
  if (request.path.find("selfsubjectaccessreviews") != std::string::npos) return review(body);
  const auto path = parse_path(request.path);
  if (!path) return failure(404, "NotFound", "no such path");
  const auto manager = request.query.contains("fieldManager") ? request.parameter("fieldManager") : "unknown";
  if (request.method == "GET") return path->name.empty() ? list_page(request, *path) : store_.get(*path);
  if (request.method == "POST") return store_.create(*path, std::move(body), manager);
  if (request.method == "PUT") return store_.replace(*path, std::move(body), manager);
  if (request.method == "DELETE") return store_.remove(*path, body);
  if (request.content_type.starts_with("application/apply-patch"))
    return store_.apply(*path, std::move(body), manager, request.parameter("force") == "true");
  if (request.content_type.starts_with("application/merge-patch")) return store_.merge_patch(*path, body, manager);
  if (request.content_type.starts_with("application/json-patch")) return store_.json_patch(*path, body, manager);
  return failure(415, "UnsupportedMediaType", request.content_type);
}

Answer ApiServer::list_page(const Request& request, const ObjectPath& path) {
  const auto limit_text = request.parameter("limit");
  const auto limit = std::min(limit_text.empty() ? std::size_t{0} : std::stoul(limit_text), options_.largest_page);
  const auto from = request.parameter("continue");
  const auto page = store_.list(path, from.empty() ? 0 : std::stoul(from), limit, request.parameter("labelSelector"),
                                request.parameter("fieldSelector"));
  Json items = Json::array();
  for (auto item : page.items) {
    // As the real one: items of built-in kinds have no kind of their own, custom resources do.
    if (path.group_path.find("llmkube.dev") == std::string::npos) {
      item.erase("kind");
      item.erase("apiVersion");
    }
    items.push_back(std::move(item));
  }
  Json metadata = {{"resourceVersion", std::to_string(store_.version())}};
  if (page.next != 0) metadata["continue"] = std::to_string(page.next);
  return {200, {{"kind", "List"}, {"metadata", metadata}, {"items", items}}};
}

void ApiServer::watch(int fd, const Request& request, const ObjectPath& path) {
  using Clock = std::chrono::steady_clock;
  const auto version_text = request.parameter("resourceVersion");
  long version = version_text.empty() ? 0 : std::stol(version_text);
  const auto labels = request.parameter("labelSelector");
  const auto fields = request.parameter("fieldSelector");
  const auto timeout_text = request.parameter("timeoutSeconds");
  const auto end = Clock::now() + std::chrono::seconds(timeout_text.empty() ? 300 : std::stol(timeout_text));

  std::unique_lock lock(mutex_);
  note(request, 200);
  if (!send_all(fd, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")) return;
  const auto line = [](const std::string& type, const Json& object) {
    return chunk(Json{{"type", type}, {"object", object}}.dump() + "\n");
  };
  if (version < compacted_ || version > store_.version()) {
    send_all(fd, line("ERROR", failure(410, "Expired", "too old resource version").body) + "0\r\n\r\n");
    return;
  }
  ++open_watches_;
  const int epoch = watch_epoch_;
  int repeats = repeats_;
  auto next_bookmark = Clock::now() + options_.bookmarks;
  bool alive = true;
  while (alive && !stopping_ && !down_ && epoch == watch_epoch_ && Clock::now() < end) {
    std::string text;
    if (!stalled_) {
      const bool again = repeats != repeats_;
      repeats = repeats_;
      const auto& events = store_.events();
      const auto unseen = std::ranges::upper_bound(events, again ? 0 : version, {}, &StoredEvent::version);
      for (const auto& event : std::ranges::subrange(unseen, events.end())) {
        if (event.collection != path.collection()) continue;
        if (!path.name_space.empty() && event.object["metadata"].value("namespace", "") != path.name_space) continue;
        if (Store::matches(event.object, labels, fields)) text += line(event.type, event.object);
      }
      version = store_.version();
      if (text.empty() && Clock::now() >= next_bookmark) {
        ++bookmarks_;
        text = line("BOOKMARK", {{"metadata", {{"resourceVersion", std::to_string(version)}}}});
      }
    }
    if (!text.empty()) {
      next_bookmark = Clock::now() + options_.bookmarks;
      lock.unlock();
      alive = send_all(fd, text);
      lock.lock();
    } else {
      // A client that hangs up is noticed by its socket.
      pollfd peer{fd, POLLIN | POLLRDHUP, 0};
      if (::poll(&peer, 1, 0) > 0) break;
      changed_.wait_for(lock, std::min<Clock::duration>(std::chrono::milliseconds(20), end - Clock::now()));
    }
  }
  --open_watches_;
  const bool was_cut = epoch != watch_epoch_ || down_ || stopping_;
  lock.unlock();
  send_all(fd, was_cut ? "40\r\n{\"type\":\"MODIFIED\"" : "0\r\n\r\n");
}

Answer ApiServer::create(const std::string& collection, const Json& object, const std::string& manager) {
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
  return store_.create(*parse_path(collection), object, manager);
}

Answer ApiServer::get(const std::string& path) {
  const std::lock_guard lock(mutex_);
  return store_.get(*parse_path(path));
}

Answer ApiServer::merge_patch(const std::string& path, const Json& patch, const std::string& manager) {
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
  return store_.merge_patch(*parse_path(path), patch, manager);
}

Answer ApiServer::apply(const std::string& path, const Json& object, const std::string& manager, bool force) {
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
  return store_.apply(*parse_path(path), object, manager, force);
}

Answer ApiServer::remove(const std::string& path) {
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
  return store_.remove(*parse_path(path), {});
}

std::vector<Json> ApiServer::list(const std::string& collection) {
  const std::lock_guard lock(mutex_);
  return store_.list(*parse_path(collection), 0, 0, "", "").items;
}

void ApiServer::inject(Fault fault) {
  const std::lock_guard lock(mutex_);
  faults_.push_back(std::move(fault));
}

void ApiServer::clear_faults() {
  const std::lock_guard lock(mutex_);
  faults_.clear();
  ++faults_epoch_;
  changed_.notify_all();
}

void ApiServer::stall_watches(bool stalled) {
  const std::lock_guard lock(mutex_);
  stalled_ = stalled;
  changed_.notify_all();
}

void ApiServer::cut_watches() {
  const std::lock_guard lock(mutex_);
  ++watch_epoch_;
  changed_.notify_all();
}

void ApiServer::deny(Right right) {
  const std::lock_guard lock(mutex_);
  denied_.push_back(std::move(right));
}

void ApiServer::compact() {
  const std::lock_guard lock(mutex_);
  // The next version too: a watch that is up to date must list again as well.
  compacted_ = store_.version() + 1;
  store_.set_version(compacted_);
  store_.clear_events();
  // An open watch must not pass over what it has not sent yet.
  ++watch_epoch_;
  changed_.notify_all();
}

void ApiServer::repeat_events() {
  const std::lock_guard lock(mutex_);
  ++repeats_;
  changed_.notify_all();
}

void ApiServer::down() {
  const std::lock_guard lock(mutex_);
  down_ = true;
  for (const int fd : sockets_) ::shutdown(fd, SHUT_RDWR);
  changed_.notify_all();
}

void ApiServer::up() {
  const std::lock_guard lock(mutex_);
  down_ = false;
}

Store ApiServer::snapshot() {
  const std::lock_guard lock(mutex_);
  return store_;
}

void ApiServer::restore(const Store& older) {
  const std::lock_guard lock(mutex_);
  compacted_ = store_.version() + 1;
  store_ = older;
  store_.set_version(compacted_);
  store_.clear_events();
  ++watch_epoch_;
  changed_.notify_all();
}

std::vector<ApiServer::Call> ApiServer::calls() {
  const std::lock_guard lock(mutex_);
  return calls_;
}

void ApiServer::forget_calls() {
  const std::lock_guard lock(mutex_);
  calls_.clear();
}

std::size_t ApiServer::writes() {
  const auto made = calls();
  return static_cast<std::size_t>(std::count_if(made.begin(), made.end(), [](const Call& call) {
    return call.method != "GET" && call.status / 100 == 2 && call.target.find("accessreviews") == std::string::npos;
  }));
}

std::size_t ApiServer::count(const std::string& method, const std::string& target) {
  const auto made = calls();
  return static_cast<std::size_t>(std::count_if(made.begin(), made.end(), [&](const Call& call) {
    return call.method == method && call.target.find(target) != std::string::npos;
  }));
}

std::size_t ApiServer::held() {
  const std::lock_guard lock(mutex_);
  return held_;
}

std::size_t ApiServer::bookmarks() {
  const std::lock_guard lock(mutex_);
  return bookmarks_;
}

std::size_t ApiServer::open_watches() {
  const std::lock_guard lock(mutex_);
  return open_watches_;
}

}  // namespace fakes
