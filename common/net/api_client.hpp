#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.hpp"
#include "common/base/json.hpp"
#include "common/net/api_config.hpp"
#include "common/net/http_client.hpp"

namespace net {

/// What the API server answered, whatever the status code.
struct ApiResponse {
  int status = 0;
  std::string body;
  /// From the header of a 429 or 503, at most a minute.
  std::optional<std::chrono::seconds> retry_after;

  [[nodiscard]] bool ok() const { return status >= 200 && status < 300; }
};

/// The API server's own account of a failure (metav1.Status), as far as we read it.
struct ApiStatus {
  int code = 0;
  /// "NotFound", "Conflict", "Invalid", ... or empty when the body was no Status.
  std::string reason;
  std::string message;
  struct Cause {
    std::string reason;
    std::string message;
    std::string field;
  };
  std::vector<Cause> causes;
};

/// Reads the body of an answer that is not ok; the message is never empty.
[[nodiscard]] ApiStatus read_status(const ApiResponse& response);

/// The same as an Error about `where`.
[[nodiscard]] base::Error to_error(const ApiResponse& response, std::string_view where);

/// Why a request is to be made again later.
struct NotNow {
  base::Error error;
  /// The server asked for this much patience.
  std::chrono::seconds retry_after{0};
};
/// When nothing can be said about the request itself: no answer came, in the same words for every way in which a
/// connection fails, or the server said "not now" (429, 5xx).
[[nodiscard]] std::optional<NotNow> not_now(const base::Result<ApiResponse>& response, std::string_view where);

struct ListOptions {
  std::string label_selector;
  std::string field_selector;
  /// Objects per page: what a page costs in memory, a few times over, is the peak of a list.
  int page_size = 500;
};

struct WatchOptions {
  std::string label_selector;
  std::string field_selector;
  std::string resource_version;
  /// The server ends the watch by itself after that.
  std::chrono::seconds timeout{540};
  /// The longest silence. Bookmarks come about once a minute, so this must be longer.
  std::chrono::milliseconds read_timeout{std::chrono::seconds{150}};
};

/// How a watch ended; none of it is a failure of the caller.
struct WatchEnd {
  enum class Kind {
    /// Time was over, or the connection was cut: go on from the last resourceVersion.
    ended,
    /// 410: the resourceVersion is too old. List again.
    expired,
    /// The server refused or could not be reached: wait, then go on.
    failed,
    /// By the Cancellation.
    cancelled,
  };
  Kind kind = Kind::ended;
  std::string message;
  std::optional<std::chrono::seconds> retry_after;
};

/// The Kubernetes API over raw REST: paths are the API's own ("/api/v1/namespaces/edge/pods"), bodies are JSON text.
/// An error means that no answer came; an answer that refuses is an ApiResponse. Nothing here waits and tries again,
/// but for one repeat on a connection that turned out to be dead: backoff is the work queue's. Thread-safe.
class ApiClient {
 public:
  /// Called after every request, for the metrics: verb as in RBAC ("get", "list", "watch", "create", "update",
  /// "patch", "delete") and the status code, 0 when none came. From any thread.
  using Observer = std::function<void(std::string_view verb, int code)>;

  [[nodiscard]] static base::Result<std::unique_ptr<ApiClient>> make(ApiConfig config, Observer observer = {});
  virtual ~ApiClient();

  [[nodiscard]] base::Result<ApiResponse> get(const std::string& path);
  [[nodiscard]] base::Result<ApiResponse> create(const std::string& path, std::string body);
  [[nodiscard]] base::Result<ApiResponse> replace(const std::string& path, std::string body);
  /// Server-side apply.
  [[nodiscard]] base::Result<ApiResponse> apply(const std::string& path, std::string body, std::string_view manager,
                                                bool force = false);
  [[nodiscard]] base::Result<ApiResponse> merge_patch(const std::string& path, std::string body,
                                                      std::string_view manager);
  [[nodiscard]] base::Result<ApiResponse> json_patch(const std::string& path, std::string body,
                                                     std::string_view manager);
  /// `body` is a DeleteOptions or empty.
  [[nodiscard]] base::Result<ApiResponse> remove(const std::string& path, std::string body = {});

  /// Called with each object of a list (its items have no kind of their own).
  using ItemReceiver = std::function<void(const base::JsonValue& object)>;
  /// Lists page by page; gives the resourceVersion to watch from. One page is in memory at a time.
  struct Listed {
    int status = 0;
    std::string resource_version;
    ApiResponse refusal;  // of the page that was not 200
  };
  [[nodiscard]] base::Result<Listed> list(const std::string& path, const ListOptions& options,
                                          const ItemReceiver& on_item);

  /// Called with "ADDED", "MODIFIED", "DELETED" or "BOOKMARK"; false ends the watch.
  using EventReceiver = std::function<bool(std::string_view type, const base::JsonValue& object)>;
  /// Blocks until the watch ends.
  [[nodiscard]] WatchEnd watch(const std::string& path, const WatchOptions& options, const EventReceiver& on_event,
                               Cancellation& cancellation);

  /// Ends the requests that are under way (watches have Cancellations of their own); later ones are not affected.
  void interrupt();

 private:
  ApiClient(ApiConfig config, Observer observer);
  [[nodiscard]] base::Result<ApiResponse> call(std::string_view verb, HttpRequest request);
  /// With what a request is sent, as things are now; `request` gets its headers.
  struct Session {
    std::shared_ptr<HttpClient> http;
    std::shared_ptr<Cancellation> cancellation;
  };
  [[nodiscard]] base::Result<Session> begin(HttpRequest& request);

  struct State;
  std::unique_ptr<State> state_;
  Observer observer_;
};

}  // namespace net
