# The reconciler dead: traffic flows. Back again: no Pod restarts, no needless write.
. "$(dirname "$0")/../lib/case.sh"

system() { kubectl -n "$SYSTEM" "$@"; }
reconciler() { system get deploy -o name | grep reconciler; }
versions() { k get deploy,svc,cm,jobs,pods,pvc,isvc,mdl -o json | jq -c '.items[] | "\(.kind)/\(.metadata.name) \(.metadata.resourceVersion)"'; }
replicas=$(system get "$(reconciler)" -o jsonpath='{.spec.replicas}')
trap 'system scale "$(reconciler)" --replicas="$replicas" >/dev/null; system rollout status "$(reconciler)" --timeout=60s >/dev/null; exit $((FAILED != 0))' EXIT

{ model phi4-mini; model qwen3-7b-coder; service steady phi4-mini qwen3-7b-coder; } | apply >/dev/null
ready steady
answers steady phi4-mini
# all that is to be written is: that each Job is done (the Job controller counts its Pods seconds later), and which model is resident
recorded() { k get jobs -o json | jq -r '[.items[].metadata.annotations["inference.llmkube.dev/fetched"] != null] | join(" ")'; }
within 40 "what each Job fetched is kept with it" '^true true$' recorded
within 40 "the status says which model is resident" '^"true false"$' status steady '.status.models | map(.loaded | tostring) | join(" ")'
before=$(pod_identity steady)
system scale "$(reconciler)" --replicas=0 >/dev/null
within 60 "the reconciler is gone" '^$' system get pods -l app.kubernetes.io/component=reconciler -o name
answers steady qwen3-7b-coder
answers steady phi4-mini
quiet=$(still 12 versions)    # samples of status are written at most every 10 s
system scale "$(reconciler)" --replicas="$replicas" >/dev/null
system rollout status "$(reconciler)" --timeout=60s >/dev/null
within 30 "it leads again" '200' sh -c "curl -s -o /dev/null -w '%{http_code}' http://\$(kubectl -n $SYSTEM get pods -l app.kubernetes.io/component=reconciler -o jsonpath='{.items[0].status.podIP}'):8081/readyz"
sleep 12
equal "no Pod restarted" "$before" "$(pod_identity steady)"
unchanged "no object was written" "$quiet" "$(versions)"
k patch isvc steady --type=json -p '[{"op": "add", "path": "/spec/models/1/aliases", "value": ["coder"]}]' >/dev/null
within 30 "it works: a new alias is served" '"model":"qwen3-7b-coder"' chat "$NS" steady coder
equal "in the same Pod" "$before" "$(pod_identity steady)"

# an edit that was made while no reconciler was there comes back; an upgrade's restart is such a while
system scale "$(reconciler)" --replicas=0 >/dev/null
within 60 "the reconciler is gone again" '^$' system get pods -l app.kubernetes.io/component=reconciler -o name
k patch cm steady-models --type=merge -p '{"data": {"agent.json": "{}"}}' >/dev/null
system scale "$(reconciler)" --replicas="$replicas" >/dev/null
within 60 "an edit of that time comes back" 'scheduling' k get cm steady-models -o jsonpath='{.data.agent\.json}'
within 30 "and is no Conflict" '"AsExpected"' status steady '.status.conditions[] | select(.type == "Degraded") | .reason'
