# A fourth model joins: advertised and answering, in the same Pod (same UID, no restart). Then one leaves, and its name with it.
# Beside others.
. "$(dirname "$0")/../lib/case.sh"

{ model phi4-mini; model qwen3-7b-coder; model gemma3-4b-summarizer; model llama3-1b; } | apply >/dev/null
k apply -f "$REPO/examples/edge-multi-model.yaml" >/dev/null
ready edge-multi-model
answers edge-multi-model phi4-mini
before=$(pod_identity edge-multi-model); began=$EPOCHREALTIME
k patch isvc edge-multi-model --type=json -p '[{"op": "add", "path": "/spec/models/-", "value": {"name": "llama3-1b", "aliases": ["small"]}}]' >/dev/null
within 30 "the fourth is advertised" 'llama3-1b' advertised edge-multi-model
printf '          %s s from the patch to its name in advertisedModels\n' "$(awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')"
ready edge-multi-model 60
answers edge-multi-model llama3-1b
answers edge-multi-model small llama3-1b
equal "in the same Pod, with no restart" "$before" "$(pod_identity edge-multi-model)"
k patch isvc edge-multi-model --type=json -p '[{"op": "remove", "path": "/spec/models/1"}]' >/dev/null
within 30 "a model that left is not advertised" '^phi4-mini gemma3-4b-summarizer llama3-1b$' advertised edge-multi-model
within 30 "nor served" '"code":(400|404)' chat "$NS" edge-multi-model qwen3-7b-coder
within 30 "its Job is gone" '^0$' sh -c "kubectl -n $NS get jobs -l inference.llmkube.dev/model=qwen3-7b-coder -o name | wc -l"
answers edge-multi-model gemma3-4b-summarizer
equal "still the same Pod" "$before" "$(pod_identity edge-multi-model)"
