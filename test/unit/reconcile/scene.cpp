#include "test/unit/reconcile/scene.hpp"

#include <algorithm>

#include "common/api/model.hpp"
#include "common/api/source.hpp"
#include "reconciler/reconcile/plan.hpp"
#include "reconciler/reconcile/render.hpp"
#include "test/catch.hpp"

using namespace reconciler;

const std::string_view kExample = R"({
  "runtime": "llamacpp-router",
  "models": [{"name": "phi4-mini"}, {"name": "qwen3-7b-coder"}, {"name": "gemma3-4b-summarizer"}],
  "resources": {"requests": {"nvidia.com/gpu": 1}}})";

base::JsonDocument parsed(std::string_view text) {
  auto document = base::parse_json(text, "test");
  if (!document) FAIL(document.error().to_string() << " in " << text);
  return std::move(*document);
}

namespace {

std::string in_quotes(std::string_view text) { return base::quote_json(text); }

std::string metadata(std::string_view name, std::string_view uid, std::string_view rest = {}) {
  return R"("metadata":{"namespace":"edge","name":)" + in_quotes(name) + R"(,"uid":)" + in_quotes(uid) +
         R"(,"generation":3)" + std::string(rest) + "}";
}

constexpr std::string_view kApi = R"("apiVersion":"inference.llmkube.dev/v1alpha1",)";

}  // namespace

Scene::Scene(std::string_view spec, std::string_view name) {
  settings.image = "registry.example/llmkube-router:1";
  settings.runtime_images = {{"cpu", "registry.example/llama-server:cpu-b11669"},
                             {"cuda", "registry.example/llama-server:cuda-b11669"},
                             {"vulkan", "registry.example/llama-server:vulkan-b11669"}};
  observed.service = decode_service(parsed("{" + std::string(kApi) + R"("kind":"InferenceService",)" +
                                           metadata(name, "uid-of-service") + R"(,"spec":)" + std::string(spec) + "}"),
                                    settings.site());
}

void Scene::add_model(const std::string& name, std::string_view spec) {
  const std::string usual = R"({"source":"https://models.example/)" + name + R"(.gguf"})";
  observed.models[name] =
      decode_model(parsed("{" + std::string(kApi) + R"("kind":"Model",)" + metadata(name, "uid-of-" + name) +
                          R"(,"spec":)" + (spec.empty() ? usual : std::string(spec)) + "}"));
}

void Scene::add_claim(const std::string& name, std::string_view phase, std::string_view storage_class) {
  observed.claims[name] = decode_claim(parsed(
      "{" + metadata(name, "uid-of-" + name) + R"(,"spec":{"accessModes":["ReadWriteOnce"],"storageClassName":)" +
      in_quotes(storage_class) + R"(},"status":{"phase":)" + in_quotes(phase) + "}}"));
}

std::string Scene::claim_of(const std::string& model) const {
  const auto own = api::claim_of_source(observed.models.at(model).view->spec.source);
  return own.empty() ? cache_claim : own;
}

std::string Scene::job_of(const std::string& model) const {
  return fetch_job_name(*observed.models.at(model).view, "uid-of-" + claim_of(model));
}

std::string Scene::add_job(const std::string& model) {
  if (!observed.models.contains(model)) add_model(model);
  if (!observed.claims.contains(claim_of(model))) add_claim(claim_of(model));
  JobView job;
  job.meta = {job_of(model), "edge", "uid-of-job-" + model, "7", 1, false, "uid-of-" + model};
  job.model = model;
  job.claim_uid = "uid-of-" + claim_of(model);
  observed.jobs.push_back(job);
  return job.meta.name;
}

std::string fetch_result(const std::string& model, std::int64_t size) {
  return R"({"reason":"Fetched","message":"downloaded and verified","files":[{"path":"/models/0123456789abcdef/)" +
         model + R"(.gguf","size":)" + std::to_string(size) +
         R"(,"sha256":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","role":"model"}]})";
}

void Scene::add_fetched(const std::string& model) {
  add_job(model);
  auto& job = observed.jobs.back();
  job.complete = true;
  job.fetched = fetch_result(model);
}

void Scene::fail_job(const std::string& model, std::string_view reason, std::string_view message) {
  add_job(model);
  auto& job = observed.jobs.back();
  job.failed = ContainerState{"PodFailurePolicy", "Container model-fetch failed with exit code 2", 0};
  job.failed_at = now;
  job.fetched = R"({"reason":)" + in_quotes(reason) + R"(,"message":)" + in_quotes(message) + R"(,"files":[]})";
}

void Scene::add_fetch_pod(const std::string& model, std::string_view status, const std::string& suffix) {
  const std::string owner = R"(,"labels":{"inference.llmkube.dev/model":)" + in_quotes(model) +
                            R"(},"ownerReferences":[{"kind":"Job","uid":"uid-of-job-)" + model +
                            R"(","controller":true}])";
  observed.fetch_pods.push_back(
      decode_pod(parsed("{" + metadata(job_of(model) + "-" + suffix, "uid-of-pod-" + suffix, owner) + R"(,"status":)" +
                        std::string(status) + "}")));
}

void Scene::add_pod(const std::string& name, std::string_view status) {
  observed.pods.push_back(decode_pod(parsed(
      "{" + metadata(name, "uid-of-" + name, R"(,"labels":{"inference.llmkube.dev/service":"edge-multi-model"})") +
      R"(,"spec":{"nodeName":"node-a"},"status":)" + std::string(status) + "}")));
}

void Scene::add_ready_pod(const std::string& name) {
  add_pod(name, R"({"phase":"Running","podIP":"10.0.0.7","conditions":[{"type":"Ready","status":"True"}],
    "initContainerStatuses":[{"name":"router-agent","ready":true,"restartCount":0,"state":{"running":{}}}],
    "containerStatuses":[{"name":"llama-server","ready":true,"restartCount":0,"state":{"running":{}}}]})");
  const Plan plan = make_plan(settings, observed);
  AgentSample sample;
  sample.pod = name;
  sample.preset_hash = plan.preset_hash;
  sample.ready = true;
  for (const auto& model : plan.models) {
    if (model.artifact) sample.models.push_back({model.entry.name, model.entry.aliases, "unloaded", {}});
  }
  if (!sample.models.empty()) sample.models.front().state = "loaded";
  observed.agents.push_back(sample);
  observed.pods.back().preset_hash = plan.preset_hash;
}

void Scene::roll_out(std::int64_t ready) {
  for (const auto& object : decide().desired) {
    if (object.kind != Kind::deployment && object.kind != Kind::config_map && object.kind != Kind::service) continue;
    const auto body = parsed(object.body);
    const std::string owner = "uid-of-service";
    if (object.kind == Kind::service) {
      observed.network_service = decode_child(body);
      observed.network_service->meta.owner_uid = owner;
      continue;
    }
    if (object.kind == Kind::config_map) {
      observed.config_map = decode_child(body);
      observed.config_map->meta.uid = "uid-of-config-map";
      observed.config_map->meta.owner_uid = owner;
      continue;
    }
    auto deployment = decode_deployment(body);
    deployment.meta.owner_uid = owner;
    deployment.meta.generation = 1;
    deployment.observed_generation = 1;
    deployment.replicas = deployment.updated = deployment.wanted;
    deployment.ready = ready;
    observed.deployment = deployment;
  }
}

void Scene::write_status() {
  if (const auto body = decide().status) observed.service.status = base::to_text(*base::find(parsed(*body), "status"));
}

Decision Scene::decide() const { return reconcile(settings, observed, now); }

Scene serving() {
  Scene scene(kExample);
  for (const auto* model : {"phi4-mini", "qwen3-7b-coder", "gemma3-4b-summarizer"}) scene.add_fetched(model);
  scene.roll_out(1);
  scene.add_ready_pod("edge-multi-model-0");
  return scene;
}
