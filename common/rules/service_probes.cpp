#include <algorithm>

#include "common/rules/judges.hpp"
#include "common/rules/pod_fields.hpp"

namespace rules::judge {
namespace {

using base::JsonValue;
using kube::FieldPath;

constexpr std::string_view kProbes[] = {"startup", "liveness", "readiness"};
constexpr std::string_view kHandlers[] = {"exec", "grpc", "httpGet", "tcpSocket"};
constexpr std::string_view kHandlersWithPort[] = {"grpc", "httpGet", "tcpSocket"};
constexpr std::string_view kCounts[] = {"initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold",
                                        "failureThreshold"};
constexpr std::int64_t kServerPort = 8080;
constexpr std::int64_t kAgentPort = 8081;

/// Calls `visit(probe, name, path)` for each probe that is given.
template <class Visit>
void for_each_probe(const Service& service, const Visit& visit) {
  const JsonValue* overrides = object_in(service.spec, "probeOverrides");
  if (overrides == nullptr) return;
  const auto path = service.spec_path.child("probeOverrides");
  for (const auto name : kProbes) {
    if (const JsonValue* probe = object_in(*overrides, name)) visit(*probe, name, path.child(name));
  }
}

/// The kubelet looks a name up in the ports of the probe's own container alone (pkg/probe/util.go,
/// ResolveContainerPort), so the agent's port has no name here. `http` is the port that clients talk to; under the gate
/// that is not llama-server's, which is then `llama`.
bool is_port_name(const Service& service, std::string_view name) {
  const JsonValue* router = object_in(service.spec, "router");
  const JsonValue* scheduling = router == nullptr ? nullptr : object_in(*router, "scheduling");
  const bool direct = scheduling != nullptr && text_in(*scheduling, "policy") == "Direct";
  return name == "http" || (name == "llama" && !direct);
}

}  // namespace

void probe_handler(const Service& service, const Report& report) {
  for_each_probe(service, [&](const JsonValue& probe, std::string_view, const FieldPath& path) {
    const auto handlers =
        std::ranges::count_if(kHandlers, [&](std::string_view name) { return present(probe, name) != nullptr; });
    if (handlers != 1) report.at(path, nullptr, {std::to_string(handlers)});
  });
}

void probe_port(const Service& service, const Report& report) {
  for_each_probe(service, [&](const JsonValue& probe, std::string_view, const FieldPath& path) {
    for (const auto name : kHandlersWithPort) {
      const JsonValue* handler = object_in(probe, name);
      const JsonValue* port = handler == nullptr ? nullptr : present(*handler, "port");
      if (port == nullptr) continue;
      const auto number = base::as_int(port);
      const auto text = base::as_string(port);
      if (number ? *number >= 1 && *number <= 65535 : text && is_port_name(service, *text)) continue;
      const auto at = path.child(name);
      report.at(at.child("port"), port,
                {text ? "is no name of a port of llama-server's container" : "is no port",
                 std::to_string(base::as_int(base::find(service.spec, "containerPort")).value_or(kServerPort))});
    }
  });
}

void probe_count(const Service& service, const Report& report) {
  for_each_probe(service, [&](const JsonValue& probe, std::string_view name, const FieldPath& path) {
    for (const auto field : kCounts) {
      const JsonValue* value = base::find(probe, field);
      const auto count = base::as_int(value).value_or(0);
      if (count < 0) report.at(path.child(field), value, {"must not be negative"});
      if (field == "successThreshold" && count > 1 && name != "readiness")
        report.at(path.child(field), value, {"must be 1: one answer is enough for this probe"});
    }
  });
}

void probe_readiness(const Service& service, const Report& report) {
  for_each_probe(service, [&](const JsonValue& probe, std::string_view name, const FieldPath& path) {
    if (name != "readiness") return;
    const JsonValue* get = object_in(probe, "httpGet");
    if (get == nullptr || base::as_int(base::find(*get, "port")) != kAgentPort) report.at(path, nullptr);
  });
}

void probe_field(const Service& service, const Report& report) {
  for_each_probe(service, [&](const JsonValue& probe, std::string_view name, const FieldPath& path) {
    judge_pod_field("Probe", probe, path, report);
    const JsonValue* grace = present(probe, "terminationGracePeriodSeconds");
    if (grace != nullptr && name == "readiness")
      report.at(path.child("terminationGracePeriodSeconds"), grace, {"ends no container here", "remove it"});
  });
}

}  // namespace rules::judge
