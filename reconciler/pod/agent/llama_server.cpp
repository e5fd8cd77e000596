#include "reconciler/pod/agent/llama_server.hpp"

#include <algorithm>
#include <charconv>

#include "common/base/json.hpp"
#include "common/base/wire_text.hpp"
#include "common/net/http_client.hpp"

namespace agent {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kWrite{10'000};
/// Prometheus waits 10 s for a scrape by default, and a GET is made twice where the first one is cut.
constexpr milliseconds kBrief{2'000};
constexpr milliseconds kPatient{120'000};
/// The event stream is silent when nothing happens; that llama-server lives is told by `list`.
constexpr milliseconds kSilence{3'600'000};

net::HttpClientOptions options(const std::string& url, milliseconds patience) {
  net::HttpClientOptions out;
  out.url = url;
  out.timeouts = {.connect = milliseconds{2'000}, .read = patience, .write = kWrite, .total = patience};
  out.max_body_bytes = std::size_t{8} << 20U;
  out.max_line_bytes = std::size_t{1} << 20U;
  out.max_idle_connections = 1;
  out.user_agent = "router-agent";
  return out;
}

std::string metrics_target(std::string_view model) {
  return "/metrics?model=" + base::encode_percent(model) + "&autoload=false";
}

double value_of(std::string_view metrics, std::string_view name) {
  for (std::size_t at = metrics.find(name); at != std::string_view::npos; at = metrics.find(name, at + 1)) {
    const bool line_start = at == 0 || metrics[at - 1] == '\n';
    if (!line_start || at + name.size() >= metrics.size() || metrics[at + name.size()] != ' ') continue;
    const auto text = metrics.substr(at + name.size() + 1);
    double value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  }
  return 0;
}

}  // namespace

double requests_in_flight(std::string_view metrics) {
  return value_of(metrics, "llamacpp:requests_processing") + value_of(metrics, "llamacpp:requests_deferred");
}

LlamaServer::LlamaServer() = default;
LlamaServer::~LlamaServer() = default;

base::Result<std::unique_ptr<LlamaServer>> LlamaServer::make(const std::string& url, const std::string& api_key,
                                                             milliseconds patience) {
  auto quick = net::HttpClient::make(options(url, patience));
  if (!quick) return std::unexpected(quick.error());
  auto brief = net::HttpClient::make(options(url, std::min(patience, kBrief)));
  if (!brief) return std::unexpected(brief.error());
  auto patient = net::HttpClient::make(options(url, kPatient));
  if (!patient) return std::unexpected(patient.error());
  std::unique_ptr<LlamaServer> server(new LlamaServer);
  if (!api_key.empty()) server->authorization_ = "Bearer " + api_key;
  server->quick_ = std::move(*quick);
  server->brief_ = std::move(*brief);
  server->patient_ = std::move(*patient);
  return server;
}

base::Result<LlamaServer::Answer> LlamaServer::ask(net::HttpClient& client, const std::string& method,
                                                   const std::string& target, const std::string& body) {
  net::HttpRequest request;
  request.method = method;
  request.target = target;
  request.body = body;
  if (!body.empty()) request.content_type = "application/json";
  if (!authorization_.empty()) request.headers.push_back({"Authorization", authorization_});
  auto response = client.send(request);
  if (!response) return std::unexpected(response.error());
  return Answer{response->status, std::move(response->body)};
}

base::Result<Listing> LlamaServer::list() {
  const auto answer = ask(*quick_, "GET", "/models");
  if (!answer) return std::unexpected(answer.error());
  if (answer->status == 401)
    return base::fail("401: llama-server wants an API key", "GET /models", "give the agent the same LLAMA_API_KEY");
  if (answer->status != 200)
    return base::fail(std::to_string(answer->status) + " " + error_message(answer->body), "GET /models");
  return parse_listing(answer->body);
}

base::Result<> LlamaServer::post(const std::string& target, const std::string& name) {
  const auto answer = ask(*quick_, "POST", target, R"({"model":)" + base::quote_json(name) + "}");
  if (!answer) return std::unexpected(answer.error());
  if (answer->status == 200) return {};
  return base::fail(std::to_string(answer->status) + " " + error_message(answer->body), "POST " + target);
}

base::Result<> LlamaServer::load(const std::string& name) { return post("/models/load", name); }

base::Result<> LlamaServer::unload(const std::string& name) { return post("/models/unload", name); }

base::Result<> LlamaServer::reload(bool& refused) {
  refused = false;
  const auto answer = ask(*patient_, "GET", "/models?reload=1");
  if (!answer) return std::unexpected(answer.error());
  if (answer->status == 200) return {};
  refused = true;
  return base::fail("llama-server refuses it: " + error_message(answer->body), "models.ini");
}

base::Result<std::string> LlamaServer::metrics(const std::string& name) {
  const auto target = metrics_target(name);
  auto answer = ask(*brief_, "GET", target);
  if (!answer) return std::unexpected(answer.error());
  if (answer->status == 200) return std::move(answer->body);
  return base::fail(std::to_string(answer->status) + " " + error_message(answer->body), "GET " + target);
}

base::Result<bool> LlamaServer::is_busy(const std::string& name) {
  const auto answer = ask(*quick_, "GET", metrics_target(name));
  if (!answer) return std::unexpected(answer.error());
  // 400: not loaded. 500: loading. 501: llama-server runs without --metrics, and nothing can be known.
  if (answer->status == 200) return requests_in_flight(answer->body) > 0;
  return answer->status == 500;
}

base::Result<std::string> LlamaServer::build() {
  const auto answer = ask(*quick_, "GET", "/props");
  if (!answer) return std::unexpected(answer.error());
  const auto props = base::parse_json(answer->body, "GET /props");
  if (!props) return std::unexpected(props.error());
  return base::string_at(*props, {"build_info"});
}

base::Result<> LlamaServer::follow(const std::function<void(const ModelEvent&)>& on_event,
                                   net::Cancellation& cancellation) {
  net::HttpRequest request;
  request.target = "/models/sse";
  request.headers.push_back({"Accept", "text/event-stream"});
  if (!authorization_.empty()) request.headers.push_back({"Authorization", authorization_});
  const auto on_line = [&](std::string_view line) {
    if (const auto event = parse_event_line(line)) on_event(*event);
    return true;
  };
  const auto ended = patient_->stream_lines(request, kSilence, on_line, cancellation);
  if (!ended) return std::unexpected(ended.error());
  if (ended->status != 200)
    return base::fail(std::to_string(ended->status) + " " + error_message(ended->body), "GET /models/sse");
  return {};
}

}  // namespace agent
