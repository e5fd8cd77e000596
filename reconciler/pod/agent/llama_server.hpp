#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "common/base/error.hpp"
#include "reconciler/pod/agent/listing.hpp"

namespace net {
class Cancellation;
class HttpClient;
}  // namespace net

namespace agent {

/// The router's own requests, and nothing that could load, wake or evict a model by accident: whatever names a model
/// carries `autoload=false`, and `/slots` is not asked at all (it wakes a sleeping model). Thread-safe.
class LlamaServer {
 public:
  /// `api_key` may be empty; llama-server with a key answers everything but /health with 401 without it.
  /// `patience`: one that lists no models for so long hangs. A busy one lists them at once, its children alone compute.
  [[nodiscard]] static base::Result<std::unique_ptr<LlamaServer>> make(
      const std::string& url, const std::string& api_key,
      std::chrono::milliseconds patience = std::chrono::seconds{10});
  ~LlamaServer();

  [[nodiscard]] base::Result<Listing> list();
  /// Begins a load and does not wait for its end. An error when llama-server did not begin.
  [[nodiscard]] base::Result<> load(const std::string& name);
  [[nodiscard]] base::Result<> unload(const std::string& name);
  /// Re-reads the preset; returns when the models that it unloads are gone. `refused` is set when llama-server answered
  /// and said no, not when it did not answer.
  [[nodiscard]] base::Result<> reload(bool& refused);
  /// Are requests processed or deferred in this model? One that is loading counts as busy, one not loaded as idle. An
  /// error says nothing: a child in the middle of a long batch answers when that is done.
  [[nodiscard]] base::Result<bool> is_busy(const std::string& name);
  /// The model's own metrics; an error when it is not loaded, or takes longer than a scrape may wait.
  [[nodiscard]] base::Result<std::string> metrics(const std::string& name);
  /// llama-server's build: "b11669-Debian".
  [[nodiscard]] base::Result<std::string> build();
  /// Follows `GET /models/sse` until the connection ends or is cancelled.
  [[nodiscard]] base::Result<> follow(const std::function<void(const ModelEvent&)>& on_event,
                                      net::Cancellation& cancellation);

 private:
  struct Answer {
    int status = 0;
    std::string body;
  };
  LlamaServer();
  [[nodiscard]] base::Result<Answer> ask(net::HttpClient& client, const std::string& method, const std::string& target,
                                         const std::string& body = {});
  [[nodiscard]] base::Result<> post(const std::string& target, const std::string& name);

  std::string authorization_;
  std::unique_ptr<net::HttpClient> quick_;
  /// For scrapes, which must not be lost because one model is busy.
  std::unique_ptr<net::HttpClient> brief_;
  /// For a reload, which blocks for as long as models take to stop.
  std::unique_ptr<net::HttpClient> patient_;
};

/// `llamacpp:requests_processing` plus `llamacpp:requests_deferred` in one model's metrics.
[[nodiscard]] double requests_in_flight(std::string_view metrics);

}  // namespace agent
