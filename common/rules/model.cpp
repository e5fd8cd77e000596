#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "common/api/preset.hpp"
#include "common/api/source.hpp"
#include "common/base/number.hpp"
#include "common/base/wire_text.hpp"
#include "common/kube/names.hpp"
#include "common/kube/quantity.hpp"
#include "common/rules/judges.hpp"
#include "common/rules/pod_fields.hpp"

namespace rules::judge {
namespace {

using base::JsonValue;
using kube::FieldPath;

std::string_view name_of(const ModelObject& model) {
  const JsonValue* metadata = object_in(model.object, "metadata");
  return metadata == nullptr ? std::string_view{} : text_in(*metadata, "name");
}

void at_name(const ModelObject& model, const Report& report, std::initializer_list<std::string_view> words) {
  const auto metadata = model.root.child("metadata");
  report.at(metadata.child("name"), base::find_path(model.object, {"metadata", "name"}), words);
}

/// Models of other formats are for other runtimes, which fetch by themselves.
bool is_gguf(const ModelObject& model) {
  const JsonValue* format = present(model.spec, "format");
  return format == nullptr || base::as_string(format) == "gguf";
}

bool has_files(const ModelObject& model) {
  const JsonValue* files = list_in(model.spec, "files");
  return files != nullptr && !files->Empty();
}

bool is_on_node(std::string_view source) { return source.starts_with('/') || source.starts_with("file://"); }

/// A repository that LLMKube's other runtimes resolve by themselves, and of which no file is named.
bool is_bare_repository(std::string_view source, bool files) {
  if (files || api::parse_source(source, false)) return false;
  const auto with_files = api::parse_source(source, true);
  return with_files && with_files->kind == api::SourceKind::huggingface;
}

const JsonValue* gpu_of(const ModelObject& model) {
  const JsonValue* hardware = object_in(model.spec, "hardware");
  return hardware == nullptr ? nullptr : object_in(*hardware, "gpu");
}

/// Calls `visit(field, value, amount, path)` for each amount that is given.
template <class Visit>
void for_each_amount(const ModelObject& model, const Visit& visit) {
  const auto look = [&](const JsonValue* owner, std::string_view field, const FieldPath& path) {
    const JsonValue* value = owner == nullptr ? nullptr : base::find(*owner, field);
    const auto text = base::as_string(value).value_or("");
    if (!text.empty()) visit(field, value, kube::Quantity::parse(text), path.child(field));
  };
  const auto resources = model.spec_path.child("resources");
  look(object_in(model.spec, "resources"), "cpu", resources);
  look(object_in(model.spec, "resources"), "memory", resources);
  const auto hardware = model.spec_path.child("hardware");
  look(gpu_of(model), "memory", hardware.child("gpu"));
  look(object_in(model.spec, "hardware"), "memoryBudget", hardware);
}

/// A share of a GPU: a number, or a range of layers ("0-19").
bool is_share(std::string_view text) {
  const auto dash = text.find('-');
  if (dash == std::string_view::npos) {
    const auto share = base::parse_number<double>(text);
    return share && *share >= 0 && std::isfinite(*share);
  }
  const auto first = base::parse_number<std::int64_t>(text.substr(0, dash));
  const auto last = base::parse_number<std::int64_t>(text.substr(dash + 1));
  return first && last && *first >= 0 && *first <= *last;
}

/// A source as it may be shown: without what could be a secret.
std::string shown_source(std::string_view source) {
  return base::quote_json(api::without_secrets(source.substr(0, 200)));
}

/// An accelerator that only one vendor's GPUs have.
struct Pair {
  std::string_view accelerator;
  std::string_view vendor;
};
constexpr Pair kPairs[] = {{"cuda", "nvidia"}, {"rocm", "amd"}, {"intel", "intel"}};

/// Names of what a query may carry and nobody else should see, in lower case.
constexpr std::string_view kSecretNames[] = {
    "token", "access_token",    "api_key",          "apikey",          "key", "password", "secret",
    "sig",   "x-amz-signature", "x-amz-credential", "x-goog-signature"};

}  // namespace

void model_name_length(const ModelObject& model, const Report& report) {
  const auto name = name_of(model);
  if (name.size() > kube::kMaxLabelLength) at_name(model, report, {std::to_string(name.size())});
}

void model_name_label(const ModelObject& model, const Report& report) {
  const auto name = name_of(model);
  if (name.size() <= kube::kMaxLabelLength && kube::is_dns1123_subdomain(name) && !kube::is_dns1123_label(name))
    at_name(model, report, {as_label(name)});
}

void source(const ModelObject& model, const Report& report) {
  const auto text = text_in(model.spec, "source");
  if (text.empty() || is_on_node(text)) return;
  const auto parsed = api::parse_source(text, has_files(model));
  if (parsed || is_bare_repository(text, has_files(model))) return;
  // What is wrong with a file path inside the source is a mistake for every runtime; the rest is for llama.cpp's.
  if (!is_gguf(model)) return;
  report.at(model.spec_path.child("source"), shown_source(text), {parsed.error().what, parsed.error().fix});
}

void source_claim(const ModelObject& model, const Report& report) {
  const auto text = text_in(model.spec, "source");
  const auto parsed = api::parse_source(text, has_files(model));
  if (parsed && parsed->kind == api::SourceKind::pvc && !kube::is_dns1123_subdomain(parsed->claim))
    report.at(model.spec_path.child("source"), shown_source(text));
}

void source_credential(const ModelObject& model, const Report& report) {
  const auto text = text_in(model.spec, "source");
  if (!text.starts_with("http")) return;
  for (auto query = text.substr(std::min(text.find('?'), text.size())); !query.empty();) {
    query.remove_prefix(1);
    const auto pair = query.substr(0, query.find('&'));
    const auto name = pair.substr(0, pair.find('='));
    const auto is_secret = [&](std::string_view word) { return base::same_word(name, word); };
    if (name.size() < pair.size() && std::ranges::any_of(kSecretNames, is_secret))
      return report.at(model.spec_path.child("source"), shown_source(text), {name});
    query.remove_prefix(pair.size());
  }
}

void source_on_node(const ModelObject& model, const Report& report) {
  const auto text = text_in(model.spec, "source");
  if (is_on_node(text)) report.at(model.spec_path.child("source"), shown_source(text));
}

void source_repository(const ModelObject& model, const Report& report) {
  const auto text = text_in(model.spec, "source");
  if (!text.empty() && is_gguf(model) && is_bare_repository(text, has_files(model)))
    report.at(model.spec_path.child("source"), shown_source(text));
}

void source_file_in_repository(const ModelObject& model, const Report& report) {
  const auto text = text_in(model.spec, "source");
  if (!text.starts_with("hf://") || has_files(model)) return;
  const auto parsed = api::parse_source(text, false);
  if (parsed && !parsed->path.empty())
    report.at(model.spec_path.child("source"), shown_source(text), {"hf://" + parsed->repository, parsed->path});
}

void source_unverified(const ModelObject& model, const Report& report) {
  const auto text = text_in(model.spec, "source");
  if (text.starts_with("http://") && text_in(model.spec, "sha256").empty())
    report.at(model.spec_path.child("sha256"), nullptr);
}

void file_path(const ModelObject& model, const Report& report) {
  const auto judge = [&](const JsonValue& value, const FieldPath& path) {
    const auto text = base::as_string(&value);
    if (!text) return;
    const auto checked = api::check_file(*text);
    if (!checked) report.at(path, &value, {checked.error().what, checked.error().fix});
  };
  if (const JsonValue* files = list_in(model.spec, "files")) {
    const auto path = model.spec_path.child("files");
    for (rapidjson::SizeType i = 0; i < files->Size(); ++i) judge((*files)[i], path.at(i));
  }
  const JsonValue* projector = base::find(model.spec, "mmproj");
  if (projector != nullptr && base::as_string(projector) != "") judge(*projector, model.spec_path.child("mmproj"));
}

/// A file keeps its path, and the path stands in the preset, where nothing can be quoted.
void file_preset(const ModelObject& model, const Report& report) {
  if (!is_gguf(model)) return;
  const auto judge = [&](std::string_view path_in_preset, const JsonValue* value, const FieldPath& path) {
    const auto problem = api::preset_value_problem(path_in_preset);
    if (problem) report.at(path, value, {*problem});
  };
  if (const JsonValue* files = list_in(model.spec, "files")) {
    const auto path = model.spec_path.child("files");
    for (rapidjson::SizeType i = 0; i < files->Size(); ++i)
      judge(base::as_string(&(*files)[i]).value_or(""), &(*files)[i], path.at(i));
  }
  judge(text_in(model.spec, "mmproj"), base::find(model.spec, "mmproj"), model.spec_path.child("mmproj"));
  const auto source = api::parse_source(text_in(model.spec, "source"), has_files(model));
  if (source && source->kind == api::SourceKind::pvc)
    judge(source->path, base::find(model.spec, "source"), model.spec_path.child("source"));
}

void file_twice(const ModelObject& model, const Report& report) {
  const JsonValue* files = list_in(model.spec, "files");
  if (files == nullptr) return;
  const auto path = model.spec_path.child("files");
  std::unordered_set<std::string_view> seen;
  for (rapidjson::SizeType i = 0; i < files->Size(); ++i) {
    const auto text = base::as_string(&(*files)[i]);
    if (text && !seen.insert(*text).second) report.at(path.at(i), &(*files)[i]);
  }
}

void mmproj_files(const ModelObject& model, const Report& report) {
  const JsonValue* projector = base::find(model.spec, "mmproj");
  const auto name = base::as_string(projector).value_or("");
  const JsonValue* files = list_in(model.spec, "files");
  const auto is_other = [&](const JsonValue& file) { return base::as_string(&file) != name; };
  if (name.empty() || (files != nullptr && std::any_of(files->Begin(), files->End(), is_other))) return;
  report.at(model.spec_path.child("mmproj"), projector);
}

void refresh_pinned(const ModelObject& model, const Report& report) {
  if (text_in(model.spec, "refreshPolicy") == "OnChange" && !text_in(model.spec, "sha256").empty())
    report.at(model.spec_path.child("refreshPolicy"), base::find(model.spec, "refreshPolicy"));
}

void model_quantity(const ModelObject& model, const Report& report) {
  for_each_amount(model, [&](std::string_view, const JsonValue* value, const auto& amount, const FieldPath& path) {
    if (!amount) report.at(path, value);
  });
}

void model_quantity_negative(const ModelObject& model, const Report& report) {
  for_each_amount(model, [&](std::string_view, const JsonValue* value, const auto& amount, const FieldPath& path) {
    if (amount && amount->is_negative()) report.at(path, value);
  });
}

void model_quantity_fraction(const ModelObject& model, const Report& report) {
  for_each_amount(model,
                  [&](std::string_view field, const JsonValue* value, const auto& amount, const FieldPath& path) {
                    if (amount && field != "cpu" && !amount->is_whole()) report.at(path, value);
                  });
}

void secret_name(const ModelObject& model, const Report& report) {
  const JsonValue* secret = object_in(model.spec, "sourceSecretRef");
  if (secret == nullptr) return;
  const auto name = text_in(*secret, "name");
  const auto path = model.spec_path.child("sourceSecretRef");
  if (!kube::is_dns1123_subdomain(name)) report.at(path.child("name"), base::find(*secret, "name"));
}

void gpu_two_ways(const ModelObject& model, const Report& report) {
  const JsonValue* gpu = gpu_of(model);
  if (gpu == nullptr || present(*gpu, "resourceName") == nullptr) return;
  const JsonValue* claims = list_in(*gpu, "resourceClaims");
  if (claims == nullptr || claims->Empty()) return;
  const auto hardware = model.spec_path.child("hardware");
  const auto path = hardware.child("gpu");
  report.at(path.child("resourceName"), base::find(*gpu, "resourceName"));
}

void gpu_claim(const ModelObject& model, const Report& report) {
  const JsonValue* gpu = gpu_of(model);
  const JsonValue* claims = gpu == nullptr ? nullptr : list_in(*gpu, "resourceClaims");
  if (claims == nullptr) return;
  const auto hardware = model.spec_path.child("hardware");
  const auto gpu_path = hardware.child("gpu");
  const auto path = gpu_path.child("resourceClaims");
  for (rapidjson::SizeType i = 0; i < claims->Size(); ++i) {
    const JsonValue& claim = (*claims)[i];
    if (!claim.IsObject()) continue;
    const bool by_name = present(claim, "resourceClaimName") != nullptr;
    const bool by_template = present(claim, "resourceClaimTemplateName") != nullptr;
    if (by_name == by_template) report.at(path.at(i), nullptr);
  }
}

void gpu_claim_name(const ModelObject& model, const Report& report) {
  const JsonValue* gpu = gpu_of(model);
  if (gpu == nullptr) return;
  const auto hardware = model.spec_path.child("hardware");
  std::unordered_set<std::string_view> seen;
  for_each_item(*gpu, "resourceClaims", hardware.child("gpu"), [&](const JsonValue& claim, const FieldPath& path) {
    judge_pod_field("ResourceClaim", claim, path, report);
    for (const std::string_view field : {"resourceClaimName", "resourceClaimTemplateName"}) {
      if (base::as_string(base::find(claim, field)) == "")
        report.at(path.child(field), base::find(claim, field), {"is empty", "name the claim, or remove it"});
    }
    if (!seen.insert(text_in(claim, "name")).second)
      report.at(path.child("name"), base::find(claim, "name"), {"another entry has this name", "remove one of them"});
  });
}

void layer_split(const ModelObject& model, const Report& report) {
  const JsonValue* gpu = gpu_of(model);
  const JsonValue* sharding = gpu == nullptr ? nullptr : object_in(*gpu, "sharding");
  const JsonValue* shares = sharding == nullptr ? nullptr : list_in(*sharding, "layerSplit");
  if (shares == nullptr) return;
  const auto hardware = model.spec_path.child("hardware");
  const auto gpu_path = hardware.child("gpu");
  const auto sharding_path = gpu_path.child("sharding");
  const auto path = sharding_path.child("layerSplit");
  for (rapidjson::SizeType i = 0; i < shares->Size(); ++i) {
    const auto text = base::as_string(&(*shares)[i]);
    if (text && !is_share(*text)) report.at(path.at(i), &(*shares)[i]);
  }
}

void accelerator_vendor(const ModelObject& model, const Report& report) {
  const JsonValue* hardware = object_in(model.spec, "hardware");
  const JsonValue* gpu = gpu_of(model);
  if (gpu == nullptr) return;
  const auto accelerator = text_in(*hardware, "accelerator");
  const auto vendor = text_in(*gpu, "vendor");
  const auto* pair = std::ranges::find(kPairs, accelerator, &Pair::accelerator);
  if (pair == std::end(kPairs) || vendor.empty() || vendor == pair->vendor) return;
  const auto path = model.spec_path.child("hardware");
  const auto gpu_path = path.child("gpu");
  report.at(gpu_path.child("vendor"), base::find(*gpu, "vendor"), {accelerator, pair->vendor});
}

}  // namespace rules::judge
