#include "reconciler/checks/crd.hpp"

#include <nlohmann/json.hpp>

#include "common/base/file.hpp"
#include "test/catch.hpp"
#include "test/fakes/api_server/api_server.hpp"

using fakes::Json;
using reconciler::missing_fields;

namespace {

const std::string kCrds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

Json our_crd(const std::string& plural = "inferenceservices") {
  const auto text = base::read_file(std::string(SOURCE_DIR) + "/common/api/crd/compiled/" + plural + ".json");
  REQUIRE(text);
  return Json::parse(*text);
}

Json& schema_of(Json& crd) { return crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]; }

std::vector<std::string> missing_of(const Json& crd) {
  const auto parsed = base::parse_json(crd.dump(), "test");
  REQUIRE(parsed);
  return reconciler::missing_fields_of(*parsed);
}

struct Fixture {
  Fixture() {
    net::ApiConfig config;
    config.server = server.url();
    api = std::move(*net::ApiClient::make(config));
  }
  fakes::ApiServer server;
  std::unique_ptr<net::ApiClient> api;
};

}  // namespace

TEST_CASE("our own CRDs lack nothing") {
  CHECK(missing_of(our_crd()).empty());
  CHECK(missing_of(our_crd("models")).empty());
}

TEST_CASE("each field that another CRD lacks is named") {
  Json crd = our_crd();
  schema_of(crd)["status"]["properties"].erase("advertisedModels");
  schema_of(crd)["spec"]["properties"]["router"]["properties"].erase("preload");
  schema_of(crd)["spec"]["properties"]["models"]["items"]["properties"].erase("aliases");
  CHECK(missing_of(crd) == std::vector<std::string>{"inferenceservices: spec.models[].aliases",
                                                    "inferenceservices: spec.router.preload",
                                                    "inferenceservices: status.advertisedModels"});
}

TEST_CASE("a CRD without our version lacks all") {
  Json crd = our_crd();
  crd["spec"]["versions"][0]["name"] = "v1beta9";
  CHECK(missing_of(crd).size() > 10);
}

TEST_CASE("the live CRDs are read; one that cannot be read is an error, not a missing field") {
  Fixture f;
  const auto none = missing_fields(*f.api);
  REQUIRE_FALSE(none);
  Json crd = our_crd();
  schema_of(crd)["status"]["properties"].erase("models");
  f.server.create(kCrds, crd);
  CHECK_FALSE(missing_fields(*f.api));
  Json models = our_crd("models");
  schema_of(models)["status"]["properties"].erase("observedGeneration");
  f.server.create(kCrds, models);
  const auto missing = missing_fields(*f.api);
  REQUIRE(missing);
  CHECK(*missing == std::vector<std::string>{"inferenceservices: status.models",
                                             "inferenceservices: status.models[].bytesDone",
                                             "models: status.observedGeneration"});
}
