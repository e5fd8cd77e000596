# certificates.mode=certManager, with cert-manager's own controllers and CA injector: issued, injected, renewed under load, and back to self.
# Wants cert-manager.
. "$(dirname "$0")/../lib/case.sh"
system() { kubectl -n "$SYSTEM" "$@"; }
SECRETS='llmkube-router-webhook-cert-manager llmkube-router-webhook-ca'
trap 'install >/dev/null 2>&1; kill "$OPERATOR"; kubectl delete -f "$(operator_folder cert-manager)/crds" --ignore-not-found >/dev/null
  system delete secret $SECRETS --ignore-not-found >/dev/null; exit $((FAILED != 0))' EXIT
serving() { openssl s_client -connect "$(system get service llmkube-router-webhook -o jsonpath='{.spec.clusterIP}'):443" </dev/null 2>/dev/null | openssl x509 -noout -fingerprint; }
secret() { system get secret "$1" -o jsonpath="{.data.${2/./\\.}}"; }    # NAME KEY
serves() { [ "$(secret "$1" tls.crt | base64 -d | openssl x509 -noout -fingerprint)" = "$(serving)" ] && echo "that of $1"; }    # SECRET
injected() { kubectl get "${CONFIGURATIONS[@]}" -o json | jq -r '.items[].webhooks[].clientConfig.caBundle'; }
trusted() { # SECRET KEY — is among the CAs of both configurations; the injector leaves those of before beside it until they end
  local bundle pem; pem=$(secret "$1" "$2" | base64 -d | tr -d '\n')
  for bundle in $(injected); do base64 -d <<<"$bundle" | tr -d '\n' | grep -qF -- "$pem" || return; done; echo "that of $1"; }
judges() { service good phi4-mini | accepted "an apply, $1"; service bad phi4-mini phi4-mini | denied "the webhook judges, $1" 'spec.models\[1\].name'; }

operator cert-manager
install --set certificates.mode=certManager >/dev/null || stop "the chart installs with cert-manager"
check "both Certificates are Ready" 'webhook condition met' system wait --for=condition=Ready --timeout=60s certificate/llmkube-router-webhook-ca certificate/llmkube-router-webhook
within 30 "the CA is in both configurations" "that of" trusted llmkube-router-webhook-cert-manager ca.crt
within 30 "the webhook serves its certificate" 'that of' serves llmkube-router-webhook-cert-manager
judges "with cert-manager's certificate"
check "the Secret of mode self is gone" 'NotFound' system get secret llmkube-router-webhook-tls

# renew CERTIFICATE — as `cmctl renew` does it
renew() { system patch certificate "$1" --subresource=status --type=json -p "[{\"op\": \"add\", \"path\": \"/status/conditions/-\", \"value\":
  {\"type\": \"Issuing\", \"status\": \"True\", \"reason\": \"ManuallyTriggered\", \"message\": \"by hand\", \"lastTransitionTime\": \"$(date -u +%FT%TZ)\"}}]"; }
# another WHAT BEFORE — waits until a certificate other than BEFORE is served. The kubelet takes a minute for the files of a Pod, unless the Pod changes.
another() {
  anew() { system annotate pods -l app.kubernetes.io/component=webhook --overwrite "nudge=$RANDOM" >/dev/null; [ "$(serving)" != "$1" ] && serving; }
  within 150 "$1" Fingerprint anew "$2"; }

python3 "$E2E/lib/apply_loop.py" "$KUBECONFIG" "$NS" 500 20 >"$STATE/loop-$NS" 2>&1 & loop=$!
before=$(serving) ca=$(secret llmkube-router-webhook-ca tls.crt) bundle=$(injected)
check "renewed by hand" patched renew llmkube-router-webhook
another "the renewed certificate is served" "$before"
unchanged "what the API server trusts stays" "$bundle" "$(injected)"
before=$(serving)
check "the Secret is deleted" deleted system delete secret llmkube-router-webhook-cert-manager
another "the one made in its place is served" "$before"
before=$(serving)
check "the CA is renewed" patched renew llmkube-router-webhook-ca
other_ca() { [ "$(secret llmkube-router-webhook-ca tls.crt)" = "$ca" ] || echo another; }
within 30 "the Secret holds another CA" another other_ca
check "and a certificate by it" patched renew llmkube-router-webhook
another "the certificate of the renewed CA is served" "$before"
within 30 "the renewed CA is in both configurations" "that of" trusted llmkube-router-webhook-ca tls.crt
kill -TERM $loop; wait $loop
check "no apply failed in three renewals" '^[0-9]{2,} applies, 0 failed' cat "$STATE/loop-$NS"
judges "after the renewals"

install >/dev/null || stop "the chart installs with its own certificate again"
within 60 "ours is served again" 'that of' serves llmkube-router-webhook-tls
within 30 "our CA is in both configurations" "that of" trusted llmkube-router-webhook-tls ca.crt
judges "with our own certificate again"
