#include <unordered_map>

#include "common/api/preset.hpp"
#include "common/kube/names.hpp"
#include "common/rules/judges.hpp"

namespace rules::judge {
namespace {

std::string_view name_of(const base::JsonValue& object) {
  const base::JsonValue* metadata = object_in(object, "metadata");
  return metadata == nullptr ? std::string_view{} : text_in(*metadata, "name");
}

/// A name of the same meaning that would pass: lower case, other letters as `-`.
std::string as_label(std::string_view name) {
  std::string out;
  for (const char c : name.substr(0, kube::kMaxLabelLength)) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const bool fits = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
    if (fits) {
      out += lower;
    } else if (!out.empty() && out.back() != '-') {
      out += '-';
    }
  }
  while (out.ends_with('-')) out.pop_back();
  return out.empty() ? "my-model" : out;
}

/// Calls `visit(model, index, value, path)` for each alias that is a text.
template <class Visit>
void for_each_alias(const Service& service, const Visit& visit) {
  for (const auto& model : service.models) {
    const base::JsonValue* list = list_in(*model.json, "aliases");
    if (list == nullptr) continue;
    const auto item = service.models_path.at(model.index);
    const auto aliases = item.child("aliases");
    for (rapidjson::SizeType i = 0; i < list->Size(); ++i) {
      if ((*list)[i].IsString()) visit(model, (*list)[i], aliases.at(i));
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
  std::unordered_map<std::string_view, std::size_t> first;
  for (const auto& model : service.models) {
    if (model.name.empty()) continue;
    const auto [found, is_new] = first.emplace(model.name, model.index);
    if (is_new) continue;
    const auto item = service.models_path.at(model.index);
    report.at(item.child("name"), base::find(*model.json, "name"), {std::to_string(found->second)});
  }
}

void alias_text(const Service& service, const Report& report) {
  for_each_alias(service, [&](const ModelItem&, const base::JsonValue& value, const kube::FieldPath& path) {
    const auto problem = api::preset_alias_problem(base::as_string(&value).value_or(""));
    if (problem) report.at(path, &value, {*problem});
  });
}

void alias_unique(const Service& service, const Report& report) {
  struct Holder {
    std::size_t model;
    std::string place;
  };
  std::unordered_map<std::string_view, Holder> holders;
  for (const auto& model : service.models) {
    if (!model.name.empty())
      holders.emplace(model.name, Holder{model.index, "spec.models[" + std::to_string(model.index) + "].name"});
  }
  for_each_alias(service, [&](const ModelItem& model, const base::JsonValue& value, const kube::FieldPath& path) {
    const auto [found, is_new] = holders.emplace(base::as_string(&value).value_or(""), Holder{model.index, path.str()});
    if (!is_new && found->second.model != model.index) report.at(path, &value, {found->second.place});
  });
}

}  // namespace rules::judge
