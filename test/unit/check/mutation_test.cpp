#include <rapidjson/pointer.h>

#include <random>
#include <set>

#include "common/api/inference_service.hpp"
#include "common/api/model.hpp"
#include "common/rules/defaults.hpp"
#include "common/rules/denial.hpp"
#include "test/catch.hpp"
#include "test/unit/check/examples.hpp"

namespace {

using base::JsonDocument;
using base::JsonValue;
using Random = std::mt19937_64;

constexpr int kRounds = 20000;

std::size_t below(Random& random, std::size_t end) { return random() % end; }

JsonValue random_value(Random& random, JsonDocument::AllocatorType& allocator) {
  static const char* const kTexts[] = {
      "",     "a",        "a\nb", "a:b",     "1Gi", "1Gb",   "-1",      "llamacpp",
      "vllm", "--port",   "-c",   "#",       "a.b", "hf://", "pvc://x", "nvidia.com/gpu",
      "\xff", "[0].x[y]", "..",   "y-router"};
  switch (below(random, 9)) {
    case 0:
      return JsonValue(rapidjson::kNullType);
    case 1:
      return JsonValue(below(random, 2) == 0);
    case 2:
      return JsonValue(static_cast<std::int64_t>(below(random, 200)) - 100);
    case 3:
      return JsonValue(std::int64_t{1} << 62U);
    case 4:
      return JsonValue(1.5);
    case 5:
      return JsonValue(rapidjson::kArrayType);
    case 6:
      return JsonValue(rapidjson::kObjectType);
    default:
      return {kTexts[below(random, std::size(kTexts))], allocator};
  }
}

/// Every value of an object that can be replaced.
void collect(JsonValue& value, std::vector<JsonValue*>& out) {
  out.push_back(&value);
  if (value.IsArray()) {
    for (auto& item : value.GetArray()) collect(item, out);
  } else if (value.IsObject()) {
    for (auto& member : value.GetObject()) collect(member.value, out);
  }
}

void mutate(JsonDocument& object, Random& random) {
  std::vector<JsonValue*> values;
  collect(object, values);
  JsonValue& target = *values[below(random, values.size())];
  if (target.IsObject() && below(random, 3) == 0) {
    const auto& schema = *api::schema_of(api::Kind::inference_service).property("spec");
    const auto& name = schema.properties[below(random, schema.properties.size())].name;
    target.AddMember(JsonValue(name.data(), static_cast<rapidjson::SizeType>(name.size()), object.GetAllocator()),
                     random_value(random, object.GetAllocator()), object.GetAllocator());
  } else if (target.IsArray() && below(random, 2) == 0) {
    target.PushBack(random_value(random, object.GetAllocator()), object.GetAllocator());
  } else {
    JsonValue value = random_value(random, object.GetAllocator());
    target.Swap(value);
  }
}

void patch_object(JsonDocument& object, const std::vector<rules::PatchOperation>& operations) {
  for (const auto& operation : operations) {
    JsonDocument value(&object.GetAllocator());
    value.Parse(operation.value.c_str());
    rapidjson::Pointer(operation.path.c_str()).Set(object, value);
  }
}

}  // namespace

TEST_CASE("no object, however odd, breaks the rules") {
  Random random(20261124);
  std::vector<const rules::Rule*> rows;
  for (const auto& rule : rules::table()) rows.push_back(&rule);
  for (int round = 0; round < kRounds; ++round) {
    const auto& rule = *rows[below(random, rows.size())];
    auto object = webhook::to_json(examples::object(rule, below(random, 2) == 0 ? rule.good : rule.bad));
    const auto times = 1 + below(random, 6);
    for (std::size_t i = 0; i < times; ++i) mutate(object, random);

    const auto findings = rules::validate(object);
    std::set<std::pair<std::string, std::string>> seen;
    for (const auto& finding : findings) REQUIRE(seen.emplace(finding.path, finding.message).second);
    static_cast<void>(rules::make_denial("InferenceService", "x", findings));
    for (const auto& warning : rules::make_warnings(findings)) REQUIRE(warning.size() <= 120);
    static_cast<void>(api::decode_inference_service(object));
    static_cast<void>(api::decode_model(object));

    const bool valid = !rules::has_errors(findings);
    patch_object(object, rules::set_defaults(object));
    REQUIRE(rules::set_defaults(object).empty());
    if (valid) REQUIRE_FALSE(rules::has_errors(rules::validate(object)));
  }
}
