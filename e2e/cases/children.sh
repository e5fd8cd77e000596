# What is made of a service follows its spec: suspend, replicas 0, a node port, an autoscaler that comes and goes. Edits come back, what is
# added stays, and a field that another manager applied is left to it, with its name.
# Beside others.
. "$(dirname "$0")/../lib/case.sh"

{ model phi4-mini; service shape phi4-mini; } | apply >/dev/null
ready shape
check "kubectl rollout status agrees" 'successfully rolled out' k rollout status deploy/shape --timeout=60s
patch() { k patch isvc shape --type=merge -p "{\"spec\": $1}" >/dev/null; }
condition() { status shape ".status.conditions[] | select(.type == \"$1\") | [.status, .reason, .message] | join(\" \")"; }

patch '{"suspend": true}'
within 30 "suspended" '"Suspended"' status shape .status.phase
equal "with no name" '' "$(advertised shape)"
within 75 "and no Pod" '^$' pods "$NS" shape
patch '{"suspend": false, "replicas": 0}'
within 30 "replicas 0 is Stopped" '"Stopped"' status shape .status.phase
patch '{"replicas": 1}'
ready shape
answers shape phi4-mini

patch '{"endpoint": {"type": "NodePort"}}'
within 20 "a node port" '^NodePort [0-9]+$' k get svc shape -o jsonpath='{.spec.type} {.spec.ports[0].nodePort}'
patch '{"endpoint": {"type": "ClusterIP"}}'
within 20 "and none" '^ClusterIP $' k get svc shape -o jsonpath='{.spec.type} {.spec.ports[0].nodePort}'
patch '{"autoscaling": {"maxReplicas": 2}}'
within 20 "an autoscaler" '^1 2$' k get hpa shape -o jsonpath='{.spec.minReplicas} {.spec.maxReplicas}'
patch '{"autoscaling": null}'
within 20 "and none" 'NotFound' k get hpa shape
equal "its replicas are the spec's again" 1 "$(k get deploy shape -o jsonpath='{.spec.replicas}')"

k annotate deploy shape added=by-hand >/dev/null
k scale deploy shape --replicas=2 >/dev/null
within 20 "an edit comes back" '^1$' k get deploy shape -o jsonpath='{.spec.replicas}'
equal "what is added stays" by-hand "$(k get deploy shape -o jsonpath='{.metadata.annotations.added}')"

theirs() { printf 'apiVersion: v1\nkind: Service\nmetadata: {name: shape, namespace: %s}\nspec: {%s}\n' "$NS" "$1" | kubectl apply --server-side --force-conflicts --field-manager=gitops -f - >/dev/null; }
theirs 'type: NodePort'
within 20 "a field of another manager is a Conflict, with its name" 'True Conflict .*gitops.*spec.type' condition Degraded
version=$(k get svc shape -o jsonpath='{.metadata.resourceVersion}')
sleep 8
equal "and is not fought over" "$version NodePort" "$(k get svc shape -o jsonpath='{.metadata.resourceVersion} {.spec.type}')"
answers shape phi4-mini
theirs ''
within 20 "given up, it is ours again" '^ClusterIP$' k get svc shape -o jsonpath='{.spec.type}'
within 20 "and the Conflict over" 'False AsExpected' condition Degraded
ready shape
