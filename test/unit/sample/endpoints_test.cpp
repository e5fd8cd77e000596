#include "reconciler/sample/endpoints.hpp"

#include "test/catch.hpp"
#include "test/fakes/api_server/api_server.hpp"

using fakes::Json;
using reconciler::has_ready_endpoint;

namespace {

const std::string kSlices = "/apis/discovery.k8s.io/v1/namespaces/edge/endpointslices";
const std::string kPorts = R"("ports": [{"name": "http", "port": 8090, "protocol": "TCP"}])";

bool leads_to_a_pod(const std::string& slice) {
  const auto parsed = base::parse_json(slice, "slice");
  REQUIRE(parsed);
  return has_ready_endpoint(*parsed);
}

struct Fixture {
  Fixture() {
    net::ApiConfig config;
    config.server = server.url();
    api = std::move(*net::ApiClient::make(config));
  }
  void add(const std::string& name, const std::string& service, bool ready) {
    server.create(kSlices, {{"metadata", {{"name", name}, {"labels", {{"kubernetes.io/service-name", service}}}}},
                            {"endpoints", {{{"addresses", {"10.0.0.7"}}, {"conditions", {{"ready", ready}}}}}},
                            {"ports", {{{"name", "http"}, {"port", 8090}}}}});
  }
  fakes::ApiServer server;
  std::unique_ptr<net::ApiClient> api;
};

}  // namespace

TEST_CASE("a slice leads to a Pod by a port and an endpoint that is ready, or does not say that it is not") {
  CHECK(
      leads_to_a_pod(R"({"endpoints": [{"addresses": ["10.0.0.7"], "conditions": {"ready": true}}], )" + kPorts + "}"));
  CHECK(leads_to_a_pod(R"({"endpoints": [{"addresses": ["10.0.0.7"], "conditions": {}}], )" + kPorts + "}"));
  CHECK(leads_to_a_pod(R"({"endpoints": [{"addresses": ["10.0.0.7"]}], )" + kPorts + "}"));
  CHECK(leads_to_a_pod(R"({"endpoints": [{"conditions": {"ready": false}}, {"conditions": {"ready": true}}], )" +
                       kPorts + "}"));
}

TEST_CASE("a slice without a ready endpoint, or without a port, leads nowhere") {
  CHECK_FALSE(leads_to_a_pod(R"({"endpoints": [], )" + kPorts + "}"));
  CHECK_FALSE(leads_to_a_pod(R"({"endpoints": null, )" + kPorts + "}"));
  CHECK_FALSE(leads_to_a_pod("{" + kPorts + "}"));
  CHECK_FALSE(leads_to_a_pod(
      R"({"endpoints": [{"conditions": {"ready": false, "serving": true, "terminating": true}}], )" + kPorts + "}"));
  // The Service found no port of its name in the Pods, as before Kubernetes 1.32 one of a native sidecar.
  const std::string ready = R"({"endpoints": [{"conditions": {"ready": true}}])";
  CHECK_FALSE(leads_to_a_pod(ready + "}"));
  CHECK_FALSE(leads_to_a_pod(ready + R"(, "ports": null})"));
  CHECK_FALSE(leads_to_a_pod(ready + R"(, "ports": []})"));
}

TEST_CASE("a Service has an endpoint when one of its slices has, whatever those of others have") {
  Fixture f;
  CHECK(has_ready_endpoint(*f.api, "edge", "one") == false);
  f.add("two-a", "two", true);
  f.add("one-a", "one", false);
  CHECK(has_ready_endpoint(*f.api, "edge", "one") == false);
  f.add("one-b", "one", true);
  CHECK(has_ready_endpoint(*f.api, "edge", "one") == true);
  CHECK(has_ready_endpoint(*f.api, "lab", "one") == false);
}

TEST_CASE("an API server that does not say which slices there are is an error") {
  Fixture f;
  const auto why = [&] {
    const auto answer = has_ready_endpoint(*f.api, "edge", "one");
    return answer ? std::string{} : answer.error().to_string();
  };
  f.server.inject({.target = "endpointslices", .status = 403, .reason = "Forbidden"});
  CHECK(why().find("Forbidden (403)") != std::string::npos);
  f.server.inject({.kind = fakes::Fault::Kind::cut_in_the_middle, .target = "endpointslices", .times = 9});
  CHECK_FALSE(why().empty());
  f.server.down();
  CHECK_FALSE(why().empty());
}
