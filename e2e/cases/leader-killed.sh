# The leader killed: the other replica takes over within the lease's time. The leader told to end: it hands over at once.
. "$(dirname "$0")/../lib/case.sh"

system() { kubectl -n "$SYSTEM" "$@"; }
deploy=$(system get deploy -o name | grep reconciler)
replicas=$(system get "$deploy" -o jsonpath='{.spec.replicas}')
trap 'system scale "$deploy" --replicas="$replicas" >/dev/null; system rollout status "$deploy" --timeout=60s >/dev/null; exit $((FAILED != 0))' EXIT
holder() { system get lease llmkube-router -o jsonpath='{.spec.holderIdentity}'; }
leader() { local h; h=$(holder); system get pods -l app.kubernetes.io/component=reconciler -o name | sed 's#pod/##' | while read -r p; do case $h in "$p"*) echo "$p" ;; esac; done; }
taken_over() { local h; h=$(holder); [ -n "$h" ] && [ "$h" != "$1" ] && echo taken; }
since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'; }

model phi4-mini | apply >/dev/null
system scale "$deploy" --replicas=2 >/dev/null; system rollout status "$deploy" --timeout=60s >/dev/null
first=$(leader); old=$(holder); check "a Pod leads" . echo "$first"
service one phi4-mini | apply >/dev/null; ready one
before=$(pod_identity one); began=$EPOCHREALTIME
kill -9 "$(pgrep -f '^/usr/bin/reconciler ' | while read -r p; do tr '\0' '\n' <"/proc/$p/environ" | grep -qx "HOSTNAME=$first" && echo "$p"; done)"
within 40 "after kill -9 another takes over" taken taken_over "$old"
printf '          %s s without a leader\n' "$(since "$began")"
service two phi4-mini | apply >/dev/null; ready two
within 60 "both replicas are ready" '^2$' system get "$deploy" -o jsonpath='{.status.readyReplicas}'
second=$(leader); old=$(holder); began=$EPOCHREALTIME
system delete pod "$second" --wait=false >/dev/null
within 10 "after SIGTERM another takes over" taken taken_over "$old"
printf '          %s s without a leader\n' "$(since "$began")"
service three phi4-mini | apply >/dev/null; ready three
equal "no Pod restarted" "$before" "$(pod_identity one)"
