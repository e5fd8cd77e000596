#include "test/fakes/llama_server/llama_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "common/base/json.hpp"

namespace fakes {
namespace {

using Milliseconds = std::chrono::milliseconds;

struct Request {
  std::string method;
  std::string target;
  std::string head;
  std::string body;

  [[nodiscard]] std::string header(std::string name) const {
    name = "\r\n" + name + ": ";
    const auto at = head.find(name);
    if (at == std::string::npos) return {};
    const auto start = at + name.size();
    return head.substr(start, head.find("\r\n", start) - start);
  }
  [[nodiscard]] std::string query(const std::string& name) const {
    const auto at = target.find(name + "=");
    if (at == std::string::npos) return {};
    const auto start = at + name.size() + 1;
    return target.substr(start, target.find('&', start) - start);
  }
};

std::string error_json(int code, const std::string& message) {
  return R"({"error":{"code":)" + std::to_string(code) + R"(,"message":)" + base::quote_json(message) +
         R"(,"type":"server_error"}})";
}

}  // namespace

class LlamaServer::Impl {
 public:
  Impl(std::vector<LlamaModel> models, std::size_t places, std::uint16_t wanted) : places_(places) {
    adopt(std::move(models));
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    const int on = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    address.sin_family = AF_INET;
    address.sin_port = htons(wanted);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size) != 0 || ::listen(listener_, 512) != 0)
      std::abort();
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }

  ~Impl() { stop(); }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(stopping_, true)) return;
      ::shutdown(listener_, SHUT_RDWR);
      for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
    }
    changed_.notify_all();
    acceptor_.join();
    ::close(listener_);
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return threads_ == 0; });
  }

  struct Model {
    LlamaModel what;
    std::string state = "unloaded";
    int exit_code = 0;
    bool failed = false;
    /// Its child has gone, and that is not noticed yet.
    bool dead = false;
    std::size_t in_flight = 0;
    std::size_t loads = 0;
    std::uint64_t used = 0;
    std::uint64_t generation = 0;
  };

  std::uint16_t port = 0;
  std::atomic<std::int64_t> token_ms = 1;
  std::atomic<bool> hangs = false;
  std::atomic<bool> metrics_hang = false;
  std::atomic<std::size_t> crowded = 0;
  std::atomic<std::size_t> abandoned = 0;
  std::atomic<std::size_t> large_bytes = 0;

  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  Model model(const std::string& name) {
    const std::lock_guard lock(mutex_);
    const auto* found = find(name);
    return found == nullptr ? Model{} : *found;
  }
  void kill(const std::string& name, Milliseconds unnoticed) {
    const std::lock_guard lock(mutex_);
    auto* model = find(name);
    if (model == nullptr) return;
    if (unnoticed.count() == 0) return ended(*model, 1);
    ++model->generation;
    model->dead = true;
    changed_.notify_all();
    ++threads_;
    std::thread([this, name, unnoticed] {
      std::unique_lock waiting(mutex_);
      changed_.wait_for(waiting, unnoticed, [this] { return stopping_; });
      if (auto* dead = find(name); dead != nullptr && dead->dead) ended(*dead, 1);
      --threads_;
      changed_.notify_all();
    }).detach();
  }
  void finish() {
    const std::lock_guard lock(mutex_);
    finishing_ = true;
    changed_.notify_all();
  }
  std::size_t followers() {
    const std::lock_guard lock(mutex_);
    return followers_.size();
  }
  void set_reload(std::optional<std::vector<LlamaModel>> models, bool unloads, std::string refusal) {
    const std::lock_guard lock(mutex_);
    next_models_ = std::move(models);
    reload_unloads_ = unloads;
    refusal_ = std::move(refusal);
  }
  void cut_events(bool for_good) {
    const std::lock_guard lock(mutex_);
    events_refused_ = for_good;
    for (const int socket : followers_) ::shutdown(socket, SHUT_RDWR);
    followers_.clear();
  }

 private:
  // Caller holds the mutex, in all of these.

  void adopt(std::vector<LlamaModel> models) {
    std::map<std::string, Model> old;
    for (auto& model : models_) old.emplace(model.what.name, model);
    models_.clear();
    for (auto& what : models) {
      Model model;
      if (const auto known = old.find(what.name); known != old.end()) model = known->second;
      model.what = std::move(what);
      models_.push_back(std::move(model));
    }
  }
  Model* find(const std::string& name) {
    for (auto& model : models_) {
      if (model.what.name == name || std::ranges::find(model.what.aliases, name) != model.what.aliases.end())
        return &model;
    }
    return nullptr;
  }
  void tell(const std::string& line) {
    for (const int socket : followers_) write(socket, "data: " + line + "\n\n", true);
  }
  void change(Model& model, const std::string& state, const std::string& more = {}) {
    model.state = state;
    tell(R"({"model":")" + model.what.name + R"(","event":"status_change","data":{"status":")" + state + "\"" + more +
         "}}");
    changed_.notify_all();
  }
  void ended(Model& model, int exit_code) {
    ++model.generation;
    model.exit_code = exit_code;
    model.failed = exit_code != 0;
    model.dead = false;
    change(model, "unloaded", R"(,"exit_code":)" + std::to_string(exit_code));
  }
  std::size_t active() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(models_, [](const Model& model) { return model.state != "unloaded"; }));
  }
  /// Makes room for a load: the idle model that was used longest ago goes. False when all are busy.
  bool make_room() {
    if (active() < places_) return true;
    Model* victim = nullptr;
    for (auto& model : models_) {
      if (model.state == "loaded" && model.in_flight == 0 && (victim == nullptr || model.used < victim->used))
        victim = &model;
    }
    if (victim == nullptr) return false;
    ended(*victim, 0);
    return true;
  }
  void begin_load(Model& model) {
    ++model.loads;
    model.failed = false;
    change(model, "loading");
    std::thread([this, name = model.what.name, time = model.what.load_time, code = model.what.fails_with,
                 generation = model.generation] {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, time, [this] { return stopping_; });
      auto* loading = find(name);
      if (!stopping_ && loading != nullptr && loading->generation == generation && loading->state == "loading") {
        if (code != 0) {
          ended(*loading, code);
        } else {
          change(*loading, "loaded", R"(,"info":{})");
        }
      }
      --threads_;
      changed_.notify_all();
    }).detach();
    ++threads_;
  }

  // The sockets.

  void accept_all() {
    while (true) {
      const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      const std::lock_guard lock(mutex_);
      if (stopping_) {
        if (socket >= 0) ::close(socket);
        return;
      }
      if (socket < 0) continue;
      const int on = 1;
      ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      sockets_.insert(socket);
      ++threads_;
      std::thread([this, socket] {
        serve(socket);
        const std::lock_guard ending(mutex_);
        sockets_.erase(socket);
        followers_.erase(socket);
        ::close(socket);
        --threads_;
        changed_.notify_all();
      }).detach();
    }
  }

  void serve(int socket) {
    std::string pending;
    while (auto request = read_request(socket, pending)) {
      while (hangs || (metrics_hang && request->target.starts_with("/metrics?"))) {
        std::unique_lock lock(mutex_);
        if (changed_.wait_for(lock, Milliseconds{10}, [this] { return stopping_; })) return;
      }
      answer(socket, *request);
      if (request->header("Connection") == "close" || request->target.starts_with("/models/sse")) return;
    }
  }

  std::optional<Request> read_request(int socket, std::string& pending) {
    char buffer[65536];
    const auto fill = [&] {
      const auto count = ::recv(socket, buffer, sizeof buffer, 0);
      if (count > 0) pending.append(buffer, static_cast<std::size_t>(count));
      return count > 0;
    };
    while (pending.find("\r\n\r\n") == std::string::npos) {
      if (!fill()) return std::nullopt;
    }
    Request request;
    const auto size = pending.find("\r\n\r\n") + 4;
    request.head = pending.substr(0, size);
    pending.erase(0, size);
    const auto length = std::strtoull(request.header("Content-Length").c_str(), nullptr, 10);
    while (pending.size() < length) {
      if (!fill()) return std::nullopt;
    }
    request.body = pending.substr(0, length);
    pending.erase(0, length);
    request.method = request.head.substr(0, request.head.find(' '));
    const auto start = request.method.size() + 1;
    request.target = request.head.substr(start, request.head.find(' ', start) - start);
    return request;
  }

  bool write(int socket, std::string_view bytes, bool may_drop = false) {
    while (!bytes.empty()) {
      const auto sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL | (may_drop ? MSG_DONTWAIT : 0));
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  void respond(int socket, int status, const std::string& body, const std::string& type = "application/json") {
    write(socket, "HTTP/1.1 " + std::to_string(status) + " Status\r\nServer: llama.cpp\r\nContent-Type: " + type +
                      "\r\nContent-Length: " + std::to_string(body.size()) +
                      "\r\nKeep-Alive: timeout=5, max=100\r\n\r\n" + body);
  }

  /// What the real one says of itself when it cannot reach a child: no JSON, though it says so.
  void respond_lost(int socket, const std::string& why) {
    const std::string body = "proxy error: " + why;
    char size[32];
    std::snprintf(size, sizeof size, "%zx\r\n", body.size());
    write(socket,
          "HTTP/1.1 500 Internal Server Error\r\nServer: llama.cpp\r\nContent-Type: application/json; charset=utf-8\r\n"
          "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" +
              (size + body) + "\r\n0\r\n\r\n");
  }

  // The endpoints.

  void answer(int socket, const Request& request) {
    const auto document = base::parse_json(request.body, "body");
    const std::string name = document ? base::string_at(*document, {"model"}) : std::string();
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request.method + " " + request.target + (name.empty() ? "" : " " + name));
    }
    const auto path = request.target.substr(0, request.target.find('?'));
    if (request.header("X-Fault") == "echo") return respond(socket, 200, request.head + request.body, "text/plain");
    if (path == "/models/sse") return follow(socket);
    if (path == "/models/load") return load(socket, name);
    if (path == "/models/unload") return unload(socket, name);
    if (request.query("reload") == "1") return reload(socket);
    if (path == "/models" || path == "/v1/models") return list(socket);
    if (path == "/props") return respond(socket, 200, R"({"role":"router","build_info":"b11669-fake"})");
    if (path == "/metrics") return metrics(socket, request.query("model"));
    if (request.method == "POST") return chat(socket, request, name, document ? &*document : nullptr);
    respond(socket, 404, error_json(404, "File Not Found"));
  }

  void follow(int socket) {
    {
      const std::lock_guard lock(mutex_);
      if (events_refused_) return respond(socket, 404, error_json(404, "File Not Found"));
      write(socket, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n");
      followers_.insert(socket);
    }
    char byte = 0;
    while (::recv(socket, &byte, 1, 0) > 0) {
    }
  }

  void list(int socket) {
    std::string body = R"({"object":"list","data":[)";
    const std::lock_guard lock(mutex_);
    for (const auto& model : models_) {
      if (!body.ends_with('[')) body += ',';
      body += R"({"id":")" + model.what.name + R"(","aliases":[)";
      for (const auto& alias : model.what.aliases) body += (body.ends_with('[') ? "\"" : ",\"") + alias + "\"";
      body += R"(],"status":{"value":")" + model.state + "\"";
      if (model.failed) body += R"(,"failed":true,"exit_code":)" + std::to_string(model.exit_code);
      body += "}}";
    }
    respond(socket, 200, body + "]}");
  }

  void load(int socket, const std::string& name) {
    const std::lock_guard lock(mutex_);
    auto* model = find(name);
    if (model == nullptr) return respond(socket, 404, error_json(404, "File Not Found"));
    if (model->state != "unloaded") return respond(socket, 400, error_json(400, "model is already running"));
    if (!make_room()) return respond(socket, 500, error_json(500, "model limit reached, try again later"));
    begin_load(*model);
    respond(socket, 200, R"({"success":true})");
  }

  void unload(int socket, const std::string& name) {
    const std::lock_guard lock(mutex_);
    auto* model = find(name);
    if (model == nullptr || model->state == "unloaded")
      return respond(socket, 400, error_json(400, "model is not running"));
    ended(*model, model->state == "loading" ? 1 : 0);
    respond(socket, 200, R"({"success":true})");
  }

  void reload(int socket) {
    const std::lock_guard lock(mutex_);
    if (!refusal_.empty()) return respond(socket, 500, error_json(500, refusal_));
    if (next_models_) {
      for (auto& model : models_) {
        if (reload_unloads_ && model.state != "unloaded") ended(model, 0);
      }
      adopt(*next_models_);
      next_models_.reset();
    }
    tell(R"({"model":"*","event":"models_reload"})");
    respond(socket, 200, "{}");
  }

  void metrics(int socket, const std::string& name) {
    const std::lock_guard lock(mutex_);
    auto* model = find(name);
    if (model == nullptr || model->state == "unloaded")
      return respond(socket, 400, error_json(400, "model is not loaded"));
    if (model->state == "loading") return respond(socket, 500, error_json(500, "Could not establish connection"));
    respond(socket, 200,
            "# TYPE llamacpp:requests_processing gauge\nllamacpp:requests_processing " +
                std::to_string(model->in_flight) + "\nllamacpp:requests_deferred 0\n",
            "text/plain");
  }

  /// Loads the model if need be. False when that failed; the answer is written then.
  bool enter(int socket, const std::string& name, std::uint64_t& generation) {
    std::unique_lock lock(mutex_);
    auto* model = find(name);
    if (model == nullptr) return respond(socket, 400, error_json(400, "model '" + name + "' not found")), false;
    if (model->state == "unloaded") {
      if (!make_room()) {
        ++crowded;
        changed_.wait(lock, [&] { return stopping_ || find(name)->state != "unloaded" || make_room(); });
      }
      if (find(name)->state == "unloaded") begin_load(*find(name));
    }
    changed_.wait(lock, [&] { return stopping_ || find(name)->state != "loading"; });
    model = find(name);
    if (model->state != "loaded")
      return respond(socket, 500, error_json(500, "model name=" + name + " failed to load")), false;
    if (model->dead) return respond_lost(socket, "Could not establish connection"), false;
    ++model->in_flight;
    model->used = ++uses_;
    generation = model->generation;
    return true;
  }

  void chat(int socket, const Request& request, const std::string& asked, const base::JsonValue* body) {
    const auto fault = request.header("X-Fault");
    if (asked.empty()) return respond(socket, 400, error_json(400, "model name is missing from the request"));
    std::uint64_t generation = 0;
    if (!enter(socket, asked, generation)) return;
    const bool stream = base::as_bool(base::find(*body, "stream")).value_or(false);
    const auto tokens = base::int_at(*body, {"max_tokens"}, 1);
    if (!generate(socket, asked, generation, fault, stream, tokens)) ++abandoned;
    const std::lock_guard lock(mutex_);
    if (auto* model = find(asked)) --model->in_flight;
    changed_.notify_all();
  }

  /// False when the peer went away.
  bool generate(int socket, const std::string& model, std::uint64_t generation, const std::string& fault, bool stream,
                std::int64_t tokens) {
    if (fault == "close") return shut(socket), true;
    if (fault == "garbage") return write(socket, "this is no HTTP\r\n\r\n"), shut(socket), true;
    if (fault == "large") return send_large(socket);
    if (fault == "continue") write(socket, "HTTP/1.1 100 Continue\r\n\r\n");
    const std::string framing = fault == "until-close" ? "" : "Transfer-Encoding: chunked\r\n";
    const std::string head = "HTTP/1.1 200 OK\r\nServer: llama.cpp\r\nConnection: close\r\nContent-Type: " +
                             std::string(stream ? "text/event-stream" : "application/json") + "\r\n" + framing +
                             "Keep-Alive: timeout=5, max=100\r\n\r\n";
    bool head_sent = false;
    const auto piece = [&](const std::string& text) {
      char size[32];
      std::snprintf(size, sizeof size, "%zx\r\n", text.size());
      const std::string bytes = framing.empty() ? text : size + text + "\r\n";
      return write(socket, (std::exchange(head_sent, true) ? "" : head) + bytes);
    };
    bool is_last = false;
    for (std::int64_t token = 0; token < tokens && !is_last; ++token) {
      if (peer_left(socket)) return false;
      {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, Milliseconds{token_ms}, [&] { return stopping_ || finishing_; });
        is_last = finishing_;
        const auto* now = find(model);
        if (stopping_ || now == nullptr || now->generation != generation) {
          // Its child has gone.
          if (!head_sent) respond_lost(socket, "Failed to read connection");
          return shut(socket), true;
        }
      }
      if (stream && !piece("data: {\"token\":" + std::to_string(token) + ",\"model\":\"" + model + "\"}\n\n"))
        return false;
      if (fault == "cut" && token * 2 >= tokens) return shut(socket), true;
    }
    bool whole =
        stream ? piece("data: [DONE]\n\n") : piece("{\"model\":\"" + model + "\",\"object\":\"chat.completion\"}");
    if (!framing.empty()) whole = whole && write(socket, "0\r\n\r\n");
    if (framing.empty()) shut(socket);
    return whole;
  }

  bool send_large(int socket) {
    constexpr std::size_t kSize = std::size_t{32} << 20U;
    if (!write(socket,
               "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(kSize) + "\r\n\r\n"))
      return false;
    const std::string block(65536, 'x');
    for (std::size_t sent = 0; sent < kSize; sent += block.size()) {
      if (!write(socket, block)) return false;
      large_bytes += block.size();
    }
    return true;
  }

  static void shut(int socket) { ::shutdown(socket, SHUT_RDWR); }
  static bool peer_left(int socket) {
    char byte = 0;
    return ::recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
  }

  const std::size_t places_;
  int listener_ = -1;
  std::thread acceptor_;

  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::vector<Model> models_;
  std::vector<std::string> requests_;
  std::set<int> sockets_;
  std::set<int> followers_;
  std::optional<std::vector<LlamaModel>> next_models_;
  bool reload_unloads_ = false;
  std::string refusal_;
  bool events_refused_ = false;
  bool stopping_ = false;
  std::size_t threads_ = 0;
  std::uint64_t uses_ = 0;
  bool finishing_ = false;
};

LlamaServer::LlamaServer(std::vector<LlamaModel> models, std::size_t places, std::uint16_t port)
    : impl_(std::make_unique<Impl>(std::move(models), places, port)) {}
LlamaServer::~LlamaServer() = default;

std::uint16_t LlamaServer::port() const { return impl_->port; }
void LlamaServer::set_token_time(std::chrono::milliseconds time) { impl_->token_ms = time.count(); }
void LlamaServer::finish() { impl_->finish(); }
void LlamaServer::kill(const std::string& model, Milliseconds unnoticed) { impl_->kill(model, unnoticed); }
void LlamaServer::set_reload(std::vector<LlamaModel> models, bool unloads) {
  impl_->set_reload(std::move(models), unloads, {});
}
void LlamaServer::refuse_reload(std::string message) { impl_->set_reload(std::nullopt, false, std::move(message)); }
void LlamaServer::hang(bool on) { impl_->hangs = on; }
void LlamaServer::hang_metrics(bool on) { impl_->metrics_hang = on; }
void LlamaServer::cut_events() { impl_->cut_events(false); }
void LlamaServer::refuse_events() { impl_->cut_events(true); }
void LlamaServer::stop() { impl_->stop(); }
std::vector<std::string> LlamaServer::requests() const { return impl_->requests(); }
std::size_t LlamaServer::count(const std::string& request) const {
  const auto all = impl_->requests();
  return static_cast<std::size_t>(std::ranges::count(all, request));
}
std::size_t LlamaServer::followers() const { return impl_->followers(); }
std::string LlamaServer::state(const std::string& model) const { return impl_->model(model).state; }
std::size_t LlamaServer::loads(const std::string& model) const { return impl_->model(model).loads; }
int LlamaServer::exit_code(const std::string& model) const { return impl_->model(model).exit_code; }
std::size_t LlamaServer::crowded() const { return impl_->crowded; }
std::size_t LlamaServer::abandoned() const { return impl_->abandoned; }
std::size_t LlamaServer::large_bytes() const { return impl_->large_bytes; }

}  // namespace fakes
