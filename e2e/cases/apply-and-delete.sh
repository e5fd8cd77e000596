# Strict validation by client-side and by server-side apply, and nothing is left after deletion but the shared claim.
# Beside others.
. "$(dirname "$0")/../lib/case.sh"

{ model phi4-mini; model qwen3-7b-coder; model gemma3-4b-summarizer; } | apply --validate=strict >/dev/null
check "server-side apply, strict" 'serverside-applied' k apply --server-side --validate=strict -f "$REPO/examples/edge-multi-model.yaml"
ready edge-multi-model
check "a second server-side apply changes nothing" "^$(k get isvc edge-multi-model -o jsonpath='{.metadata.generation}')\$" \
  sh -c "kubectl -n $NS apply --server-side --validate=strict -f $REPO/examples/edge-multi-model.yaml >/dev/null && kubectl -n $NS get isvc edge-multi-model -o jsonpath='{.metadata.generation}'"
k delete isvc edge-multi-model --wait >/dev/null; k delete mdl --all --wait >/dev/null
left() { k get deploy,rs,svc,cm,pods,jobs,hpa,isvc,mdl,pvc -o name 2>/dev/null | grep -v configmap/kube-root-ca.crt | tr '\n' ' '; }
within 75 "nothing is left but the shared claim" '^persistentvolumeclaim/llmkube-model-cache $' left
check "client-side apply, strict, under the same name" 'created' k apply --validate=strict -f "$REPO/examples/edge-multi-model.yaml"
{ model phi4-mini; model qwen3-7b-coder; model gemma3-4b-summarizer; } | apply --validate=strict >/dev/null
ready edge-multi-model
check "the cache served: no byte was fetched again" 'bytesFetched..:0}' k get jobs -l inference.llmkube.dev/model=phi4-mini -o 'jsonpath={.items[0].metadata.annotations}'
answers edge-multi-model qwen3-7b-coder
