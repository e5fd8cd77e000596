# Without the gate: policy Direct, and a service of one model, are answered by llama-server itself, through the Service.
# Beside others.
# On IPv6 too.
. "$(dirname "$0")/../lib/case.sh"

{ model phi4-mini; model llama3-1b
  service direct phi4-mini llama3-1b; echo '  router: {scheduling: {policy: Direct}}'
  printf -- '---\napiVersion: inference.llmkube.dev/v1alpha1\nkind: InferenceService\nmetadata: {name: single}\nspec: {runtime: llamacpp, modelRef: phi4-mini}\n'
} | apply >/dev/null
ready direct; ready single
equal "the Service leads to llama-server" http,8080 "$(k get service direct -o jsonpath='{.spec.ports[0].targetPort}'),$(k get pods -l inference.llmkube.dev/service=direct \
  -o jsonpath='{.items[0].spec.containers[0].ports[?(@.name=="http")].containerPort}')"
for m in phi4-mini llama3-1b; do answers direct "$m"; done
check "a service of one model answers" "phi4-mini" chat "$NS" single phi4-mini
family=$([ "$IP_FAMILY" = 6 ] && echo : || echo '^[0-9.]+$')
for object in pods service/direct service/single; do
  check "addresses of $object are of the cluster's family" "$family" k get "$object" -o 'jsonpath={.items[0].status.podIP}{.spec.clusterIP}'; done
