#include "common/net/api_client.hpp"

#include <csignal>
#include <filesystem>
#include <mutex>
#include <thread>

#include "common/base/file.hpp"
#include "common/net/certificate.hpp"
#include "common/net/server.hpp"
#include "common/net/tls_context.hpp"
#include "test/catch.hpp"
#include "test/fakes/api_server/api_server.hpp"
#include "test/support/eventually.hpp"
#include "test/unit/net_client/raw_server.hpp"

using namespace std::chrono_literals;
using fakes::Fault;
using fakes::Json;

namespace {

[[maybe_unused]] const auto kNoSigpipe = std::signal(SIGPIPE, SIG_IGN);

std::unique_ptr<net::ApiClient> client_for(const std::string& url) {
  net::ApiConfig config;
  config.server = url;
  auto client = net::ApiClient::make(config);
  REQUIRE(client);
  return std::move(*client);
}

const std::string kMaps = "/api/v1/namespaces/edge/configmaps";

Json map_named(const std::string& name) {
  return {{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", {{"name", name}, {"labels", {{"a", "b"}}}}}};
}

}  // namespace

TEST_CASE("a list is read page by page and ends with the version to watch from") {
  fakes::ApiServer server;
  for (int i = 0; i < 25; ++i) server.create(kMaps, map_named("m" + std::to_string(100 + i)));
  const auto client = client_for(server.url());
  std::vector<std::string> names;
  const auto listed = client->list(kMaps, {.label_selector = "a=b", .field_selector = {}, .page_size = 10},
                                   [&](const base::JsonValue& item) {
                                     names.push_back(base::string_at(item, {"metadata", "name"}));
                                   });
  REQUIRE(listed);
  CHECK(listed->status == 200);
  CHECK(names.size() == 25);
  CHECK(names.front() == "m100");
  CHECK(names.back() == "m124");
  CHECK(listed->resource_version == "125");
  CHECK(server.count("GET", "limit=10") == 3);
}

TEST_CASE("a list that is refused gives the server's reason") {
  fakes::ApiServer server;
  server.inject({.kind = Fault::Kind::refuse, .status = 429, .reason = "TooManyRequests", .retry_after = "3"});
  const auto listed = client_for(server.url())->list(kMaps, {}, [](const base::JsonValue&) {});
  REQUIRE(listed);
  CHECK(listed->status == 429);
  CHECK(listed->refusal.retry_after == 3s);
  CHECK(net::read_status(listed->refusal).reason == "TooManyRequests");
}

TEST_CASE("a Retry-After of a day counts as one of a minute") {
  fakes::ApiServer server;
  server.inject({.kind = Fault::Kind::refuse, .status = 503, .reason = "ServiceUnavailable", .retry_after = "86400"});
  const auto refused = client_for(server.url())->get(kMaps);
  REQUIRE(refused);
  CHECK(refused->retry_after == 60s);
}

TEST_CASE("a watch gives events and bookmarks, and ends as asked") {
  fakes::ApiServer server;
  const auto client = client_for(server.url());
  std::vector<std::string> types;
  net::Cancellation cancellation;
  net::WatchOptions options;
  options.resource_version = "100";
  std::thread writer([&] {
    std::this_thread::sleep_for(100ms);
    server.create(kMaps, map_named("x"));
    server.merge_patch(kMaps + "/x", {{"data", {{"k", "v"}}}});
    server.remove(kMaps + "/x");
  });
  const auto end = client->watch(
      kMaps, options,
      [&](std::string_view type, const base::JsonValue&) {
        if (type != "BOOKMARK" || types.size() == 3) types.emplace_back(type);
        return types.size() < 4;
      },
      cancellation);
  writer.join();
  CHECK(end.kind == net::WatchEnd::Kind::ended);
  CHECK(types == std::vector<std::string>{"ADDED", "MODIFIED", "DELETED", "BOOKMARK"});
}

TEST_CASE("how a watch ends is told apart") {
  fakes::ApiServer server;
  const auto client = client_for(server.url());
  net::Cancellation cancellation;
  net::WatchOptions options;
  options.resource_version = "100";
  const auto nothing = [](std::string_view, const base::JsonValue&) { return true; };
  using Kind = net::WatchEnd::Kind;
  SECTION("too old") {
    server.create(kMaps, map_named("x"));
    server.compact();
    CHECK(client->watch(kMaps, options, nothing, cancellation).kind == Kind::expired);
  }
  SECTION("410 instead of a stream") {
    server.inject({.kind = Fault::Kind::refuse, .status = 410, .reason = "Expired"});
    CHECK(client->watch(kMaps, options, nothing, cancellation).kind == Kind::expired);
  }
  SECTION("refused, with patience asked for") {
    server.inject({.kind = Fault::Kind::refuse, .status = 429, .reason = "TooManyRequests", .retry_after = "2"});
    const auto end = client->watch(kMaps, options, nothing, cancellation);
    CHECK(end.kind == Kind::failed);
    CHECK(end.retry_after == 2s);
  }
  SECTION("nobody there") {
    server.down();
    CHECK(client->watch(kMaps, options, nothing, cancellation).kind == Kind::failed);
  }
  SECTION("silence") {
    server.stall_watches(true);
    options.read_timeout = 200ms;
    CHECK(client->watch(kMaps, options, nothing, cancellation).kind == Kind::failed);
  }
  SECTION("cut in the middle of a chunk, after an event") {
    server.create(kMaps, map_named("x"));
    const auto cut = [&](std::string_view, const base::JsonValue&) { return server.cut_watches(), true; };
    const auto end = client->watch(kMaps, options, cut, cancellation);
    CHECK(end.kind == Kind::ended);
    CHECK_FALSE(end.message.empty());
  }
  SECTION("its time is over") {
    options.timeout = 1s;
    const auto end = client->watch(kMaps, options, nothing, cancellation);
    CHECK(end.kind == Kind::ended);
    CHECK(end.message.empty());
  }
  SECTION("cancelled") {
    std::thread other([&] {
      std::this_thread::sleep_for(100ms);
      cancellation.cancel();
    });
    CHECK(client->watch(kMaps, options, nothing, cancellation).kind == Kind::cancelled);
    other.join();
  }
}

TEST_CASE("a write is sent again only where a repeat is harmless") {
  fakes::ApiServer server;
  const auto client = client_for(server.url());
  SECTION("an apply whose answer is cut is repeated") {
    server.inject({.kind = Fault::Kind::cut_after, .method = "PATCH"});
    const auto response = client->apply(kMaps + "/x", map_named("x").dump(), "me");
    REQUIRE(response);
    CHECK(response->ok());
    CHECK(server.count("PATCH", "/x") == 2);
  }
  SECTION("a create is not") {
    server.inject({.kind = Fault::Kind::cut_after, .method = "POST"});
    CHECK_FALSE(client->create(kMaps, map_named("x").dump()));
    CHECK(server.count("POST", "configmaps") == 1);
  }
}

TEST_CASE("a Status is read, and what is none still says something") {
  const auto status = net::read_status(
      {409,
       fakes::failure(409, "Conflict", "m", {{{"reason", "FieldManagerConflict"}, {"message", "c"}, {"field", ".a"}}})
           .body.dump(),
       {}});
  CHECK(status.reason == "Conflict");
  REQUIRE(status.causes.size() == 1);
  CHECK(status.causes[0].field == ".a");
  CHECK(net::read_status({502, "<html>bad gateway", {}}).message == "<html>bad gateway");
  CHECK(net::read_status({500, "", {}}).message == "status 500");
}

TEST_CASE("the token is read again when its file changes, and a line end in it does no harm") {
  std::mutex mutex;
  std::vector<std::string> heads;
  RawServer server([&](int fd) {
    std::array<char, 4096> part{};
    const auto n = ::recv(fd, part.data(), part.size(), 0);
    {
      const std::lock_guard lock(mutex);
      if (n > 0) heads.emplace_back(part.data(), static_cast<std::size_t>(n));
    }
    RawServer::send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
  });
  const auto path = (std::filesystem::temp_directory_path() / "llmkube-router-token").string();
  REQUIRE(base::write_file(path, "first\n"));
  net::ApiConfig config;
  config.server = server.url();
  config.token_file = path;
  config.look_every = 0ms;
  const auto client = net::ApiClient::make(config);
  REQUIRE(client);
  REQUIRE((*client)->get("/a"));
  REQUIRE(base::write_file(path, "second"));
  REQUIRE((*client)->get("/b"));
  config.look_every = 1h;
  const auto rare = net::ApiClient::make(config);
  REQUIRE(rare);
  REQUIRE(base::write_file(path, "third"));
  REQUIRE((*rare)->get("/c"));
  const std::lock_guard lock(mutex);
  REQUIRE(heads.size() == 3);
  CHECK_THAT(heads[2], ContainsSubstring("Authorization: Bearer second\r\n"));
  CHECK_THAT(heads[0], ContainsSubstring("Authorization: Bearer first\r\n"));
  CHECK_THAT(heads[1], ContainsSubstring("Authorization: Bearer second\r\n"));
}

TEST_CASE(
    "the kubeconfig is read again when it changes: the API server may move, and one that is half written is not "
    "taken") {
  fakes::ApiServer first;
  fakes::ApiServer second;
  const auto path = (std::filesystem::temp_directory_path() / "llmkube-router-moving-config").string();
  const auto write = [&](const std::string& url) {
    REQUIRE(base::write_file(path,
                             "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n"
                             "clusters: [{name: k, cluster: {server: '" +
                                 url + "'}}]\nusers: [{name: u, user: {token: t}}]\n"));
  };
  write(first.url());
  auto config = net::read_kubeconfig(path);
  REQUIRE(config);
  config->look_every = 0ms;
  const auto client = net::ApiClient::make(*config);
  REQUIRE(client);
  REQUIRE((*client)->get(kMaps));
  REQUIRE(base::write_file(path, "current-context: c\ncontexts: ["));
  REQUIRE((*client)->get(kMaps));
  CHECK(first.count("GET", kMaps) == 2);
  write(second.url());
  REQUIRE((*client)->get(kMaps));
  CHECK(first.count("GET", kMaps) == 2);
  CHECK(second.count("GET", kMaps) == 1);
}

TEST_CASE("the authority is read again when its file changes: the API server may get another one") {
  const auto folder = std::filesystem::temp_directory_path() / "llmkube-router-api-client";
  std::filesystem::create_directories(folder);
  const auto now = base::WallTime::clock::now();
  const net::Validity validity{now - 1h, now + 1h};
  const auto serve = [&](const net::KeyPair& authority, int port) {
    const auto serving = net::issue_serving(
        authority, {.common_name = "api", .dns_names = {"api.test"}, .ip_addresses = {}, .validity = validity});
    REQUIRE(serving);
    REQUIRE(base::write_file(folder / "tls.crt", serving->certificate_pem));
    REQUIRE(base::write_file(folder / "tls.key", serving->key_pem));
    auto context = std::make_shared<net::TlsContext>(folder / "tls.crt", folder / "tls.key");
    REQUIRE(context->refresh());
    auto server = std::make_unique<net::Server>(
        net::ServerOptions{.listen = "127.0.0.1:" + std::to_string(port), .tls = context});
    server->route("GET", "/", [](const net::Request&) { return net::plain(200, "{}"); });
    REQUIRE(server->start());
    return server;
  };
  const auto first = net::make_authority("first", validity);
  const auto second = net::make_authority("second", validity);
  REQUIRE(base::write_file(folder / "ca.crt", first->certificate_pem));
  auto server = serve(*first, 0);
  net::ApiConfig config;
  config.server = "https://127.0.0.1:" + std::to_string(server->port());
  config.server_name = "api.test";
  config.ca_file = folder / "ca.crt";
  config.look_every = 0ms;
  const auto client = net::ApiClient::make(config);
  REQUIRE(client);
  REQUIRE((*client)->get("/"));

  const int port = server->port();
  server->stop();
  server = serve(*second, port);
  CHECK_FALSE((*client)->get("/"));
  REQUIRE(base::write_file(folder / "ca.crt", "half of a certi"));
  CHECK_FALSE((*client)->get("/"));  // and no harm done
  REQUIRE(base::write_file(folder / "ca.crt", second->certificate_pem));
  CHECK((*client)->get("/"));
}

TEST_CASE("interrupt ends what is under way and nothing later") {
  fakes::ApiServer server;
  server.inject({.kind = Fault::Kind::slow, .delay = 1h});
  const auto client = client_for(server.url());
  std::thread other([&] {
    CHECK(test::eventually([&] { return server.held() == 1; }));
    client->interrupt();
  });
  CHECK_FALSE(client->get(kMaps));
  CHECK(server.count("GET", kMaps) == 0);  // it did not wait for the answer
  other.join();
  server.clear_faults();
  CHECK(client->get(kMaps));
}
