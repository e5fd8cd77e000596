# With no webhook in front, the CRD alone holds the union of models and modelRef, and the reconciler the other rules.
. "$(dirname "$0")/../lib/case.sh"

isvc() { printf 'apiVersion: inference.llmkube.dev/v1alpha1\nkind: InferenceService\nmetadata: {name: %s}\nspec: %s\n' "$1" "$2"; }
system() { kubectl -n "$SYSTEM" "$@"; }
webhook() { system get deploy -o name | grep webhook; }
replicas=$(system get "$(webhook)" -o jsonpath='{.spec.replicas}')
restore() {
  system scale "$(webhook)" --replicas="$replicas" >/dev/null; system rollout status "$(webhook)" --timeout=120s >/dev/null
  restore_configurations >/dev/null || _no "the chart installs again"
  within 120 "the webhook judges again" 'spec.models\[1\].name' sh -c "$(declare -f isvc); isvc a '{runtime: llamacpp-router, models: [{name: a}, {name: a}]}' | kubectl -n $NS create --dry-run=server -f -"
}
trap 'restore; exit $((FAILED != 0))' EXIT

system scale "$(webhook)" --replicas=0 >/dev/null
within 60 "the webhook is gone" '^$' system get pods -l app.kubernetes.io/component=webhook -o name
check "a valid service is refused, for the validating webhook fails closed" 'failed calling webhook' sh -c "$(declare -f isvc); isvc a '{runtime: llamacpp-router, models: [{name: a}]}' | kubectl -n $NS create -f -"

# the schema's rule is judged before the validating webhook is asked
denied "a router with modelRef" 'modelRef' <<<"$(isvc a '{runtime: llamacpp-router, modelRef: a, models: [{name: a}]}')"
denied "a router without models" 'models' <<<"$(isvc a '{runtime: llamacpp-router}')"
denied "a router with no model in models" 'models' <<<"$(isvc a '{runtime: llamacpp-router, models: []}')"
denied "a runtime of the future that ends in -router, with modelRef" 'modelRef' <<<"$(isvc a '{runtime: mlx-router, modelRef: a}')"
denied "the default runtime with models" 'models' <<<"$(isvc a '{models: [{name: a}]}')"
denied "the default runtime without modelRef" 'modelRef' <<<"$(isvc a '{}')"
denied "vllm with an empty modelRef" 'modelRef' <<<"$(isvc a '{runtime: vllm, modelRef: ""}')"
denied "vllm with models beside modelRef" 'models' <<<"$(isvc a '{runtime: vllm, modelRef: a, models: [{name: a}]}')"

# no configuration at all: the reconciler judges by the same rules
kubectl delete "${CONFIGURATIONS[@]}" >/dev/null
check "an object that only the webhook would refuse is stored" 'created' sh -c "$(declare -f isvc); isvc invalid '{runtime: llamacpp-router, models: [{name: a}], router: {preload: [nobody]}, extraArgs: [\"--port\", \"9\"]}' | kubectl -n $NS create -f -"
within 30 "its condition says Invalid" '"Invalid"' status invalid '.status.conditions[]? | select(.type == "Ready") | .reason'
check "with every mistake by path" 'spec.extraArgs\[0\].*spec.router.preload\[0\]|spec.router.preload\[0\].*spec.extraArgs\[0\]' status invalid '.status.conditions[] | select(.type == "Ready") | .message'
