// generate FIRST COUNT: from COUNT random services with their Models (seeds from FIRST on), those that the rules let
// pass, a line each for judge.go: {"case": the seed, "object", "models", "children": what the reconciler would apply}.
#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "common/api/inference_service.hpp"
#include "common/api/model.hpp"
#include "common/api/schema.hpp"
#include "common/api/source.hpp"
#include "common/rules/validate.hpp"
#include "reconciler/reconcile/plan.hpp"
#include "reconciler/reconcile/reconcile.hpp"

namespace {

using api::Schema;
using base::JsonDocument;
using base::JsonValue;
using Random = std::mt19937_64;
using Texts = std::vector<std::string_view>;

std::size_t below(Random& random, std::size_t end) { return random() % end; }
bool one_in(Random& random, std::size_t of) { return below(random, of) == 0; }

/// Texts of which some are right and some are nearly right.
const Texts kTexts{"a",
                   "b",
                   "edge",
                   "",
                   "1",
                   "0",
                   "-1",
                   "1Gi",
                   "500m",
                   "A",
                   "a b",
                   "a_b",
                   "a.b",
                   "a/b",
                   "a.b/c",
                   "a-",
                   "-a",
                   ".a",
                   "/a",
                   "/a/b",
                   "a:b",
                   "../a",
                   "x=y",
                   "true",
                   "100Mi",
                   "1e3",
                   "nvidia.com/gpu",
                   "cpu",
                   "memory",
                   "http",
                   "8080",
                   "80%",
                   "/a:b",
                   "C:\\a",
                   "a,b",
                   "%",
                   "Ü",
                   "a\tb",
                   "$(A)",
                   "0.5",
                   "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"};

/// Words that fields of Kubernetes' own types take, by the field's name, with some that they do not.
struct Pool {
  std::string_view field;
  Texts texts;
};
const Pool kPools[] = {
    {"operator", {"In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt", "Equal", "in", ""}},
    {"effect", {"NoSchedule", "PreferNoSchedule", "NoExecute", "", "Never"}},
    {"key", {"a", "a.b/c", "gpu", "metadata.name", "", "a b"}},
    {"topologyKey", {"kubernetes.io/hostname", "zone", "", "a b"}},
    {"whenUnsatisfiable", {"DoNotSchedule", "ScheduleAnyway"}},
    {"nodeAffinityPolicy", {"Honor", "Ignore", "honor"}},
    {"nodeTaintsPolicy", {"Honor", "Ignore", "honor"}},
    {"protocol", {"TCP", "UDP", "SCTP", "tcp", ""}},
    {"scheme", {"HTTP", "HTTPS", "http", ""}},
    {"type", {"RuntimeDefault", "Unconfined", "Localhost", "spc_t", "File", "Directory", "Socket", ""}},
    {"medium", {"", "Memory", "HugePages", "HugePages-2Mi", "x"}},
    {"sizeLimit", {"1Gi", "500m", "0", "-1"}},
    {"mountPropagation", {"None", "HostToContainer", "Bidirectional"}},
    {"recursiveReadOnly", {"Disabled", "IfPossible", "Enabled"}},
    {"fsGroupChangePolicy", {"OnRootMismatch", "Always", "always"}},
    {"supplementalGroupsPolicy", {"Merge", "Strict", "strict"}},
    {"seLinuxChangePolicy", {"MountOption", "Recursive", "x"}},
    {"procMount", {"Default", "Unmasked", "x"}},
    {"accessModes", {"ReadWriteOnce", "ReadOnlyMany", "ReadWriteOncePod", "x"}},
    {"volumeMode", {"Filesystem", "Block", "x"}},
    {"fieldPath", {"metadata.name", "metadata.labels['a']", "status.podIP", "spec.x", "metadata.labels"}},
    {"resource", {"limits.cpu", "requests.memory", "limits.x", "cpu"}},
    {"containerName", {"llama-server", "router-agent", "x"}},
    {"divisor", {"1", "1Mi", "1m", "0", "2"}},
    {"mountPath", {"/data", "/data/", "/a:b", "/data/x"}},
    {"path", {"a", "/a", "a/b", "../a", "/health", ""}},
    {"name", {"a", "b", "data", "a.b", "A", "", "a_b", "x-token", "cpu"}},
    {"image", {"registry.example/llama:1", "registry.example/llama", "a b", "llama@sha256:0"}},
    {"pullPolicy", {"Always", "IfNotPresent", "x"}},
    {"endpoint", {"/v1/chat/completions", "/x"}},
    {"source",
     {"https://host/a.gguf", "hf://org/repo", "s3://bucket/a.gguf", "pvc://claim/a.gguf", "http://host/a.gguf",
      "https://host:99999/a.gguf", "https://host:80/a.gguf", "pvc://a/b", "https://[::1]/a.gguf", "https://host",
      "https:///a", "s3://Bucket_/a.gguf", "hf://org/repo@v1"}},
    {"files", {"a.gguf", "q4/b.gguf"}},
    {"driver", {"csi.example.com", "CSI_x", ""}},
    {"apiVersion", {"v1", "apps/v1", "a/b/c"}},
    {"runtime", {"vulkan", "rocm"}},
    {"tolerationKey", {"gpu", "a b", "a.b/c"}},
    {"resourceName", {"nvidia.com/gpu", "amd.com/gpu", "x.y/z", "cpu"}},
    {"mode", {"chat", "embedding", "rerank"}},
    {"targetAverageValue", {"1", "500m", "8Gi"}},
    {"extraArgs", {"--seed", "1", "--ctx-size", "abc"}},
};
/// Keys of maps.
const Texts kKeys{"a",       "a.b/c", "nvidia.com/gpu",     "cpu",           "memory",
                  "a b",     "",      "kubernetes.io/arch", "hugepages-2Mi", "ephemeral-storage",
                  "storage", "pods",  "requests.cpu"};

JsonValue text(std::string_view value, JsonDocument::AllocatorType& memory) {
  return {value.data(), static_cast<rapidjson::SizeType>(value.size()), memory};
}

class Maker {
 public:
  Maker(Random& random, JsonDocument::AllocatorType& memory) : random_(random), memory_(memory) {}

  /// A value that fits the schema, mostly.
  JsonValue value(const Schema& schema, std::string_view field, int depth) {
    switch (schema.type) {
      case Schema::Type::object:
        return object(schema, depth);
      case Schema::Type::array:
        return list(schema, field, depth);
      case Schema::Type::boolean:
        return JsonValue(one_in(random_, 2));
      case Schema::Type::number:
        return JsonValue(std::vector{0.0, 0.5, 1.0, 2.5}[below(random_, 4)]);
      case Schema::Type::integer:
        return JsonValue(integer(schema));
      case Schema::Type::int_or_string:
        if (one_in(random_, 2)) return JsonValue(integer(schema));
        break;
      case Schema::Type::string:
      case Schema::Type::any:
        break;
    }
    return string(schema, field);
  }

 private:
  JsonValue object(const Schema& schema, int depth) {
    JsonValue out(rapidjson::kObjectType);
    for (const auto& property : schema.properties) {
      const bool needed = std::ranges::find(schema.required, property.name) != schema.required.end();
      // A few fields of each object, and all of a small one now and then.
      const auto rarity = depth > 5 ? 8 : std::max<std::size_t>(2, schema.properties.size() / 2);
      if (!needed && !one_in(random_, rarity)) continue;
      out.AddMember(text(property.name, memory_), value(*property.schema, property.name, depth + 1), memory_);
    }
    if (schema.values != nullptr) {
      for (auto count = below(random_, 3); count > 0; --count) {
        const auto key = kKeys[below(random_, kKeys.size())];
        if (out.FindMember(text(key, memory_)) == out.MemberEnd())
          out.AddMember(text(key, memory_), value(*schema.values, key, depth + 1), memory_);
      }
    }
    return out;
  }

  JsonValue list(const Schema& schema, std::string_view field, int depth) {
    JsonValue out(rapidjson::kArrayType);
    if (schema.items == nullptr) return out;
    for (auto count = below(random_, depth > 4 ? 2 : 3); count > 0; --count)
      out.PushBack(value(*schema.items, field, depth + 1), memory_);
    return out;
  }

  std::int64_t integer(const Schema& schema) {
    static const std::int64_t kNumbers[] = {0, 1, 2, 3, 5, 8, 80, 100, 1000, 8080, 30001, 65535, 65536, 1 << 20, -1};
    auto out = kNumbers[below(random_, std::size(kNumbers))];
    if (schema.minimum && static_cast<double>(out) < *schema.minimum) out = static_cast<std::int64_t>(*schema.minimum);
    if (schema.maximum && static_cast<double>(out) > *schema.maximum) out = static_cast<std::int64_t>(*schema.maximum);
    return out;
  }

  JsonValue string(const Schema& schema, std::string_view field) {
    if (!schema.allowed.empty()) {
      JsonDocument read(&memory_);
      const auto allowed = schema.allowed[below(random_, schema.allowed.size())];
      read.Parse(allowed.data(), allowed.size());
      return {read, memory_};
    }
    const auto* pool = std::ranges::find(kPools, field, &Pool::field);
    if (pool != std::end(kPools) && !one_in(random_, 8))
      return text(pool->texts[below(random_, pool->texts.size())], memory_);
    return text(kTexts[below(random_, kTexts.size())], memory_);
  }

  Random& random_;
  JsonDocument::AllocatorType& memory_;
};

JsonDocument parsed(std::string_view json) {
  auto out = base::parse_json(json, "generate");
  if (!out) std::abort();
  return std::move(*out);
}

/// Lays some random fields over the spec of an object.
void vary(JsonDocument& object, api::Kind kind, Random& random, std::size_t most) {
  const Schema& schema = *api::schema_of(kind).property("spec");
  JsonValue& spec = object["spec"];
  auto& memory = object.GetAllocator();
  Maker maker(random, memory);
  for (auto count = below(random, most + 1); count > 0; --count) {
    const auto& property = schema.properties[below(random, schema.properties.size())];
    if (property.name == "models" || property.name == "modelRef" || property.name == "runtime") continue;
    const auto key = text(property.name, memory);
    spec.RemoveMember(key);
    spec.AddMember(text(property.name, memory), maker.value(*property.schema, property.name, 0), memory);
  }
}

/// Names of services and Models: at the borders of what the rules take.
const Texts kServiceNames{
    "edge", "edge.multi", "e", "a-b-c", "a23456789-123456789-123456789-123456789-123456789-123456789-123", "a1.b2.c3"};
const Texts kModelNames{"phi", "4b", "m-1", "a23456789-123456789-123456789-123456789-123456789-123456789-123"};

constexpr std::string_view kHead = R"({"apiVersion":"inference.llmkube.dev/v1alpha1","kind":)";

JsonDocument service(Random& random, const Texts& models) {
  std::string list;
  for (const auto model : models)
    list += std::string(list.empty() ? "" : ",") + R"({"name":")" + std::string(model) + "\"}";
  const bool router = !one_in(random, 4);
  auto out =
      parsed(std::string(kHead) +
             R"("InferenceService","metadata":{"namespace":"edge","uid":"uid-of-service","generation":1,"name":")" +
             std::string(kServiceNames[below(random, kServiceNames.size())]) + R"("},"spec":{)" +
             (router ? R"("runtime":"llamacpp-router","models":[)" + list + "]"
                     : R"("runtime":"llamacpp","modelRef":")" + std::string(models.front()) + "\"") +
             (one_in(random, 2) ? R"(,"resources":{"requests":{"nvidia.com/gpu":1}}}})" : "}}"));
  vary(out, api::Kind::inference_service, random, 3);
  return out;
}

JsonDocument model(Random& random, std::string_view name) {
  auto out = parsed(std::string(kHead) + R"("Model","metadata":{"namespace":"edge","generation":1,"name":")" +
                    std::string(name) + R"(","uid":"uid-of-)" + std::string(name) +
                    R"("},"spec":{"source":"https://models.example/)" + std::string(name) + R"(.gguf"}})");
  vary(out, api::Kind::model, random, 2);
  return out;
}

reconciler::Settings settings() {
  reconciler::Settings out;
  out.image = "registry.example/llmkube-router:1";
  for (const auto* accelerator : {"cpu", "cuda", "vulkan", "rocm"})
    out.runtime_images[accelerator] = std::string("registry.example/llama-server:") + accelerator;
  return out;
}

/// What is there once a Model's files were fetched: its claim, and a Job that is complete.
void fetch(const std::string& name, const std::string& cache, reconciler::Observed& observed) {
  const auto& view = *observed.models.at(name).view;
  const auto own = api::claim_of_source(view.spec.source);
  const std::string claim = own.empty() ? cache : own;
  auto& there = observed.claims[claim];
  there.meta.name = claim;
  there.meta.uid = "uid-of-" + claim;
  there.phase = "Bound";
  reconciler::JobView job;
  job.meta.name = reconciler::fetch_job_name(view, there.meta.uid);
  job.meta.owner_uid = "uid-of-" + name;
  job.model = name;
  job.claim_uid = "uid-of-" + claim;
  job.complete = true;
  job.fetched = R"({"reason":"Fetched","message":"","files":[{"path":"/models/0123456789abcdef/a.gguf","size":1,)"
                R"("sha256":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","role":"model"}]})";
  observed.jobs.push_back(std::move(job));
}

void add(std::string& list, const std::string& more) {
  if (!list.empty() && !more.empty()) list += ',';
  list += more;
}

std::string children(const reconciler::Settings& settings, const reconciler::Observed& observed) {
  std::string out;
  for (const auto& object : reconciler::reconcile(settings, observed, base::WallTime{}).desired) add(out, object.body);
  return out;
}

void make(std::uint64_t seed, const reconciler::Settings& settings) {
  Random random(seed);
  Texts names{kModelNames[below(random, kModelNames.size())]};
  const auto other = kModelNames[below(random, kModelNames.size())];
  if (other != names.front()) names.push_back(other);

  const auto object = service(random, names);
  if (rules::has_errors(rules::validate(object, settings.site()))) return;
  reconciler::Observed observed;
  observed.service = reconciler::decode_service(object, settings.site());
  std::string models;
  for (const auto name : names) {
    const auto made = model(random, name);
    if (rules::has_errors(rules::validate(made))) return;
    add(models, base::to_text(made));
    observed.models.emplace(name, reconciler::decode_model(made));
  }
  std::string list = children(settings, observed);
  const auto cache = reconciler::choose_cache(settings, *observed.service.view);
  if (cache.kind != reconciler::CachePlan::Kind::ephemeral) {
    auto& claim = observed.claims[cache.claim];
    claim.meta.name = cache.claim;
    claim.meta.uid = "uid-of-" + cache.claim;
    claim.phase = "Bound";
    for (const auto name : names) {
      if (const auto own = api::claim_of_source(observed.models.at(std::string(name)).view->spec.source);
          !own.empty()) {
        observed.claims[own].meta.name = own;
        observed.claims[own].meta.uid = "uid-of-" + own;
      }
    }
    // First the fetch Jobs, then all that stands once they are complete.
    add(list, children(settings, observed));
    for (const auto name : names) fetch(std::string(name), cache.claim, observed);
    add(list, children(settings, observed));
  }
  std::cout << R"({"case":")" << seed << R"(","object":)" << base::to_text(object) << R"(,"models":[)" << models
            << R"(],"children":[)" << list << "]}\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::uint64_t first = std::strtoull(argv[1], nullptr, 10);
  const std::uint64_t count = std::strtoull(argv[2], nullptr, 10);
  const auto chosen = settings();
  for (auto seed = first; seed < first + count; ++seed) make(seed, chosen);
}
