#include "common/rules/pod_fields.hpp"

#include "test/catch.hpp"

namespace {

/// The places at which a value of a type is refused.
std::vector<std::string> refused(std::string_view type, const std::string& text) {
  const auto value = base::parse_json(text, "test");
  REQUIRE(value);
  std::vector<rules::Finding> findings;
  rules::Report report(findings);
  report.rule = &rules::rule("affinity");
  const kube::FieldPath root;
  rules::judge_pod_field(type, *value, root.child("x"), report);
  std::vector<std::string> out;
  for (const auto& finding : findings) out.push_back(finding.path);
  return out;
}

using Paths = std::vector<std::string>;

}  // namespace

TEST_CASE("what Kubernetes takes passes") {
  const auto [type, text] = GENERATE(table<const char*, const char*>({
      {"Affinity", R"({"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[
         {"matchExpressions":[{"key":"a.b/gpu","operator":"In","values":["a10",""]},{"key":"n","operator":"Gt","values":["-3"]},
                              {"key":"n","operator":"Exists"}],
          "matchFields":[{"key":"metadata.name","operator":"In","values":["node-1"]}]}]}}})"},
      {"Affinity",
       R"({"podAntiAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":[{"weight":100,"podAffinityTerm":
         {"topologyKey":"zone","labelSelector":{"matchLabels":{"a":"b"}},"matchLabelKeys":["c"]}}]}})"},
      {"TopologySpreadConstraint",
       R"({"maxSkew":1,"topologyKey":"zone","whenUnsatisfiable":"DoNotSchedule","minDomains":2})"},
      {"TopologySpreadConstraint",
       R"({"maxSkew":1,"topologyKey":"z","whenUnsatisfiable":"DoNotSchedule","matchLabelKeys":["pod-template-hash"]})"},
      {"EnvVarSource", R"({"fieldRef":{"fieldPath":"metadata.labels['a.b/c']"}})"},
      {"EnvVarSource", R"({"fieldRef":{"fieldPath":"metadata.annotations['Foo.io/x']"}})"},
      {"EnvVarSource", R"({"resourceFieldRef":{"resource":"requests.hugepages-2Mi"}})"},
      {"EnvVarSource", R"({"resourceFieldRef":{"resource":"limits.cpu","divisor":"1000m"}})"},
      {"EnvVarSource", R"({"resourceFieldRef":{"resource":"limits.memory","divisor":"1024Ki"}})"},
      {"EnvVarSource", R"({"resourceFieldRef":{"resource":"limits.memory","divisor":0}})"},
      {"HostPathVolumeSource", R"({"path":"/a","type":""})"},
      {"PodSecurityContext", R"({"fsGroup":0,"supplementalGroups":[7],"sysctls":[{"name":"net.core.x","value":"1"}]})"},
      {"SecurityContext", R"({"seccompProfile":{"type":"Localhost","localhostProfile":"p/a.json"}})"},
      {"Volume", R"({"name":"a","projected":{"sources":[]}})"},
      {"Volume", R"({"name":"a","projected":{"sources":[{"serviceAccountToken":{"path":"t","expirationSeconds":600}},
         {"secret":{"name":"s","items":[{"key":"k","path":"a/b"}]},"configMap":null},{"downwardAPI":{}}]}})"},
      {"Volume", R"({"name":"a","downwardAPI":{"items":[{"path":"l","fieldRef":{"fieldPath":"metadata.labels"}},
         {"path":"a","fieldRef":{"fieldPath":"metadata.annotations['Foo.io/x']"}},
         {"path":"m","resourceFieldRef":{"containerName":"llama-server","resource":"limits.memory"}}]}})"},
      {"Volume", R"({"name":"a","emptyDir":{"sizeLimit":0}})"},
      {"Volume", R"({"name":"a","emptyDir":{"sizeLimit":"1Gi","medium":"Memory"}})"},
      {"Volume", R"({"name":"a","flexVolume":{"driver":"whatever"}})"},
      {"NoSuchType", R"({"a":1})"},
      {"Affinity", "7"},
  }));
  CAPTURE(type, text);
  CHECK(refused(type, text).empty());
}

TEST_CASE("what Kubernetes refuses is named") {
  const auto [type, text, where] = GENERATE(table<const char*, const char*, const char*>({
      {"NodeSelector", R"({"nodeSelectorTerms":[]})", "x.nodeSelectorTerms"},
      {"NodeSelectorRequirement", R"({"key":"a","operator":"In"})", "x.values"},
      {"NodeSelectorRequirement", R"({"key":"a","operator":"Exists","values":["b"]})", "x.values"},
      {"NodeSelectorRequirement", R"({"key":"a","operator":"Gt","values":["1","2"]})", "x.values"},
      {"NodeSelectorRequirement", R"({"key":"a","operator":"Lt","values":["1.5"]})", "x.values[0]"},
      {"NodeSelectorRequirement", R"({"key":"a b","operator":"Exists"})", "x.key"},
      {"NodeSelectorRequirement", R"({"key":"a","operator":"in","values":["b"]})", "x.operator"},
      {"NodeFieldRequirement", R"({"key":"metadata.uid","operator":"In","values":["b"]})", "x.key"},
      {"LabelSelectorRequirement", R"({"key":"a","operator":"Gt","values":["1"]})", "x.operator"},
      {"LabelSelector", R"({"matchLabels":{"a":"b c"}})", "x.matchLabels[a]"},
      {"PreferredSchedulingTerm", R"({"weight":101,"preference":{}})", "x.weight"},
      {"PodAffinityTerm", R"({"topologyKey":""})", "x.topologyKey"},
      {"PodAffinityTerm", R"({"topologyKey":"z","matchLabelKeys":["a"]})", "x.matchLabelKeys"},
      {"PodAffinityTerm", R"({"topologyKey":"z","labelSelector":{"matchLabels":{"a":"b"}},"matchLabelKeys":["a"]})",
       "x.matchLabelKeys[0]"},
      {"TopologySpreadConstraint",
       R"({"maxSkew":1,"topologyKey":"z","whenUnsatisfiable":"ScheduleAnyway","minDomains":2})", "x.minDomains"},
      {"TopologySpreadConstraint",
       R"({"maxSkew":1,"topologyKey":"z","whenUnsatisfiable":"ScheduleAnyway","matchLabelKeys":["app"]})",
       "x.matchLabelKeys[0]"},
      {"TopologySpreadConstraint", R"({"maxSkew":0,"topologyKey":"z","whenUnsatisfiable":"ScheduleAnyway"})",
       "x.maxSkew"},
      {"EnvVarSource", R"({"fieldRef":{"fieldPath":"spec.x"}})", "x.fieldRef.fieldPath"},
      {"EnvVarSource", R"({"fieldRef":{"fieldPath":"metadata.labels['Foo.io/x']"}})", "x.fieldRef.fieldPath"},
      {"EnvVarSource", R"({"configMapKeyRef":{"name":"A","key":"k"}})", "x.configMapKeyRef.name"},
      {"Probe", R"({"exec":{}})", "x.exec.command"},
      {"Probe", R"({"grpc":{"port":0}})", "x.grpc.port"},
      {"Probe", R"({"httpGet":{"port":1,"scheme":"http"}})", "x.httpGet.scheme"},
      {"SecurityContext", R"({"runAsUser":-1})", "x.runAsUser"},
      {"SecurityContext", R"({"appArmorProfile":{"type":"Unconfined","localhostProfile":"a"}})",
       "x.appArmorProfile.localhostProfile"},
      {"SecurityContext", R"({"windowsOptions":{"hostProcess":true}})", "x.windowsOptions.hostProcess"},
      {"PodSecurityContext", R"({"supplementalGroups":[0,-1]})", "x.supplementalGroups[1]"},
      {"PodSecurityContext", R"({"sysctls":[{"name":"a.b","value":"1"},{"name":"a.b","value":"2"}]})",
       "x.sysctls[1].name"},
      {"Volume", R"({"emptyDir":{}})", "x.name"},
      {"Volume", R"({"name":"a.b"})", "x.name"},
      {"Volume", R"({"name":"a","hostPath":{"path":"/a/../b"}})", "x.hostPath.path"},
      {"Volume", R"({"name":"a","secret":{"secretName":"s","items":[{"key":"k","path":"/k"}]}})",
       "x.secret.items[0].path"},
      {"Volume", R"({"name":"a","secret":{"secretName":"s","items":[{"key":"k","path":"..k"}]}})",
       "x.secret.items[0].path"},
      {"Volume", R"({"name":"a","emptyDir":{"sizeLimit":"-1Gi"}})", "x.emptyDir.sizeLimit"},
      {"Volume", R"({"name":"a","emptyDir":{"sizeLimit":-1}})", "x.emptyDir.sizeLimit"},
      {"VolumeProjection", R"({"serviceAccountToken":{"path":"t","expirationSeconds":599}})",
       "x.serviceAccountToken.expirationSeconds"},
      {"VolumeProjection", R"({"serviceAccountToken":{"path":"../t"}})", "x.serviceAccountToken.path"},
      {"VolumeProjection", R"({"serviceAccountToken":{"path":"t"},"secret":{"name":"s"}})", "x"},
      {"VolumeProjection", R"({"configMap":{}})", "x.configMap.name"},
      {"ProjectedVolumeSource", R"({"sources":[{"secret":{"name":"s","items":[{"key":"k","path":"/k"}]}}]})",
       "x.sources[0].secret.items[0].path"},
      {"DownwardAPIVolumeSource", R"({"items":[{"path":"a"}]})", "x.items[0]"},
      {"DownwardAPIVolumeFile",
       R"({"path":"a","fieldRef":{"fieldPath":"metadata.name"},
           "resourceFieldRef":{"containerName":"c","resource":"limits.cpu"}})",
       "x"},
      {"DownwardAPIVolumeFile", R"({"path":"a","fieldRef":{"fieldPath":"status.podIP"}})", "x.fieldRef.fieldPath"},
      {"DownwardAPIVolumeFile", R"({"path":"a","resourceFieldRef":{"resource":"limits.cpu"}})",
       "x.resourceFieldRef.containerName"},
      {"DownwardAPIVolumeFile",
       R"({"path":"a","resourceFieldRef":{"containerName":"c","resource":"limits.memory","divisor":"1m"}})",
       "x.resourceFieldRef.divisor"},
      {"EnvVarSource", R"({"resourceFieldRef":{"resource":"limits.cpu","divisor":"1Gi"}})",
       "x.resourceFieldRef.divisor"},
      {"EnvVarSource", R"({"resourceFieldRef":{"resource":"limits.memory","divisor":1024}})",
       "x.resourceFieldRef.divisor"},
      {"TopologySpreadConstraint",
       R"({"maxSkew":1,"topologyKey":"z","whenUnsatisfiable":"DoNotSchedule","nodeAffinityPolicy":""})",
       "x.nodeAffinityPolicy"},
      {"SecurityContext", R"({"procMount":""})", "x.procMount"},
      {"PodSecurityContext", R"({"fsGroupChangePolicy":""})", "x.fsGroupChangePolicy"},
      {"VolumeMount", R"({"name":"a","mountPath":"/a","mountPropagation":""})", "x.mountPropagation"},
      {"VolumeMount", R"({"name":"a","mountPath":"/a:b"})", "x.mountPath"},
      {"VolumeMount", R"({"name":"a","mountPath":"/a","recursiveReadOnly":"Enabled"})", "x.recursiveReadOnly"},
      {"VolumeMount", R"({"name":"a","mountPath":"/a","subPath":"b","subPathExpr":"c"})", "x.subPathExpr"},
  }));
  CAPTURE(type, text);
  CHECK(refused(type, text) == Paths{where});
}
