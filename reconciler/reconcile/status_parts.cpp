#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "common/api/crd.hpp"
#include "common/base/text.hpp"
#include "reconciler/reconcile/json_text.hpp"
#include "reconciler/reconcile/status.hpp"

namespace reconciler {

using nlohmann::json;

namespace {

/// The schema's bound on a condition's message.
constexpr std::size_t kLongestMessage = 32'768;

const json* condition_of(const json& status, std::string_view type) {
  const auto list = status.find("conditions");
  if (list == status.end() || !list->is_array()) return nullptr;
  for (const auto& condition : *list) {
    if (text_of(condition, "type") == type) return &condition;
  }
  return nullptr;
}

json member(const json& object, std::string_view key) {
  const auto found = object.find(key);
  return found == object.end() ? json() : *found;
}

bool same_condition(const json* a, const json* b) {
  if (a == nullptr || b == nullptr) return a == b;
  return *a == *b;
}

}  // namespace

json render_conditions(const std::vector<Condition>& conditions, const json& previous, std::int64_t generation,
                       base::WallTime now) {
  json list = json::array();
  for (const auto& condition : conditions) {
    const std::string status = condition.status ? "True" : "False";
    const auto* before = condition_of(previous, condition.type);
    std::string since = base::format_rfc3339(now);
    if (before != nullptr && text_of(*before, "status") == status && !text_of(*before, "lastTransitionTime").empty())
      since = text_of(*before, "lastTransitionTime");
    list.push_back({{"type", condition.type},
                    {"status", status},
                    {"reason", condition.reason},
                    {"message", base::shorten(base::to_utf8(condition.message), kLongestMessage)},
                    {"observedGeneration", generation},
                    {"lastTransitionTime", std::move(since)}});
  }
  return list;
}

bool says_already(const json& previous, const json& wanted, const std::vector<std::string_view>& fields,
                  const std::vector<std::string_view>& types) {
  const bool same_fields = std::ranges::all_of(
      fields, [&](std::string_view field) { return member(previous, field) == member(wanted, field); });
  return same_fields && std::ranges::all_of(types, [&](std::string_view type) {
           return same_condition(condition_of(previous, type), condition_of(wanted, type));
         });
}

json parse_status(const std::string& text) {
  auto status = json::parse(text, nullptr, false);
  return status.is_object() ? status : json::object();
}

std::uint64_t mark_of(json status) {
  status.erase("lastUpdated");
  for (auto& condition : status["conditions"]) condition.erase("lastTransitionTime");
  return std::hash<std::string>{}(to_text(status));
}

std::string status_body(std::string_view kind, const ObjectMeta& meta, const json& status) {
  json body = {{"apiVersion", api::kApiVersion},
               {"kind", kind},
               {"metadata", {{"name", meta.name}, {"namespace", meta.namespace_}}}};
  if (!status.is_null()) body["status"] = status;
  return to_text(body);
}

}  // namespace reconciler
