#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

/// llama-server in router mode over raw sockets, as build 11669 speaks (listing, load, unload, reload, event stream,
/// metrics, chat), with faults on demand.
namespace fakes {

struct LlamaModel {
  std::string name;
  std::vector<std::string> aliases{};
  std::chrono::milliseconds load_time{20};
  /// Not 0: every load ends with this exit code.
  int fails_with = 0;
};

/// A request names its fault in the header `X-Fault`:
///   echo            the request's bytes, as they came, are the answer's body
///   close           closes without an answer
///   cut             closes in the middle of the answer
///   garbage         answers something that is not HTTP
///   continue        sends "100 Continue" before its answer
///   until-close     an answer with neither Content-Length nor chunks
///   large           32 MiB of answer, as fast as it is read
class LlamaServer {
 public:
  /// `port` 0: a free one.
  explicit LlamaServer(std::vector<LlamaModel> models, std::size_t places = 1, std::uint16_t port = 0);
  ~LlamaServer();
  LlamaServer(const LlamaServer&) = delete;
  LlamaServer& operator=(const LlamaServer&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port()); }

  /// One token of an answer takes so long; a request's `max_tokens` says how many.
  void set_token_time(std::chrono::milliseconds time);
  /// The answers that are under way, and those that begin from now on, end with their next token.
  void finish();
  /// The child of a model dies. Until that is noticed the model is listed as loaded, and requests for it fail.
  void kill(const std::string& model, std::chrono::milliseconds unnoticed = {});
  /// What the next reloads find: these models (whose sections all changed, when `unloads`), or a refusal.
  void set_reload(std::vector<LlamaModel> models, bool unloads);
  void refuse_reload(std::string message);
  /// Connections are accepted and nothing is answered.
  void hang(bool on);
  /// Only models' metrics are not answered, as while a child computes a long batch.
  void hang_metrics(bool on);
  /// The event stream is cut; it may be asked for again.
  void cut_events();
  /// The event stream ends, and further ones are 404.
  void refuse_events();
  /// Stops listening and cuts everything, as a process that ends.
  void stop();

  /// "POST /models/load b", "GET /metrics?model=a&autoload=false", in order.
  [[nodiscard]] std::vector<std::string> requests() const;
  [[nodiscard]] std::size_t count(const std::string& request) const;
  /// Who follows the event stream at this moment.
  [[nodiscard]] std::size_t followers() const;
  /// "loaded", "loading", "unloaded".
  [[nodiscard]] std::string state(const std::string& model) const;
  [[nodiscard]] std::size_t loads(const std::string& model) const;
  /// Of the model's last child.
  [[nodiscard]] int exit_code(const std::string& model) const;
  /// Requests that met no idle place: the real one would have made them wait, or failed them.
  [[nodiscard]] std::size_t crowded() const;
  /// Peers that went away before their answer was whole.
  [[nodiscard]] std::size_t abandoned() const;
  /// Bytes of `large` answers that were taken.
  [[nodiscard]] std::size_t large_bytes() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fakes
