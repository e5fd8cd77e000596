#include <algorithm>
#include <optional>
#include <vector>

#include "common/api/preset.hpp"
#include "common/kube/names.hpp"
#include "common/rules/judges.hpp"

namespace rules::judge {
namespace {

std::string_view name_of(const base::JsonValue& object) {
  const base::JsonValue* metadata = object_in(object, "metadata");
  return metadata == nullptr ? std::string_view{} : text_in(*metadata, "name");
}

/// A name that a model goes by: its own, or the alias at that place of its list.
struct Claim {
  std::string_view name;
  const base::JsonValue* value = nullptr;
  std::size_t model = 0;
  std::optional<std::size_t> alias{};
};

std::string place_of(const Claim& claim) {
  const std::string item = "spec.models[" + std::to_string(claim.model) + "].";
  return claim.alias ? item + "aliases[" + std::to_string(*claim.alias) + "]" : item + "name";
}

/// With room for as many aliases.
std::vector<Claim> own_names(const Service& service) {
  std::vector<Claim> out;
  out.reserve(2 * service.models.size());
  for (const auto& model : service.models) {
    if (!model.name.empty()) out.push_back({model.name, base::find(*model.json, "name"), model.index});
  }
  return out;
}

/// Calls `visit(claim, path)` for each alias that is a text.
template <class Visit>
void for_each_alias(const Service& service, const Visit& visit) {
  for (const auto& model : service.models) {
    if (model.aliases == nullptr) continue;
    const auto item = service.models_path.at(model.index);
    const auto aliases = item.child("aliases");
    for (rapidjson::SizeType i = 0; i < model.aliases->Size(); ++i) {
      const base::JsonValue& value = (*model.aliases)[i];
      if (const auto name = base::as_string(&value)) visit(Claim{*name, &value, model.index, i}, aliases.at(i));
    }
  }
}

/// Calls `visit(first, again)` for each claim of a name that an earlier one has; brings them into another order.
template <class Visit>
void for_each_repeat(std::vector<Claim>& claims, const Visit& visit) {
  const auto is_before = [](std::string_view a, std::string_view b) {
    return a.size() == b.size() ? a < b : a.size() < b.size();
  };
  std::ranges::stable_sort(claims, is_before, &Claim::name);
  for (std::size_t first = 0, i = 1; i < claims.size(); ++i) {
    if (claims[i].name == claims[first].name) {
      visit(claims[first], claims[i]);
    } else {
      first = i;
    }
  }
}

}  // namespace

void service_name_length(const Service& service, const Report& report) {
  const auto name = name_of(service.object);
  if (name.size() <= kube::kMaxLabelLength) return;
  const auto metadata = service.root.child("metadata");
  report.at(metadata.child("name"), base::find_path(service.object, {"metadata", "name"}),
            {std::to_string(name.size())});
}

void service_name_letter(const Service& service, const Report& report) {
  const auto name = name_of(service.object);
  if (name.empty() || name.size() > kube::kMaxLabelLength || !kube::is_dns1123_subdomain(name)) return;
  if (kube::is_dns1035_label(kube::service_name(name))) return;
  const auto metadata = service.root.child("metadata");
  report.at(metadata.child("name"), base::find_path(service.object, {"metadata", "name"}), {kube::service_name(name)});
}

void model_entry_name(const Service& service, const Report& report) {
  for (const auto& model : service.models) {
    if (model.name.empty() || kube::is_dns1123_label(model.name)) continue;
    const auto item = service.models_path.at(model.index);
    report.at(item.child("name"), base::find(*model.json, "name"), {as_label(model.name)});
  }
}

void model_entry_unique(const Service& service, const Report& report) {
  if (!service.names_may_repeat) return;
  std::vector<Claim> claims = own_names(service);
  for_each_repeat(claims, [&](const Claim& first, const Claim& again) {
    const auto item = service.models_path.at(again.model);
    report.at(item.child("name"), again.value, {std::to_string(first.model)});
  });
}

void alias_text(const Service& service, const Report& report) {
  for_each_alias(service, [&](const Claim& claim, const kube::FieldPath& path) {
    const auto problem = api::preset_alias_problem(claim.name);
    if (problem) report.at(path, claim.value, {*problem});
  });
}

void alias_unique(const Service& service, const Report& report) {
  if (!service.names_may_repeat) return;
  std::vector<Claim> claims = own_names(service);
  for_each_alias(service, [&](const Claim& claim, const kube::FieldPath&) { claims.push_back(claim); });
  for_each_repeat(claims, [&](const Claim& first, const Claim& again) {
    if (!again.alias || again.model == first.model) return;
    const auto item = service.models_path.at(again.model);
    const auto aliases = item.child("aliases");
    report.at(aliases.at(*again.alias), again.value, {place_of(first)});
  });
}

}  // namespace rules::judge
