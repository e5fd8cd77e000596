#include "reconciler/reconcile/fetch_result.hpp"
#include "reconciler/reconcile/hardware.hpp"
#include "reconciler/reconcile/model_reasons.hpp"
#include "reconciler/reconcile/observed.hpp"
#include "reconciler/reconcile/service_reasons.hpp"
#include "test/catch.hpp"
#include "test/unit/reconcile/scene.hpp"

using namespace reconciler;

TEST_CASE("decoders take any JSON") {
  const auto* text = GENERATE("null", "[]", "7", "\"x\"", "{}", R"({"metadata":[],"spec":7,"status":"x"})",
                              R"({"metadata":{"labels":[],"ownerReferences":{},"managedFields":[1]},
                                  "spec":{"models":"a","resources":[]},
                                  "status":{"conditions":[1,{}],"containerStatuses":[null,{"state":7}]}})");
  const auto document = parsed(text);
  CHECK(decode_pod(document).containers.size() <= 2);
  CHECK_FALSE(decode_job(document).complete);
  CHECK(decode_deployment(document).ready == 0);
  CHECK(decode_claim(document).phase.empty());
  CHECK(decode_child(document).preset_files.empty());
  CHECK(decode_agent_state("p", document).models.empty());
  CHECK(decode_progress(document).bytes_done == 0);
  CHECK_FALSE(decode_service(document, {}).mistakes.empty());
  CHECK(decode_model(document).view != nullptr);
}

TEST_CASE("an autoscaler that sets replicas is seen in managedFields") {
  CHECK(decode_deployment(parsed(R"({"metadata":{"managedFields":[{"manager":"kube-controller-manager",
    "subresource":"scale","fieldsV1":{"f:spec":{"f:replicas":{}}}}]}})"))
            .scaled);
  CHECK_FALSE(decode_deployment(parsed(R"({"metadata":{"managedFields":[{"manager":"llmkube-reconciler",
    "fieldsV1":{"f:spec":{"f:replicas":{}}}}]}})"))
                  .scaled);
}

TEST_CASE("the files of a preset are read back as they were written") {
  const auto child = decode_child(
      parsed(R"({"data":{"models.ini":"[a]\nmodel = /m/a.gguf\nmmproj = /m/p.gguf\n\n[b]\nmodel = /m/b.gguf"}})"));
  CHECK(child.preset_files.at("a") == PresetFiles{"/m/a.gguf", "/m/p.gguf"});
  CHECK(child.preset_files.at("b").model == "/m/b.gguf");
  CHECK(child.preset_hash.size() == 16);
}

TEST_CASE("a termination message that is no result is none") {
  const auto* text = GENERATE("", "Killed", "{}", R"({"reason":7})", "[1]");
  CHECK_FALSE(parse_fetch_result(text));
}

TEST_CASE("shards count in the size, the projector is named apart") {
  const auto result = parse_fetch_result(R"({"reason":"Fetched","message":"m","files":[
    {"path":"/a-1","size":5,"sha256":"s","role":"model"},{"path":"/a-2","size":6,"role":"shard"},
    {"path":"/p","size":7,"role":"mmproj"}]})");
  REQUIRE(result);
  CHECK(result->artifact == Artifact{"/a-1", "/p", 18, "s"});
}

TEST_CASE("devices are counted as the API server counts them") {
  const auto [asked, count] = GENERATE(table<std::string, std::string>(
      {{"2", "2"}, {"1000m", "1"}, {"1e1", "10"}, {"+3", "3"}, {"0.001k", "1"}, {"1k", "1000"}}));
  CAPTURE(asked);
  api::InferenceServiceSpec spec;
  spec.resources.limits["nvidia.com/gpu"] = asked;
  const auto chosen = choose_resources(spec.resources, choose_gpu(spec, {}), {});
  CHECK(chosen.limits.at("nvidia.com/gpu") == count);
  CHECK(chosen.requests.at("nvidia.com/gpu") == count);
}

TEST_CASE("each reason stands once in its table, in CamelCase") {
  std::vector<std::string_view> seen;
  const auto check = [&](std::string_view reason, std::string_view meaning) {
    INFO(reason);
    CHECK(std::ranges::find(seen, reason) == seen.end());
    CHECK((reason.front() >= 'A' && reason.front() <= 'Z'));
    CHECK(meaning.ends_with('.'));
    seen.push_back(reason);
  };
  for (const auto& row : service_reasons()) check(row.reason, row.meaning);
  seen.clear();
  for (const auto& row : model_reasons()) check(row.reason, row.meaning);
}
