// Any JSON as an object: findings that a Status can carry, in order, and defaults that need no second time.
#include <rapidjson/pointer.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/api/inference_service.hpp"
#include "common/api/model.hpp"
#include "common/base/json.hpp"
#include "common/rules/defaults.hpp"
#include "common/rules/denial.hpp"
#include "test/fuzz/require.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto object = base::parse_json({reinterpret_cast<const char*>(data), size}, "input");
  if (!object) return 0;
  const auto findings = rules::validate(*object);
  for (const auto& finding : findings) require(!finding.message.empty() && !finding.rule.empty());
  require(rules::make_denial("Model", "x", findings).causes.size() <= rules::kMaxCauses + 1);
  for (const auto& warning : rules::make_warnings(findings)) require(warning.size() <= 120);
  // May be false for an object with a key twice, which no API server sends: then it is judged, the safe side.
  static_cast<void>(rules::spec_unchanged(*object, *object));
  static_cast<void>(api::decode_inference_service(*object));
  static_cast<void>(api::decode_model(*object));
  for (const auto& operation : rules::set_defaults(*object)) {
    base::JsonDocument value(&object->GetAllocator());
    value.Parse(operation.value.c_str());
    rapidjson::Pointer(operation.path.c_str()).Set(*object, value);
  }
  require(rules::set_defaults(*object).empty());
  require(rules::has_errors(findings) || !rules::has_errors(rules::validate(*object)));
  return 0;
}
