# certificates.mode=secret: the admin's own CA and certificate; the reconciler keeps its hands off, and back again.
. "$(dirname "$0")/../lib/case.sh"
system() { kubectl -n "$SYSTEM" "$@"; }
trap 'system delete secret my-certificate --ignore-not-found >/dev/null; install >/dev/null 2>&1; rm -rf "$made"; exit $((FAILED != 0))' EXIT
made=$(mktemp -d) name=llmkube-router-webhook.$SYSTEM.svc
ec() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "$@" 2>/dev/null; }
ec -x509 -subj /CN=site-ca -days 2 -keyout "$made/ca.key" -out "$made/ca.crt"
ec -subj "/CN=$name" -keyout "$made/tls.key" -out "$made/tls.csr"
openssl x509 -req -in "$made/tls.csr" -CA "$made/ca.crt" -CAkey "$made/ca.key" -CAcreateserial -days 2 -out "$made/tls.crt" \
  -extfile <(printf 'subjectAltName=DNS:%s\n' "$name") 2>/dev/null
system create secret tls my-certificate --cert="$made/tls.crt" --key="$made/tls.key" >/dev/null
serving() { openssl s_client -connect "$(system get service llmkube-router-webhook -o jsonpath='{.spec.clusterIP}'):443" </dev/null 2>/dev/null | openssl x509 -noout -issuer; }

# The reconciler wrote caBundle until now: --force-conflicts hands it over.
install --force-conflicts --set certificates.mode=secret --set certificates.secret.name=my-certificate \
  --set-file certificates.secret.caBundle="$made/ca.crt" >/dev/null || stop "the chart installs with an own certificate"
within 30 "the webhook serves it" 'CN ?= ?site-ca' serving
service good phi4-mini | accepted "an apply"
service bad phi4-mini phi4-mini | denied "the webhook judges" 'spec.models\[1\].name'
check "no certificate of ours is left" 'NotFound' system get secret llmkube-router-webhook-tls
install >/dev/null || stop "the chart installs with its own certificate again"
within 30 "ours is served again" 'llmkube-router webhook CA' serving
service bad phi4-mini phi4-mini | denied "the webhook judges" 'spec.models\[1\].name'
