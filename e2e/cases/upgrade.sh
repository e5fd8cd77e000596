# From one image to the next: no Pod of a service restarts, no apply fails; and back again.
. "$(dirname "$0")/../lib/case.sh"

trap 'install >/dev/null 2>&1; exit $((FAILED != 0))' EXIT
{ model phi4-mini; model qwen3-7b-coder; service steady phi4-mini qwen3-7b-coder; } | apply >/dev/null
ready steady
before=$(pod_identity steady)
ctr -n k8s.io images tag --force localhost/llmkube-router:e2e localhost/llmkube-router:e2e-next >/dev/null
python3 "$E2E/lib/apply_loop.py" "$KUBECONFIG" "$NS" 25 10 >"$STATE/loop-$NS" 2>&1 & loop=$!
check "helm upgrade" 'STATUS: deployed' install --set image.tag=e2e-next --set webhook.replicas=2
check "the new image runs" 'llmkube-router:e2e-next' kubectl -n "$SYSTEM" get pods -l app.kubernetes.io/component=reconciler -o 'jsonpath={.items[*].spec.containers[*].image}'
wait $loop
check "no apply failed" '^[0-9]+ applies, 0 failed' cat "$STATE/loop-$NS"
k patch isvc steady --type=json -p '[{"op": "add", "path": "/spec/models/1/aliases", "value": ["coder"]}]' >/dev/null
within 30 "the new reconciler works" '"model":"qwen3-7b-coder"' chat "$NS" steady coder
equal "no Pod of the service restarted" "$before" "$(pod_identity steady)"
