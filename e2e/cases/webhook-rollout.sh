# An apply loop at 50 a second through a rolling update of the webhook and a change of its certificate: no apply fails.
. "$(dirname "$0")/../lib/case.sh"

system() { kubectl -n "$SYSTEM" "$@"; }
deploy=$(system get deploy -o name | grep webhook)
replicas=$(system get "$deploy" -o jsonpath='{.spec.replicas}')
trap 'system scale "$deploy" --replicas="$replicas" >/dev/null; exit $((FAILED != 0))' EXIT
serving() { openssl s_client -connect "$(system get service llmkube-router-webhook -o jsonpath='{.spec.clusterIP}'):443" </dev/null 2>/dev/null | openssl x509 -noout -fingerprint; }

system scale "$deploy" --replicas=2 >/dev/null; system rollout status "$deploy" --timeout=60s >/dev/null
before=$(serving); check "the webhook serves a certificate" Fingerprint echo "$before"
python3 "$E2E/lib/apply_loop.py" "$KUBECONFIG" "$NS" 40 50 >"$STATE/loop-$NS" 2>&1 & loop=$!
sleep 3
system rollout restart "$deploy" >/dev/null
check "rolled out under load" 'successfully rolled out' system rollout status "$deploy" --timeout=60s
# a certificate near its end is renewed: the Secret without its certificate counts as one
system patch secret llmkube-router-webhook-tls --type=json -p '[{"op": "remove", "path": "/data/tls.crt"}, {"op": "remove", "path": "/data/tls.key"}]' >/dev/null
renewed() { [ "$(serving)" != "$before" ] && serving; }
within 25 "a new certificate is served" Fingerprint renewed
wait $loop
check "no apply failed" '^[0-9]{4} applies, 0 failed' cat "$STATE/loop-$NS"
sed 's/^/          /' "$STATE/loop-$NS"
