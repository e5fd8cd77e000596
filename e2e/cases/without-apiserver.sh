# The API server killed and started again: requests flow meanwhile, and the reconciler goes on with no Pod restart. The last case by name:
# Kubernetes' own controllers were once seen to need more than a minute to make a Pod after it.
. "$(dirname "$0")/../lib/case.sh"

{ model phi4-mini; model qwen3-7b-coder; service steady phi4-mini qwen3-7b-coder; } | apply >/dev/null
ready steady
before=$(pod_identity steady); url=$(service_url "$NS" steady)
ask() { curl -sS --max-time 30 "$url/v1/chat/completions" -d "{\"model\": \"$1\", \"max_tokens\": 4, \"messages\": [{\"role\": \"user\", \"content\": \"?\"}]}"; }
pid=$(cat "$STATE/run/apiserver.pid")
mapfile -d '' -t command <"/proc/$pid/cmdline"
kill -9 "$pid"
check "requests flow without an API server" '"model":"qwen3-7b-coder"' ask qwen3-7b-coder
sleep 5
check "and swap" '"model":"phi4-mini"' ask phi4-mini
setsid "${command[@]}" >>"$STATE/log/apiserver.log" 2>&1 </dev/null & echo $! >"$STATE/run/apiserver.pid"
within 30 "the API server is back" ok kubectl get --raw /readyz
within 60 "the reconciler is ready" '^1$' sh -c "kubectl -n $SYSTEM get deploy llmkube-router-reconciler -o jsonpath='{.status.readyReplicas}'"
k patch isvc steady --type=json -p '[{"op": "add", "path": "/spec/models/1/aliases", "value": ["coder"]}]' >/dev/null
within 60 "a change is served" '"model":"qwen3-7b-coder"' chat "$NS" steady coder
equal "no Pod restarted" "$before" "$(pod_identity steady)"
