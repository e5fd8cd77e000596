# Beside an LLMKube operator: its ServiceAccount cannot write the status of our services; single-model services and Models are its own.
. "$(dirname "$0")/../lib/case.sh"
trap 'kubectl delete clusterrolebinding stand-in-for-llmkube --ignore-not-found >/dev/null; install >/dev/null 2>&1; exit $((FAILED != 0))' EXIT
llmkube() { kubectl --as=system:serviceaccount:llmkube-system:llmkube-controller-manager -n "$NS" "$@"; }

install --set besideLLMKube.enabled=true >/dev/null || stop "the chart installs"
kubectl create clusterrolebinding stand-in-for-llmkube --clusterrole=cluster-admin \
  --serviceaccount=llmkube-system:llmkube-controller-manager >/dev/null
{ model phi4-mini; service ours phi4-mini; } | apply >/dev/null
ready ours
answers ours phi4-mini
check "LLMKube's write of our status is refused, with the reason" 'belongs to llmkube-router' \
  llmkube patch isvc ours --subresource=status --type=merge -p '{"status": {"phase": "Failed"}}'
check "a write that changes nothing passes" 'no change|patched' \
  llmkube patch isvc ours --subresource=status --type=merge -p '{"status": {"phase": "Ready"}}'
check "other writes of LLMKube pass" 'labeled' llmkube label isvc ours seen-by=llmkube
equal "our status stands" '"Ready"' "$(status ours .status.phase)"

apply >/dev/null <<'Y'
apiVersion: inference.llmkube.dev/v1alpha1
kind: InferenceService
metadata: {name: theirs}
spec: {runtime: llamacpp, modelRef: phi4-mini}
Y
check "LLMKube writes the status of its own service" 'patched' \
  llmkube patch isvc theirs --subresource=status --type=merge -p '{"status": {"phase": "Creating"}}'
check "LLMKube writes the status of a Model" 'patched' \
  llmkube patch mdl phi4-mini --subresource=status --type=merge -p '{"status": {"phase": "Ready", "cacheKey": "written-by-llmkube"}}'
sleep 5
equal "we leave the Model's status alone" '"written-by-llmkube"' "$(k get mdl phi4-mini -o json | jq .status.cacheKey)"
equal "we leave the single-model service alone" '"Creating"' "$(status theirs .status.phase)"
check "and make nothing for it" 'NotFound|not found' k get deployment theirs
