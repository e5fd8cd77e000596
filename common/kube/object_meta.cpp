#include "common/kube/object_meta.hpp"

namespace kube {
namespace {

std::string owner_of(const base::JsonValue& metadata) {
  const auto* owners = base::find(metadata, "ownerReferences");
  if (owners == nullptr || !owners->IsArray()) return {};
  for (const auto& owner : owners->GetArray())
    if (base::as_bool(base::find(owner, "controller")).value_or(false)) return base::string_at(owner, {"uid"});
  return owners->Size() == 1 ? base::string_at((*owners)[0], {"uid"}) : std::string{};
}

}  // namespace

std::map<std::string, std::string> decode_string_map(const base::JsonValue* value) {
  std::map<std::string, std::string> out;
  if (value == nullptr || !value->IsObject()) return out;
  for (const auto& member : value->GetObject()) {
    const auto key = base::as_string(&member.name);
    const auto text = base::as_string(&member.value);
    if (key && text) out.emplace(*key, *text);
  }
  return out;
}

ObjectMeta decode_object_meta(const base::JsonValue& object) {
  ObjectMeta out;
  const base::JsonValue* metadata = base::find(object, "metadata");
  if (metadata == nullptr) return out;
  out.name = base::string_at(*metadata, {"name"});
  out.namespace_ = base::string_at(*metadata, {"namespace"});
  out.uid = base::string_at(*metadata, {"uid"});
  out.resource_version = base::string_at(*metadata, {"resourceVersion"});
  out.generation = base::int_at(*metadata, {"generation"});
  out.deleting = !base::string_at(*metadata, {"deletionTimestamp"}).empty();
  out.owner_uid = owner_of(*metadata);
  return out;
}

}  // namespace kube
