#include "webhook/check/neighbours.hpp"

#include "common/api/inference_service.hpp"
#include "common/kube/field_path.hpp"
#include "common/kube/names.hpp"
#include "common/rules/rule.hpp"

namespace webhook {
namespace {

std::string text_at(const Node& object, std::initializer_list<std::string_view> keys) {
  const Node* at = &object;
  for (const auto key : keys) {
    at = at->find(key);
    if (at == nullptr) return {};
  }
  return at->kind == Node::Kind::string ? at->text : std::string{};
}

/// What a Model is made of: its source, which is empty where it has none, then what is taken of it.
std::vector<std::string> content_of(const Node& model) {
  std::vector<std::string> out;
  for (const auto field : {"source", "sha256", "mmproj"}) out.push_back(text_at(model, {"spec", field}));
  const Node* spec = model.find("spec");
  const Node* files = spec == nullptr ? nullptr : spec->find("files");
  if (files == nullptr) return out;
  for (const auto& file : files->items) out.push_back(file.text);
  return out;
}

/// How many models may be loaded at once, as far as the text says.
bool one_at_a_time(const Node& service) {
  const Node* spec = service.find("spec");
  const Node* router = spec == nullptr ? nullptr : spec->find("router");
  const Node* most = router == nullptr ? nullptr : router->find("maxLoadedModels");
  return most == nullptr || most->text == "1";
}

void report(const CheckedObject& object, std::string_view rule, const kube::FieldPath& path, const std::string& value,
            std::initializer_list<std::string_view> words, std::vector<LocatedFinding>& out) {
  out.push_back(locate(object, rules::make_finding(rules::rule(rule), path, base::quote_json(value), words)));
}

}  // namespace

void Neighbours::add(const CheckedObject& object) {
  if (!object.name.empty()) {
    const auto [first, is_new] = objects_.emplace(std::pair{object.kind, Key{object.name_space, object.name}}, object);
    if (!is_new) twice_.emplace_back(object, first->second);
  }
  if (object.kind == "Model") {
    models_[{object.name_space, object.name}] = content_of(*object.node);
  } else {
    services_.push_back(object);
  }
}

void Neighbours::models_of(const CheckedObject& service, std::vector<LocatedFinding>& out) const {
  const kube::FieldPath root;
  const auto spec_path = root.child("spec");
  const Node* spec = service.node->find("spec");
  if (spec == nullptr) return;
  std::map<std::vector<std::string>, std::string> by_content;
  const auto find = [&](const std::string& name, const kube::FieldPath& path) {
    const auto model = models_.find({service.name_space, name});
    if (model == models_.end() && !name.empty()) report(service, "model-missing", path, name, {}, out);
    return model;
  };
  const auto judge = [&](const std::string& name, const kube::FieldPath& path) {
    const auto model = find(name, path);
    if (model == models_.end()) return;
    const auto [other, is_new] = by_content.emplace(model->second, name);
    if (!is_new && other->second != name && !model->second.front().empty() && one_at_a_time(*service.node))
      report(service, "source-shared", path, name, {other->second}, out);
  };
  if (const Node* models = spec->find("models"); models != nullptr) {
    const auto path = spec_path.child("models");
    for (std::size_t i = 0; i < models->items.size(); ++i) {
      const auto item = path.at(i);
      judge(text_at(models->items[i], {"name"}), item.child("name"));
    }
  }
  const std::string runtime = text_at(*spec, {"runtime"});
  const bool single = runtime.empty() || runtime == "llamacpp";
  if (single || api::is_router_runtime(runtime)) {
    const auto drafting = spec_path.child("speculativeDecoding");
    static_cast<void>(find(text_at(*spec, {"speculativeDecoding", "draftModelRef"}), drafting.child("draftModelRef")));
  }
  if (single) judge(text_at(*spec, {"modelRef"}), spec_path.child("modelRef"));
}

void Neighbours::finish(std::vector<LocatedFinding>& out) const {
  const kube::FieldPath root;
  const auto metadata = root.child("metadata");
  for (const auto& [object, first] : twice_) {
    const std::string place = first.file + ":" + std::to_string(locate(*first.node, "metadata.name").line);
    report(object, "object-twice", metadata.child("name"), object.name, {object.kind, place}, out);
  }
  std::map<Key, const CheckedObject*> by_service_name;
  for (const auto& service : services_) {
    models_of(service, out);
    if (service.name.empty()) continue;
    const std::string name = kube::service_name(service.name);
    const auto [other, is_new] = by_service_name.emplace(Key{service.name_space, name}, &service);
    if (is_new || other->second->name == service.name) continue;
    report(service, "service-name-clash", metadata.child("name"), service.name, {name, other->second->name}, out);
  }
}

}  // namespace webhook
