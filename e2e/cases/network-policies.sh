# networkPolicies.enabled, and the policies of docs/security.md and docs/air-gap.md in a namespace with services, enforced: what must work works,
# what must be shut is shut. Each thing that is shut was open a moment before, without the enforcer. The cluster's own network enforces nothing.
# Wants network-policies.
. "$(dirname "$0")/../lib/case.sh"
CLIENTS=$NS-clients MONITORING=$NS-monitoring OPERATOR=
trap 'install >/dev/null 2>&1; kubectl delete namespace "$CLIENTS" "$MONITORING" --wait=false --ignore-not-found >/dev/null
  [ -z "$OPERATOR" ] || kill "$OPERATOR"; exit $((FAILED != 0))' EXIT
address() { kubectl -n "$1" get pods -l "$2" --field-selector=status.phase=Running -o json | jq -r '[.items[] | select(.metadata.deletionTimestamp == null) | .status.podIP][0]'; }    # NAMESPACE SELECTOR

# inside ADDRESS COMMAND... — runs COMMAND in the network of the Pod that has ADDRESS; those images have no shell and no curl.
inside() {
  local network address=$1; shift
  for network in $(ip netns list | cut -d' ' -f1); do
    [ "$(ip -n "$network" -j address show eth0 | jq -r '.[0].addr_info[0].local')" != "$address" ] || { ip netns exec "$network" "$@"; return; }
  done
  echo "no network has $address"
}
# from ADDRESS URL — the HTTP status that a Pod gets for URL; 000 where it reaches nobody.
from() { inside "$1" curl -sk -o /dev/null -w '%{http_code}\n' --max-time 3 "$2"; }
client() { # NAMESPACE — a Pod that does nothing, and its address
  namespace "$1" >/dev/null
  kubectl -n "$1" run client --image=localhost/pause:1 --overrides='{"spec": {"securityContext": {"runAsNonRoot": true, "runAsUser": 1, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [{"name": "client", "image": "localhost/pause:1", "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}]}}' >/dev/null
  kubectl -n "$1" wait --for=condition=Ready pod/client --timeout=60s >/dev/null
  kubectl -n "$1" get pod client -o jsonpath='{.status.podIP}'
}
policies() { # the manifests of docs/security.md and docs/air-gap.md, with the name that Prometheus' namespace has here
  for page in security air-gap; do echo '---'; sed -n '/^apiVersion: networking/,/^```/{/^```/d; p}' "$REPO/docs/$page.md" | sed "s/\bmonitoring\b/$MONITORING/"; done; }

install --set networkPolicies.enabled=true --set "networkPolicies.scrapeFrom={$MONITORING}" >/dev/null || stop "the chart installs with NetworkPolicies"
client=$(client "$CLIENTS") prometheus=$(client "$MONITORING")
check "the policies of the docs are taken" "no-egress-for-inference created" apply < <(policies)
{ model phi4-mini; service before phi4-mini; } | apply >/dev/null
ready before
pods() { # sets the addresses of what is reached
  webhook=$(address "$SYSTEM" app.kubernetes.io/component=webhook) reconciler=$(address "$SYSTEM" app.kubernetes.io/component=reconciler)
  pod=$(address "$NS" "inference.llmkube.dev/service=$1"); }

# shut WHAT WANTED — what the policies forbid: each answers WANTED. All at once, as each waits for its answer.
shut() {
  local what=$1 wanted=$2 host answers answer pids=(); host=$(address model-host app=model-host); answers=$(mktemp -d)
  try() { from "$2" "$3" >"$answers/$1" & pids+=($!); }
  try "llama-server past the gate, from another namespace" "$client" "http://$pod:8080/v1/models"
  try "the agent, from another namespace" "$client" "http://$pod:8081/state"
  try "the webhook's metrics, from another namespace" "$client" "http://$webhook:8081/metrics"
  try "the reconciler's metrics, from another namespace" "$client" "http://$reconciler:8081/metrics"
  try "the file host, from a Pod that serves" "$pod" "http://$host:8080/healthz"
  try "the API server, from the webhook" "$webhook" "https://$SVCIP/version"
  try "the agent, from the webhook" "$webhook" "http://$pod:8081/state"
  try "a Pod that is none of ours, from the reconciler" "$reconciler" "http://$host:8080/healthz"
  wait "${pids[@]}"
  for answer in "$answers"/*; do check "$what: ${answer##*/}" "$wanted" cat "$answer"; done
  rm -r "$answers"
}
pods before
shut "open without an enforcer" '^[1-5][0-9][0-9]$'

operator network-policies enforcing
# Connections that stand are not judged: both start anew, with the policies in force.
kubectl -n "$SYSTEM" rollout restart deployment >/dev/null
for deployment in reconciler webhook; do
  check "the $deployment starts under the policies" 'successfully rolled out' kubectl -n "$SYSTEM" rollout status "deployment/llmkube-router-$deployment" --timeout=90s; done
service good phi4-mini | accepted "an apply"
service bad phi4-mini phi4-mini | denied "the webhook judges" 'spec.models\[1\].name'
{ model qwen3-7b-coder; service after phi4-mini qwen3-7b-coder; } | apply >/dev/null
ready after
answers after qwen3-7b-coder
within 60 "the agent's word reaches the status" '"qwen3-7b-coder"' status after '[.status.models[] | select(.loaded) | .name]'
pods after
{ model phi4-mini; service direct phi4-mini; printf '  containerPort: 9000\n  router: {scheduling: {policy: Direct}}\n'; } | kubectl -n "$CLIENTS" apply -f - >/dev/null
check "a service on a port of its own is Ready" 'condition met' kubectl -n "$CLIENTS" wait --for=condition=Ready isvc/direct --timeout=120s
check "and the reconciler reaches it there" '^200$' from "$reconciler" "http://$(address "$CLIENTS" inference.llmkube.dev/service=direct):9000/health"
check "a client in another namespace asks through the Service" '^200$' from "$client" "$(service_url "$NS" after)/v1/models"
for each in "the webhook's|$webhook" "the reconciler's|$reconciler" "the agent's|$pod"; do
  check "${each%|*} metrics, from where Prometheus is" '^200$' from "$prometheus" "http://${each#*|}:8081/metrics"; done
check "the API server, from the reconciler" '^[24]0[0-9]$' from "$reconciler" "https://$SVCIP/version"
shut "shut with an enforcer" '^000$'

kill "$OPERATOR"; wait "$OPERATOR"; OPERATOR=
shut "open again without it" '^[1-5][0-9][0-9]$'
