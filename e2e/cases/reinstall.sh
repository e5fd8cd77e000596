# helm uninstall leaves CRDs, objects, Pods and caches, and nothing else. helm install --wait means: an apply works at once, ten times.
. "$(dirname "$0")/../lib/case.sh"
trap 'install >/dev/null 2>&1; exit $((FAILED != 0))' EXIT
ours() { kubectl get all,secret,configmap,lease,sa,role,rolebinding,networkpolicy,pdb -n "$SYSTEM" -l app.kubernetes.io/part-of=llmkube-router -o name --ignore-not-found
  kubectl get mutatingwebhookconfiguration,validatingwebhookconfiguration,clusterrole,clusterrolebinding -l app.kubernetes.io/part-of=llmkube-router -o name; }

{ model phi4-mini; service stays phi4-mini; } | apply >/dev/null
ready stays
before=$(pod_identity stays)
check "before: it is all there" 'llmkube-router-webhook-tls' ours
check "uninstall says what it leaves" 'inferenceservices.inference.llmkube.dev' helm uninstall llmkube-router --namespace "$SYSTEM" --wait
within 60 "nothing else of the chart is left" '^$' ours
check "the CRDs are left" 'inferenceservices.inference.llmkube.dev' kubectl get crd -o name
answers stays phi4-mini
check "the cache is left" 'llmkube-model-cache' k get pvc -o name

for try in $(seq 10); do
  began=$EPOCHREALTIME
  if ! out=$(install 2>&1); then stop "install $try" "$out"; fi
  took=$(awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')
  # an apply right behind the install: the good one is taken with its defaults, the bad one is refused by the webhook in its own words
  service "first-$try" phi4-mini | accepted "an apply right after install $try ($took s)"
  { service "bad-$try" phi4-mini phi4-mini; } | denied "the webhook judges right after install $try" 'spec.models\[1\].name'
  [ "$try" = 10 ] || helm uninstall llmkube-router --namespace "$SYSTEM" --wait >/dev/null 2>&1
done
equal "through all of it the service's Pod is the same" "$before" "$(pod_identity stays)"
answers stays phi4-mini
