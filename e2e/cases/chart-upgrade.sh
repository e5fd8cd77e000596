# From the chart before (e2e/chart-before) to today's, with live services: no Pod of theirs restarts, no apply fails, the CRDs come along.
# Then uninstalled: CRDs, objects, Pods and caches are left.
. "$(dirname "$0")/../lib/case.sh"
trap 'install >/dev/null 2>&1; exit $((FAILED != 0))' EXIT
runs() { kubectl -n "$SYSTEM" get pods -l "app.kubernetes.io/component=$1" --field-selector=status.phase=Running -o 'jsonpath={.items[*].spec.containers[*].image}'; }
chart() { helm -n "$SYSTEM" list -o json | jq -r '.[].chart'; }
scheduling() { kubectl explain isvc.spec.router.scheduling; }
fields() { kubectl get crd inferenceservices.inference.llmkube.dev models.inference.llmkube.dev -o json | jq -S '[.items[].spec.versions]'; }

ctr -n k8s.io images tag --force localhost/llmkube-router:e2e localhost/llmkube-router:e2e-before >/dev/null
today=$(fields)
helm uninstall llmkube-router --namespace "$SYSTEM" --wait >/dev/null
kubectl delete crd inferenceservices.inference.llmkube.dev models.inference.llmkube.dev >/dev/null
if ! out=$(CHART=$(echo "$E2E"/chart-before/*.tgz) install --set image.tag=e2e-before 2>&1); then stop "the chart before installs" "$out"; fi
within 30 "the CRD is the one before" 'field "scheduling" does not exist' scheduling
{ model phi4-mini; model qwen3-7b-coder; model gemma3-4b-summarizer
  service steady phi4-mini qwen3-7b-coder; service other gemma3-4b-summarizer; echo '  router: {preload: [gemma3-4b-summarizer]}'; } | apply >/dev/null
ready steady
ready other
pods_of_all() { pod_identity steady; pod_identity other; }
before=$(pods_of_all)

python3 "$E2E/lib/apply_loop.py" "$KUBECONFIG" "$NS" 300 10 >"$STATE/loop-$NS" 2>&1 & loop=$!
sleep 2    # some applies before it begins
check "helm upgrade" 'STATUS: deployed' install --set webhook.replicas=2
check "the new chart is in" "^llmkube-router-$(sed -n 's/^version: //p' "$CHART/Chart.yaml")$" chart
within 30 "the new image runs" '^localhost/llmkube-router:e2e$' runs reconciler
within 60 "the webhook's two Pods run it" '^localhost/llmkube-router:e2e localhost/llmkube-router:e2e$' runs webhook
k patch isvc steady --type=json -p '[{"op": "add", "path": "/spec/models/1/aliases", "value": ["coder"]}]' >/dev/null
within 60 "the new reconciler works" '"model":"qwen3-7b-coder"' chat "$NS" steady coder
kill -TERM $loop; wait $loop
check "no apply failed" '^[0-9]{2,} applies, 0 failed' cat "$STATE/loop-$NS"
unchanged "no Pod of a service restarted" "$before" "$(pods_of_all)"
within 60 "the CRDs came along" 'FIELDS:' scheduling
unchanged "they are today's, both" "$today" "$(fields)"
check "a new field is taken" 'serverside-applied' k apply --server-side --field-manager=case --validate=strict -f - <<'Y'
apiVersion: inference.llmkube.dev/v1alpha1
kind: InferenceService
metadata: {name: other}
spec: {router: {scheduling: {maxTurnSeconds: 20}}}
Y
answers other gemma3-4b-summarizer
ready other

objects() { k get isvc,mdl -o json | jq -S '[.items[] | {(.metadata.name): .spec}]'; }
before=$(objects)
before_pods=$(pods_of_all)
check "there are objects" 'phi4-mini.gguf' echo "$before"
check "uninstall" 'uninstalled' helm uninstall llmkube-router --namespace "$SYSTEM" --wait
unchanged "the objects are left" "$before" "$(objects)"
unchanged "the CRDs are left" "$today" "$(fields)"
unchanged "the Pods are left" "$before_pods" "$(pods_of_all)"
check "the cache is left" 'llmkube-model-cache .*Bound' k get pvc
answers steady phi4-mini
