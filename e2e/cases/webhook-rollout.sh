# An apply loop at 50 a second through a rolling update of the webhook and a change of its certificate: no apply fails.
. "$(dirname "$0")/../lib/case.sh"

system() { kubectl -n "$SYSTEM" "$@"; }
deploy=$(system get deploy -o name | grep webhook)
replicas=$(system get "$deploy" -o jsonpath='{.spec.replicas}')
trap 'system scale "$deploy" --replicas="$replicas" >/dev/null; exit $((FAILED != 0))' EXIT
serving() { openssl s_client -connect "$(system get service llmkube-router-webhook -o jsonpath='{.spec.clusterIP}'):443" </dev/null 2>/dev/null | openssl x509 -noout -fingerprint; }

system scale "$deploy" --replicas=2 >/dev/null; system rollout status "$deploy" --timeout=60s >/dev/null
before=$(serving); check "the webhook serves a certificate" Fingerprint echo "$before"
loop() { python3 "$E2E/lib/apply_loop.py" "$KUBECONFIG" "$NS" "$1" "$2" >"$STATE/loop-$NS" 2>&1 & loop=$!; }
ended() { wait $loop; check "$1" '^[0-9]+ applies, 0 failed' cat "$STATE/loop-$NS"; sed 's/^/          /' "$STATE/loop-$NS" | grep .; }

loop 30 50
sleep 3
system rollout restart "$deploy" >/dev/null
check "rolled out under load" 'successfully rolled out' system rollout status "$deploy" --timeout=120s
ended "no apply failed in the rolling update"

# A certificate that cannot serve is replaced; meanwhile the webhook goes on with the one it has. The reconciler looks once a minute, and
# the kubelet takes another for the files of a Pod, unless the Pod changes.
loop 300 20
check "the Secret holds no certificate any more" 'patched' system patch secret llmkube-router-webhook-tls --type=merge -p '{"data": {"tls.crt": "bm9uZQ==", "tls.key": "bm9uZQ=="}}'
renewed() {
  system annotate pods -l app.kubernetes.io/component=webhook --overwrite "nudge=$RANDOM" >/dev/null
  [ "$(serving)" != "$before" ] && serving; }
within 200 "a new certificate is served" Fingerprint renewed
kill -TERM $loop
ended "no apply failed in the change of the certificate"
