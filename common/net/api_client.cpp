#include "common/net/api_client.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

#include "common/base/file.hpp"
#include "common/base/log.hpp"
#include "common/base/number.hpp"
#include "common/base/text.hpp"
#include "common/base/wire_text.hpp"

namespace net {
namespace {

/// A proxy in front of the API server may name a day, for which nobody would look at an object.
constexpr std::chrono::seconds kLongestRetryAfter{60};

std::optional<std::chrono::seconds> read_retry_after(const HttpResponse& response) {
  const auto text = response.header("Retry-After");
  if (!text) return std::nullopt;
  const auto seconds = base::parse_number<std::uint32_t>(*text);
  if (!seconds) return std::nullopt;
  return std::min(std::chrono::seconds(*seconds), kLongestRetryAfter);
}

/// Query parameters in the order given; empty values are left out.
class Query {
 public:
  Query& add(std::string_view key, std::string_view value) {
    if (value.empty()) return *this;
    text_ += text_.empty() ? '?' : '&';
    text_.append(key) += '=';
    text_ += base::encode_percent(value);
    return *this;
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// One line of a watch: {"type": ..., "object": ...}. False when the watch must end.
bool take_event(std::string_view line, const ApiClient::EventReceiver& on_event, WatchEnd& end) {
  auto parsed = base::parse_json(line, "watch event");
  if (!parsed) {
    end = {WatchEnd::Kind::failed, parsed.error().to_string(), {}};
    return false;
  }
  const std::string type = base::string_at(*parsed, {"type"});
  const base::JsonValue* object = base::find(*parsed, "object");
  if (type == "ERROR" || object == nullptr) {
    const bool expired = object != nullptr && (base::int_at(*object, {"code"}) == 410);
    end.kind = expired ? WatchEnd::Kind::expired : WatchEnd::Kind::failed;
    end.message = object == nullptr ? "an event without an object" : base::string_at(*object, {"message"});
    return false;
  }
  return on_event(type, *object);
}

}  // namespace

ApiStatus read_status(const ApiResponse& response) {
  ApiStatus status;
  status.code = response.status;
  if (const auto body = base::parse_json(response.body, "Status");
      body && base::string_at(*body, {"kind"}) == "Status") {
    status.reason = base::string_at(*body, {"reason"});
    status.message = base::string_at(*body, {"message"});
    const auto* causes = base::find_path(*body, {"details", "causes"});
    if (causes != nullptr && causes->IsArray()) {
      for (const auto& cause : causes->GetArray()) {
        status.causes.push_back({base::string_at(cause, {"reason"}), base::string_at(cause, {"message"}),
                                 base::string_at(cause, {"field"})});
      }
    }
  }
  if (status.message.empty()) status.message = base::shorten(base::to_utf8(base::trim(response.body)), 300);
  if (status.message.empty()) status.message = "status " + std::to_string(response.status);
  return status;
}

base::Error to_error(const ApiResponse& response, std::string_view where) {
  const auto status = read_status(response);
  const std::string word = status.reason.empty() ? "HTTP" : status.reason;
  return {word + " (" + std::to_string(status.code) + "): " + status.message, std::string(where), {}};
}

std::optional<NotNow> not_now(const base::Result<ApiResponse>& response, std::string_view where) {
  if (!response) {
    base::log::debug("no-answer", {{"problem", response.error().to_string()}});
    return NotNow{{"the API server does not answer", {}, {}}};
  }
  if (response->status != 429 && response->status < 500) return std::nullopt;
  return NotNow{to_error(*response, where), response->retry_after.value_or(std::chrono::seconds{0})};
}

/// What is read from files, as it was when they were last looked at.
struct ApiClient::State {
  struct Watched {
    std::string path;
    std::optional<base::FileStamp> stamp;
    std::string content;

    /// True when the file is another one than before and could be read.
    bool refresh() {
      if (path.empty()) return false;
      const auto now = base::stamp_file(path);
      if (!now || now == stamp) return false;
      auto text = base::read_file(path);
      if (!text) return false;
      stamp = now;
      content = std::move(*text);
      return true;
    }
  };

  explicit State(ApiConfig from) : kubeconfig{from.kubeconfig, {}, {}} { take(std::move(from)); }

  void take(ApiConfig from) {
    config = std::move(from);
    authority = {config.ca_file, {}, config.ca_pem};
    certificate = {config.certificate_file, {}, config.certificate_pem};
    key = {config.key_file, {}, config.key_pem};
    token = {config.token_file, {}, config.token};
  }

  /// True when the kubeconfig is another one than before. One that cannot be read leaves things as they were.
  bool refresh_config() {
    if (!kubeconfig.refresh()) return false;
    auto fresh = read_kubeconfig(kubeconfig.path);
    if (!fresh) return false;
    fresh->timeouts = config.timeouts;
    fresh->look_every = config.look_every;
    take(std::move(*fresh));
    return true;
  }

  /// Makes the client where there is none, and anew where what it rests on has changed. Files in the middle of a
  /// rotation do not replace a client that works.
  base::Result<> refresh() {
    const auto now = std::chrono::steady_clock::now();
    if (client != nullptr && now < look_at) return {};
    look_at = now + config.look_every;
    bool changed = refresh_config() || client == nullptr;
    changed |= authority.refresh();
    changed |= certificate.refresh();
    changed |= key.refresh();
    token.refresh();
    if (!changed) return {};
    HttpClientOptions options;
    options.timeouts = config.timeouts;
    options.url = config.server;
    options.tls = ClientTls{authority.content, certificate.content, key.content, config.server_name};
    auto made = HttpClient::make(std::move(options));
    if (!made && client == nullptr) return std::unexpected(made.error());
    if (made) client = std::move(*made);
    return {};
  }

  std::mutex mutex;  // guards all below
  std::chrono::steady_clock::time_point look_at;
  ApiConfig config;
  Watched kubeconfig, authority, certificate, key, token;
  std::shared_ptr<HttpClient> client;
  std::shared_ptr<Cancellation> cancellation = std::make_shared<Cancellation>();
};

base::Result<std::unique_ptr<ApiClient>> ApiClient::make(ApiConfig config, Observer observer) {
  std::unique_ptr<ApiClient> client(new ApiClient(std::move(config), std::move(observer)));
  if (auto ready = client->state_->refresh(); !ready) return std::unexpected(ready.error());
  return client;
}

ApiClient::ApiClient(ApiConfig config, Observer observer)
    : state_(std::make_unique<State>(std::move(config))), observer_(std::move(observer)) {}

ApiClient::~ApiClient() = default;

base::Result<ApiClient::Session> ApiClient::begin(HttpRequest& request) {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  if (auto ready = state.refresh(); !ready) return std::unexpected(ready.error());
  const auto token = base::trim(state.token.content);
  if (!token.empty()) request.headers.push_back({"Authorization", "Bearer " + std::string(token)});
  request.headers.push_back({"Accept", "application/json"});
  return Session{state.client, state.cancellation};
}

void ApiClient::interrupt() {
  auto fresh = std::make_shared<Cancellation>();
  {
    const std::lock_guard lock(state_->mutex);
    std::swap(fresh, state_->cancellation);
  }
  fresh->cancel();
}

base::Result<ApiResponse> ApiClient::call(std::string_view verb, HttpRequest request) {
  const auto session = begin(request);
  if (!session) return std::unexpected(session.error());
  auto response = session->http->send(request, session->cancellation.get());
  if (observer_) observer_(verb, response ? response->status : 0);
  if (!response) return std::unexpected(response.error());
  return ApiResponse{response->status, std::move(response->body), read_retry_after(*response)};
}

base::Result<ApiResponse> ApiClient::get(const std::string& path) { return call("get", {.target = path}); }

base::Result<ApiResponse> ApiClient::create(const std::string& path, std::string body) {
  return call("create",
              {.method = "POST", .target = path, .body = std::move(body), .content_type = "application/json"});
}

base::Result<ApiResponse> ApiClient::replace(const std::string& path, std::string body) {
  return call("update", {.method = "PUT", .target = path, .body = std::move(body), .content_type = "application/json"});
}

base::Result<ApiResponse> ApiClient::apply(const std::string& path, std::string body, std::string_view manager,
                                           bool force) {
  const auto query = Query{}.add("fieldManager", manager).add("force", force ? "true" : "").text();
  return call("patch", {.method = "PATCH",
                        .target = path + query,
                        .body = std::move(body),
                        .content_type = "application/apply-patch+yaml",
                        .repeatable = true});
}

base::Result<ApiResponse> ApiClient::merge_patch(const std::string& path, std::string body, std::string_view manager) {
  return call("patch", {.method = "PATCH",
                        .target = path + Query{}.add("fieldManager", manager).text(),
                        .body = std::move(body),
                        .content_type = "application/merge-patch+json",
                        .repeatable = true});
}

base::Result<ApiResponse> ApiClient::json_patch(const std::string& path, std::string body, std::string_view manager) {
  return call("patch", {.method = "PATCH",
                        .target = path + Query{}.add("fieldManager", manager).text(),
                        .body = std::move(body),
                        .content_type = "application/json-patch+json"});
}

base::Result<ApiResponse> ApiClient::remove(const std::string& path, std::string body) {
  const std::string type = body.empty() ? "" : "application/json";
  return call("delete",
              {.method = "DELETE", .target = path, .body = std::move(body), .content_type = type, .repeatable = true});
}

base::Result<ApiClient::Listed> ApiClient::list(const std::string& path, const ListOptions& options,
                                                const ItemReceiver& on_item) {
  std::string next;
  while (true) {
    const auto query = Query{}
                           .add("labelSelector", options.label_selector)
                           .add("fieldSelector", options.field_selector)
                           .add("limit", std::to_string(options.page_size))
                           .add("continue", next)
                           .text();
    auto response = call("list", {.target = path + query});
    if (!response) return std::unexpected(response.error());
    if (!response->ok()) return Listed{response->status, {}, std::move(*response)};
    auto page = base::parse_json(response->body, path);
    if (!page) return std::unexpected(page.error());
    response->body = {};
    const auto* items = base::find(*page, "items");
    if (items != nullptr && items->IsArray())
      for (const auto& item : items->GetArray()) on_item(item);
    next = base::string_at(*page, {"metadata", "continue"});
    if (next.empty()) return Listed{response->status, base::string_at(*page, {"metadata", "resourceVersion"}), {}};
  }
}

WatchEnd ApiClient::watch(const std::string& path, const WatchOptions& options, const EventReceiver& on_event,
                          Cancellation& cancellation) {
  const auto query = Query{}
                         .add("watch", "1")
                         .add("allowWatchBookmarks", "true")
                         .add("labelSelector", options.label_selector)
                         .add("fieldSelector", options.field_selector)
                         .add("resourceVersion", options.resource_version)
                         .add("timeoutSeconds", std::to_string(options.timeout.count()))
                         .text();
  HttpRequest request{.target = path + query};
  const auto session = begin(request);
  if (!session) return {WatchEnd::Kind::failed, session.error().to_string(), {}};
  WatchEnd end;
  std::size_t lines = 0;
  auto response = session->http->stream_lines(
      request, options.read_timeout,
      [&](std::string_view line) { return ++lines, line.empty() || take_event(line, on_event, end); }, cancellation);
  if (observer_) observer_("watch", response ? response->status : 0);
  if (cancellation.cancelled()) return {WatchEnd::Kind::cancelled, {}, {}};
  if (!response) {
    // Cut after it had begun is how long watches end; one that never began is a failure.
    const auto kind = lines > 0 ? WatchEnd::Kind::ended : WatchEnd::Kind::failed;
    return {kind, response.error().to_string(), {}};
  }
  if (response->status == 200) return end;
  const ApiResponse refusal{response->status, response->body, read_retry_after(*response)};
  const auto kind = response->status == 410 ? WatchEnd::Kind::expired : WatchEnd::Kind::failed;
  return {kind, read_status(refusal).message, refusal.retry_after};
}

}  // namespace net
