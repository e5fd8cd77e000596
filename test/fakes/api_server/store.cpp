#include "test/fakes/api_server/store.hpp"

#include <algorithm>
#include <atomic>
#include <sstream>

namespace fakes {
namespace {

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);)
    if (!part.empty()) parts.push_back(part);
  return parts;
}

/// What managers can own: everything but identity.
Json content(const Json& object, const std::string& subresource) {
  Json out = object;
  for (const auto* key : {"apiVersion", "kind"}) out.erase(key);
  if (subresource == "status") {
    Json only = Json::object();
    if (out.contains("status")) only["status"] = out["status"];
    return only;
  }
  out.erase("status");
  if (out.contains("metadata")) {
    auto& metadata = out["metadata"];
    for (const auto* key : {"name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp",
                            "managedFields", "deletionTimestamp"})
      metadata.erase(key);
    if (metadata.empty()) out.erase("metadata");
  }
  return out;
}

bool is_known_subresource(const std::string& word) { return word == "status" || word == "scale"; }

}  // namespace

std::optional<ObjectPath> parse_path(const std::string& path) {
  auto parts = split(path, '/');
  ObjectPath out;
  std::size_t i = 0;
  if (parts.size() >= 3 && parts[0] == "apis") {
    out.group_path = "/apis/" + parts[1] + "/" + parts[2];
    i = 3;
  } else if (parts.size() >= 2 && parts[0] == "api") {
    out.group_path = "/api/" + parts[1];
    i = 2;
  } else {
    return std::nullopt;
  }
  if (i + 2 < parts.size() && parts[i] == "namespaces") {
    out.name_space = parts[i + 1];
    i += 2;
  }
  if (i >= parts.size()) return std::nullopt;
  out.plural = parts[i++];
  if (i < parts.size()) out.name = parts[i++];
  if (i < parts.size() && is_known_subresource(parts[i])) out.subresource = parts[i];
  return out;
}

Answer failure(int status, const std::string& reason, const std::string& message, const Json& causes) {
  return {status,
          {{"kind", "Status"},
           {"apiVersion", "v1"},
           {"status", "Failure"},
           {"reason", reason},
           {"message", message},
           {"code", status},
           {"details", {{"causes", causes}}}}};
}

const Store::Stored* Store::find(const ObjectPath& path) const {
  const auto collection = collections_.find(path.collection());
  if (collection == collections_.end()) return nullptr;
  const auto found = collection->second.find(path.key());
  return found == collection->second.end() ? nullptr : &found->second;
}

Json Store::with_managed_fields(const Stored& stored) {
  Json object = stored.object;
  Json entries = Json::array();
  for (const auto& owned : stored.owners) {
    Json entry = {{"manager", owned.manager},
                  {"operation", owned.operation},
                  {"apiVersion", object.value("apiVersion", "")},
                  {"fieldsType", "FieldsV1"},
                  {"fieldsV1", to_fields_v1(owned.fields)}};
    if (!owned.subresource.empty()) entry["subresource"] = owned.subresource;
    entries.push_back(std::move(entry));
  }
  object["metadata"]["managedFields"] = std::move(entries);
  return object;
}

Answer Store::get(const ObjectPath& path) const {
  const auto* found = find(path);
  if (found == nullptr) return failure(404, "NotFound", path.plural + " \"" + path.name + "\" not found");
  return {200, with_managed_fields(*found)};
}

Answer Store::commit(const ObjectPath& path, Stored before, Stored after, bool is_new) {
  std::erase_if(after.owners, [](const Owned& owned) { return owned.fields.empty(); });
  if (!is_new && with_managed_fields(before) == with_managed_fields(after)) return {200, with_managed_fields(before)};
  auto& metadata = after.object["metadata"];
  metadata["name"] = path.name;
  if (!path.name_space.empty()) metadata["namespace"] = path.name_space;
  if (is_new) {
    static std::atomic<long> uids = 0;  // never used again, not even after a restore
    metadata["uid"] = *uids_.insert("uid-" + std::to_string(++uids)).first;
    metadata["creationTimestamp"] = "2026-11-24T20:00:00Z";
    metadata["generation"] = 1;
    if (path.collection() == "/api/v1/services" && after.object.contains("spec")) {
      static std::atomic<int> addresses = 0;
      auto& address = after.object["spec"]["clusterIP"];
      const int number = ++addresses;
      if (address.is_null()) address = "10.96." + std::to_string(number / 250) + "." + std::to_string(1 + number % 250);
    }
  } else if (before.object.value("spec", Json()) != after.object.value("spec", Json())) {
    metadata["generation"] = metadata.value("generation", 1) + 1;
  }
  metadata["resourceVersion"] = std::to_string(++version_);
  auto& slot = collections_[path.collection()][path.key()];
  slot = std::move(after);
  Json body = with_managed_fields(slot);
  events_.push_back({version_, path.collection(), is_new ? "ADDED" : "MODIFIED", body});
  // The garbage collector also takes what was made for an owner that is gone.
  const Json owners = body.value("/metadata/ownerReferences"_json_pointer, Json::array());
  if (is_new && !owners.empty() && std::none_of(owners.begin(), owners.end(), [&](const Json& owner) {
        return uids_.contains(owner.value("uid", ""));
      }))
    remove(path, {});
  return {is_new ? 201 : 200, std::move(body)};
}

Store::Owned& Store::owner(Stored& stored, const std::string& manager, const std::string& operation,
                           const std::string& subresource) {
  for (auto& owned : stored.owners)
    if (owned.manager == manager && owned.operation == operation && owned.subresource == subresource) return owned;
  return stored.owners.emplace_back(Owned{manager, operation, subresource, {}});
}

void Store::take_over(Stored& stored, const Json& before, const std::string& manager, const std::string& subresource) {
  const Json old_content = content(before, subresource);
  const Json new_content = content(stored.object, subresource);
  const auto new_leaves = leaves(new_content);
  FieldSet changed;
  for (const auto& path : new_leaves) {
    const Json* old_value = at_path(old_content, path);
    if (old_value == nullptr || *old_value != *at_path(new_content, path)) changed.insert(path);
  }
  for (auto& owned : stored.owners) {
    if (owned.subresource == "status" && subresource != "status") continue;
    std::erase_if(owned.fields, [&](const FieldPath& path) {
      return changed.contains(path) || at_path(stored.object, path) == nullptr;
    });
  }
  if (!changed.empty()) owner(stored, manager, "Update", subresource).fields.insert(changed.begin(), changed.end());
}

Answer Store::create(const ObjectPath& path, Json body, const std::string& manager) {
  ObjectPath full = path;
  full.name = body.value("/metadata/name"_json_pointer, "");
  if (find(full) != nullptr)
    return failure(409, "AlreadyExists", full.plural + " \"" + full.name + "\" already exists");
  Stored after;
  body["metadata"].erase("managedFields");
  after.object = std::move(body);
  take_over(after, Json::object(), manager, "");
  if (after.object.contains("status")) take_over(after, Json::object(), manager, "status");
  return commit(full, {}, std::move(after), true);
}

Answer Store::apply(const ObjectPath& path, Json body, const std::string& manager, bool force) {
  const auto* live = find(path);
  const bool is_status = path.subresource == "status";
  if (live == nullptr && is_status) return failure(404, "NotFound", path.plural + " \"" + path.name + "\" not found");
  const auto wanted_uid = body.value("/metadata/uid"_json_pointer, "");
  if (!wanted_uid.empty() && live != nullptr && live->object["metadata"]["uid"] != wanted_uid)
    return failure(409, "Conflict", "Precondition failed: UID in precondition: " + wanted_uid);

  const Stored before = live == nullptr ? Stored{} : *live;
  Stored after = before;
  if (live == nullptr) after.object = {{"apiVersion", body["apiVersion"]}, {"kind", body["kind"]}};
  const Json wanted = content(body, path.subresource);
  const FieldSet fields = leaves(wanted);
  Json causes = Json::array();
  for (auto& owned : after.owners) {
    if (owned.manager == manager && owned.operation == "Apply" && owned.subresource == path.subresource) continue;
    for (const auto& field : fields) {
      if (!owned.fields.contains(field)) continue;
      const Json* value = at_path(after.object, field);
      if (value != nullptr && *value == *at_path(wanted, field)) continue;
      std::string text = "conflict with \"" + owned.manager + "\"";
      if (!owned.subresource.empty()) text += " with subresource \"" + owned.subresource + "\"";
      if (owned.operation == "Update")
        text += " using " + after.object.value("apiVersion", "") + " at 2026-11-24T20:00:00Z";
      causes.push_back({{"reason", "FieldManagerConflict"}, {"message", text}, {"field", to_text(field)}});
      if (force) owned.fields.erase(field);
    }
  }
  if (!causes.empty() && !force)
    return failure(409, "Conflict", "Apply failed with " + std::to_string(causes.size()) + " conflict", causes);

  auto& mine = owner(after, manager, "Apply", path.subresource);
  const FieldSet given_up = mine.fields;
  mine.fields = fields;
  for (const auto& field : given_up) {
    const bool still_owned = std::any_of(after.owners.begin(), after.owners.end(),
                                         [&](const Owned& owned) { return owned.fields.contains(field); });
    if (!still_owned) erase_path(after.object, field);
  }
  if (live == nullptr) after.object.update(wanted);  // lists keep the order in which they are applied
  for (const auto& field : fields) set_path(after.object, field, *at_path(wanted, field));
  return commit(path, before, std::move(after), live == nullptr);
}

Answer Store::replace(const ObjectPath& path, Json body, const std::string& manager) {
  const auto* live = find(path);
  if (live == nullptr) return failure(404, "NotFound", path.plural + " \"" + path.name + "\" not found");
  const auto version = body.value("/metadata/resourceVersion"_json_pointer, "");
  if (!version.empty() && Json(version) != live->object["metadata"]["resourceVersion"])
    return failure(409, "Conflict", "the object has been modified; please apply your changes to the latest version");
  const Stored before = *live;
  Stored after = before;
  if (path.subresource == "status") {
    after.object["status"] = body.value("status", Json::object());
  } else {
    for (const auto* key : {"uid", "resourceVersion", "generation", "creationTimestamp"})
      body["metadata"][key] = before.object["metadata"][key];
    body["metadata"].erase("managedFields");
    if (before.object.contains("status") && path.plural != "pods") body["status"] = before.object["status"];
    after.object = std::move(body);
  }
  take_over(after, before.object, manager, path.subresource);
  if (after.object["metadata"].contains("managedFields")) after.object["metadata"].erase("managedFields");
  return commit(path, before, std::move(after), false);
}

Answer Store::merge_patch(const ObjectPath& path, const Json& patch, const std::string& manager) {
  const auto* live = find(path);
  if (live == nullptr) return failure(404, "NotFound", path.plural + " \"" + path.name + "\" not found");
  const auto version = patch.value("/metadata/resourceVersion"_json_pointer, "");
  if (!version.empty() && Json(version) != live->object["metadata"]["resourceVersion"])
    return failure(409, "Conflict", "the object has been modified; please apply your changes to the latest version");
  const auto uid = patch.value("/metadata/uid"_json_pointer, "");
  if (!uid.empty() && Json(uid) != live->object["metadata"]["uid"])
    return failure(422, "Invalid", "metadata.uid: Invalid value: \"" + uid + "\": field is immutable");
  Json body = live->object;
  body.merge_patch(patch);
  body["metadata"].erase("resourceVersion");
  return replace(path, std::move(body), manager);
}

Answer Store::json_patch(const ObjectPath& path, const Json& patch, const std::string& manager) {
  const auto* live = find(path);
  if (live == nullptr) return failure(404, "NotFound", path.plural + " \"" + path.name + "\" not found");
  try {
    Json body = live->object.patch(patch);
    body["metadata"].erase("resourceVersion");
    return replace(path, std::move(body), manager);
  } catch (const Json::exception& problem) {
    return failure(422, "Invalid", problem.what());
  }
}

Answer Store::remove(const ObjectPath& path, const Json& options) {
  const auto* live = find(path);
  if (live == nullptr) return failure(404, "NotFound", path.plural + " \"" + path.name + "\" not found");
  const auto uid = options.is_object() ? options.value("/preconditions/uid"_json_pointer, "") : "";
  if (!uid.empty() && Json(uid) != live->object["metadata"]["uid"])
    return failure(409, "Conflict", "Precondition failed: UID");
  Json object = with_managed_fields(*live);
  object["metadata"]["resourceVersion"] = std::to_string(++version_);
  events_.push_back({version_, path.collection(), "DELETED", object});
  const std::string removed_uid = object["metadata"]["uid"];
  uids_.erase(removed_uid);
  collections_[path.collection()].erase(path.key());
  collect_garbage(removed_uid);
  return {200, {{"kind", "Status"}, {"status", "Success"}}};
}

void Store::collect_garbage(const std::string& owner_uid) {
  std::vector<ObjectPath> orphans;
  for (const auto& [collection, objects] : collections_) {
    for (const auto& [key, stored] : objects) {
      const Json owners = stored.object.value("/metadata/ownerReferences"_json_pointer, Json::array());
      const bool is_orphan = std::any_of(owners.begin(), owners.end(),
                                         [&](const Json& owner) { return owner.value("uid", "") == owner_uid; });
      if (!is_orphan) continue;
      const auto slash = collection.rfind('/');
      const auto& metadata = stored.object["metadata"];
      orphans.push_back({collection.substr(0, slash), metadata.value("namespace", ""), collection.substr(slash + 1),
                         metadata.value("name", ""), ""});
    }
  }
  for (const auto& orphan : orphans) remove(orphan, {});
}

bool Store::matches(const Json& object, const std::string& labels, const std::string& fields) {
  const Json have = object.value("/metadata/labels"_json_pointer, Json::object());
  for (const auto& term : split(labels, ',')) {
    const auto equals = term.find('=');
    const auto key = term.substr(0, equals);
    if (!have.contains(key)) return false;
    if (equals != std::string::npos && have[key] != term.substr(equals + 1)) return false;
  }
  for (const auto& term : split(fields, ','))
    if (term.starts_with("metadata.name=") && object["metadata"]["name"] != term.substr(14)) return false;
  return true;
}

Store::Page Store::list(const ObjectPath& path, std::size_t first, std::size_t limit, const std::string& labels,
                        const std::string& fields) const {
  Page page;
  const auto collection = collections_.find(path.collection());
  if (collection == collections_.end()) return page;
  std::size_t index = 0;
  for (const auto& [key, stored] : collection->second) {
    if (!path.name_space.empty() && !key.starts_with(path.name_space + "/")) continue;
    if (!matches(stored.object, labels, fields)) continue;
    if (index++ < first) continue;
    if (limit != 0 && page.items.size() == limit) {
      page.next = index - 1;
      break;
    }
    page.items.push_back(with_managed_fields(stored));
  }
  return page;
}

}  // namespace fakes
