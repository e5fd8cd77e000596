#include "common/kube/names.hpp"
#include "common/kube/quantity.hpp"
#include "common/rules/gpu.hpp"
#include "common/rules/judges.hpp"

namespace rules::judge {
namespace {

using base::JsonValue;
using kube::FieldPath;
using kube::Quantity;

/// Fields of LLMKube's shape that hold a quantity, and the resource that each means; empty where it is none.
struct Field {
  std::string_view name;
  std::string_view resource;
};
constexpr Field kFields[] = {
    {"cpu", "cpu"},    {"memory", "memory"}, {"hostMemory", "memory"}, {"ephemeralStorage", "ephemeral-storage"},
    {"gpuMemory", ""},
};

const JsonValue* resources_of(const Service& service) { return object_in(service.spec, "resources"); }

/// The amount that a value says: a text, or a bare number in Kubernetes' shape.
std::optional<Quantity> amount_of(const JsonValue& value) {
  std::string number;
  std::string_view text = base::as_string(&value).value_or("");
  if (value.IsNumber()) {
    number = base::to_text(value);
    text = number;
  }
  auto parsed = Quantity::parse(text);
  return parsed ? std::optional(std::move(*parsed)) : std::nullopt;
}

/// Whether an amount is a text with one of these characters: most are not, and to read an amount costs more.
bool has_any(const JsonValue& value, std::string_view characters) {
  return base::as_string(&value).value_or("").find_first_of(characters) != std::string_view::npos;
}

bool is_quantity_typed(const JsonValue& value) { return value.IsString() || value.IsInt64() || value.IsUint64(); }

/// One amount of Kubernetes' shape.
struct Entry {
  std::string_view side;
  std::string_view resource;
  const JsonValue& value;
};

template <class Visit>
void for_each_entry(const Service& service, const Visit& visit) {
  const JsonValue* resources = resources_of(service);
  if (resources == nullptr) return;
  const auto path = service.spec_path.child("resources");
  for (const std::string_view side : {"requests", "limits"}) {
    const JsonValue* map = object_in(*resources, side);
    if (map == nullptr) continue;
    const auto side_path = path.child(side);
    for (const auto& member : map->GetObject()) {
      const auto resource = base::as_string(&member.name).value_or("");
      visit(Entry{side, resource, member.value}, side_path.key(resource));
    }
  }
}

/// Calls `visit(field, value, path)` for the fields of LLMKube's shape that are texts and not empty.
template <class Visit>
void for_each_field(const Service& service, const Visit& visit) {
  const JsonValue* resources = resources_of(service);
  if (resources == nullptr) return;
  const auto path = service.spec_path.child("resources");
  for (const auto& field : kFields) {
    const JsonValue* value = base::find(*resources, field.name);
    if (value != nullptr && base::as_string(value).value_or("") != "") visit(field, *value, path.child(field.name));
  }
}

const JsonValue* entry_of(const Service& service, std::string_view side, std::string_view resource) {
  const JsonValue* resources = resources_of(service);
  const JsonValue* map = resources == nullptr ? nullptr : object_in(*resources, side);
  return map == nullptr ? nullptr : present(*map, resource);
}

/// Calls `visit(field, value, path)` for the fields of LLMKube's shape that say an amount of a resource. LLMKube's own
/// pair is one: hostMemory wins over memory.
template <class Visit>
void for_each_request(const Service& service, const Visit& visit) {
  const JsonValue* resources = resources_of(service);
  const bool host_memory = resources != nullptr && !text_in(*resources, "hostMemory").empty();
  for_each_field(service, [&](const Field& field, const JsonValue& value, const FieldPath& path) {
    if (!field.resource.empty() && !(host_memory && field.name == "memory")) visit(field, value, path);
  });
}

/// Everything that is no cpu, memory or the like: a device, which is counted.
bool is_extended(std::string_view resource) {
  return resource.find('/') != std::string_view::npos && !resource.starts_with("kubernetes.io/");
}

/// What is there once for each who asks: its request and its limit are one (IsOvercommitAllowed of Kubernetes).
bool is_never_shared(std::string_view resource) { return is_extended(resource) || resource.starts_with("hugepages-"); }

bool is_native(std::string_view resource) {
  return resource == "cpu" || resource == "memory" || resource == "ephemeral-storage" ||
         resource.starts_with("hugepages-");
}

const JsonValue* sharing_of(const Service& service) {
  const JsonValue* resources = resources_of(service);
  return resources == nullptr ? nullptr : object_in(*resources, "gpuSharing");
}

void at_sharing(const Service& service, const Report& report, std::string_view field, const JsonValue* value) {
  const auto resources = service.spec_path.child("resources");
  const auto sharing = resources.child("gpuSharing");
  report.at(sharing.child(field), value);
}

}  // namespace

void quantity(const Service& service, const Report& report) {
  for_each_field(service, [&](const Field&, const JsonValue& value, const FieldPath& path) {
    if (!amount_of(value)) report.at(path, &value);
  });
  for_each_entry(service, [&](const Entry& entry, const FieldPath& path) {
    if (is_quantity_typed(entry.value) && !amount_of(entry.value)) report.at(path, &entry.value);
  });
}

/// `m` is a thousandth, which is what nobody means by 512m of memory. Kubernetes warns of it, for Pods.
void quantity_fraction(const Service& service, const Report& report) {
  const auto judge = [&](std::string_view resource, const JsonValue& value, const FieldPath& path) {
    if (!has_any(value, "mun.e-") || (resource != "memory" && resource != "ephemeral-storage")) return;
    const auto amount = amount_of(value);
    if (amount && !amount->is_whole()) report.at(path, &value);
  };
  for_each_field(service, [&](const Field& field, const JsonValue& value, const FieldPath& path) {
    judge(field.resource, value, path);
  });
  for_each_entry(service, [&](const Entry& entry, const FieldPath& path) { judge(entry.resource, entry.value, path); });
}

void quantity_negative(const Service& service, const Report& report) {
  const auto judge = [&](const JsonValue& value, const FieldPath& path) {
    if (value.IsUint64() || (value.IsString() && !has_any(value, "-"))) return;
    const auto amount = amount_of(value);
    if (amount && amount->is_negative()) report.at(path, &value);
  };
  for_each_field(service, [&](const Field&, const JsonValue& value, const FieldPath& path) { judge(value, path); });
  for_each_entry(service, [&](const Entry& entry, const FieldPath& path) { judge(entry.value, path); });
}

void resource_name(const Service& service, const Report& report) {
  for_each_entry(service, [&](const Entry& entry, const FieldPath& path) {
    const auto name = entry.resource;
    if (is_native(name) || (is_extended(name) && kube::is_qualified_name(name))) return;
    report.at(path, base::quote_json(name.substr(0, kMaxShown)),
              {name == "gpu" || name == "gpus" ? "write nvidia.com/gpu, amd.com/gpu or gpu.intel.com/i915"
                                               : "write cpu, memory, ephemeral-storage or a device as domain/name"});
  });
}

void resource_twice(const Service& service, const Report& report) {
  for_each_request(service, [&](const Field& field, const JsonValue& value, const FieldPath& path) {
    const JsonValue* other = entry_of(service, "requests", field.resource);
    if (other == nullptr) return;
    const auto here = amount_of(value);
    const auto there = amount_of(*other);
    if (here && there && *here != *there)
      report.at(path, &value, {"spec.resources.requests[" + std::string(field.resource) + "]", shown(other)});
  });
  const JsonValue* sharing = sharing_of(service);
  const auto profile = sharing == nullptr ? std::string_view{} : text_in(*sharing, "profile");
  if (!profile.empty() && text_in(*sharing, "mode") == "partitioned") {
    const std::string partition = "nvidia.com/mig-" + std::string(profile);
    for_each_entry(service, [&](const Entry& entry, const FieldPath& path) {
      if (!gpu_vendor(entry.resource).empty() && entry.resource != partition)
        report.at(path, &entry.value, {"spec.resources.gpuSharing.profile", partition});
    });
  }
  const JsonValue* resources = resources_of(service);
  const auto count = resources == nullptr ? std::nullopt : base::as_int(base::find(*resources, "gpu"));
  if (!count) return;
  for_each_entry(service, [&](const Entry& entry, const FieldPath& path) {
    if (gpu_vendor(entry.resource).empty()) return;
    const auto amount = amount_of(entry.value);
    if (!amount || !amount->is_whole() || amount->to_int() == count) return;
    report.at(path, &entry.value, {"spec.resources.gpu", std::to_string(*count)});
  });
}

void request_over_limit(const Service& service, const Report& report) {
  const auto judge = [&](std::string_view resource, const JsonValue& value, const FieldPath& path) {
    const JsonValue* limit = entry_of(service, "limits", resource);
    if (limit == nullptr) return;
    const auto asked = amount_of(value);
    const auto most = amount_of(*limit);
    if (asked && most && *asked > *most) report.at(path, &value, {shown(limit)});
  };
  for_each_entry(service, [&](const Entry& entry, const FieldPath& path) {
    if (entry.side == "requests" && !is_never_shared(entry.resource)) judge(entry.resource, entry.value, path);
  });
  for_each_request(service, [&](const Field& field, const JsonValue& value, const FieldPath& path) {
    if (entry_of(service, "requests", field.resource) == nullptr) judge(field.resource, value, path);
  });
}

void gpu_whole(const Service& service, const Report& report) {
  for_each_entry(service, [&](const Entry& entry, const FieldPath& path) {
    if (!is_extended(entry.resource)) return;
    const auto amount = amount_of(entry.value);
    if (amount && !amount->is_negative() && !amount->is_whole()) report.at(path, &entry.value, {entry.resource});
  });
}

void gpu_none(const Service& service, const Report& report) {
  for_each_entry(service, [&](const Entry& entry, const FieldPath& path) {
    if (gpu_vendor(entry.resource).empty()) return;
    const auto amount = amount_of(entry.value);
    if (amount && amount->is_zero()) report.at(path, &entry.value);
  });
}

void gpu_limit(const Service& service, const Report& report) {
  for_each_entry(service, [&](const Entry& entry, const FieldPath& path) {
    if (entry.side != "requests" || !is_never_shared(entry.resource)) return;
    const JsonValue* limit = entry_of(service, "limits", entry.resource);
    if (limit == nullptr) return;
    const auto asked = amount_of(entry.value);
    const auto most = amount_of(*limit);
    if (asked && most && *asked != *most) report.at(path, &entry.value, {entry.resource, shown(limit)});
  });
}

void gpu_vendors(const Service& service, const Report& report) {
  std::string_view first;
  std::string first_place;
  for_each_entry(service, [&](const Entry& entry, const FieldPath& path) {
    const auto vendor = gpu_vendor(entry.resource);
    if (vendor.empty()) return;
    if (first.empty()) {
      first = vendor;
      first_place = path.str();
    } else if (vendor != first) {
      report.at(path, &entry.value, {first, first_place});
    }
  });
}

void gpu_missing(const Service& service, const Report& report) {
  if (!gpu_count(service.spec)) report.at(service.spec_path.child("resources"), nullptr);
}

/// It becomes the name of a resource: nvidia.com/mig-PROFILE.
void sharing_profile(const Service& service, const Report& report) {
  const JsonValue* sharing = sharing_of(service);
  const auto profile = sharing == nullptr ? std::string_view{} : text_in(*sharing, "profile");
  if (!profile.empty() && !kube::is_qualified_name("nvidia.com/mig-" + std::string(profile)))
    at_sharing(service, report, "profile", base::find(*sharing, "profile"));
}

void sharing_profile_missing(const Service& service, const Report& report) {
  const JsonValue* sharing = sharing_of(service);
  if (sharing != nullptr && text_in(*sharing, "mode") == "partitioned" && text_in(*sharing, "profile").empty())
    at_sharing(service, report, "profile", nullptr);
}

void sharing_profile_unused(const Service& service, const Report& report) {
  const JsonValue* sharing = sharing_of(service);
  if (sharing != nullptr && text_in(*sharing, "mode") != "partitioned" && !text_in(*sharing, "profile").empty())
    at_sharing(service, report, "profile", base::find(*sharing, "profile"));
}

void sharing_limit_unused(const Service& service, const Report& report) {
  const JsonValue* sharing = sharing_of(service);
  if (sharing == nullptr || text_in(*sharing, "mode") == "shared") return;
  if (const JsonValue* limit = present(*sharing, "memoryLimitGiB"))
    at_sharing(service, report, "memoryLimitGiB", limit);
}

}  // namespace rules::judge
