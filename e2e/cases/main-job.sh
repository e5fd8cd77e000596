# The example of the README, unchanged: applied, Ready, and each of its three models answers through the Service.
# Beside others.
# On IPv6 too.
. "$(dirname "$0")/../lib/case.sh"

{ model phi4-mini; model qwen3-7b-coder; model gemma3-4b-summarizer; } | apply >/dev/null
check "the example is accepted as it is" 'edge-multi-model (created|serverside-applied)' k apply --validate=strict -f "$REPO/examples/edge-multi-model.yaml"
ready edge-multi-model
equal "advertisedModels in the order of spec" '["phi4-mini","qwen3-7b-coder","gemma3-4b-summarizer"]' "$(status edge-multi-model .status.advertisedModels)"
for m in phi4-mini qwen3-7b-coder gemma3-4b-summarizer; do
  answers edge-multi-model "$m"
  equal "only $m is resident after it answered" "$m" "$(resident "$NS" edge-multi-model)"
  check "$m is Available" '^Available ' model_state edge-multi-model "$m"
done
check "endpoint" "http://edge-multi-model\.$NS\.svc\.cluster\.local:8080/v1/chat/completions" status edge-multi-model .status.endpoint
equal "phase" '"Ready"' "$(status edge-multi-model .status.phase)"
equal "observedGeneration is the generation" "$(k get isvc edge-multi-model -o jsonpath='{.metadata.generation}')" "$(status edge-multi-model .status.observedGeneration)"
check "columns of kubectl get isvc" 'edge-multi-model +Ready +True +3/3 +1' k get isvc
check "Models are Ready" '^(Ready ){3}$' k get mdl -o 'jsonpath={range .items[*]}{.status.phase} {end}'
check "a name that nobody serves is an error of the server" '"code":(400|404)' chat "$NS" edge-multi-model nobody
equal "the Pod never restarted" 0 "$(pod_identity edge-multi-model | jq '.[0].restarts')"
